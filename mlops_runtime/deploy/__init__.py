"""Rollouts: canary, promote, roll back. Only the registry changes; servers follow it."""

from mlops_runtime.deploy.rollout import Rollout, canary, promote, rollback, status

__all__ = ["Rollout", "canary", "promote", "rollback", "status"]
