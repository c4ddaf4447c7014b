"""Governance: signatures, the audit log, and the one place that commits a state change."""

from mlops_runtime.governance.commit import commit

__all__ = ["commit"]
