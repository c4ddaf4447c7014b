"""Bundles, scoring, versions and aliases."""

from mlops_runtime.registry.bundle import Bundle, BundleContents, write_bundle
from mlops_runtime.registry.manifest import Manifest
from mlops_runtime.registry.model import Model, Scores
from mlops_runtime.registry.scorer import Scorer

__all__ = ["Bundle", "BundleContents", "Manifest", "Model", "Scorer", "Scores", "write_bundle"]
