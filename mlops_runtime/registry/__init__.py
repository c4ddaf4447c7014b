"""Bundles, scoring, versions and aliases."""

from mlops_runtime.registry.bundle import Bundle, BundleContents, write_bundle
from mlops_runtime.registry.manifest import Manifest
from mlops_runtime.registry.model import Model, Scores
from mlops_runtime.registry.records import AliasMove, Route, Version
from mlops_runtime.registry.scorer import Scorer
from mlops_runtime.registry.store import Registry

__all__ = [
    "AliasMove",
    "Bundle",
    "BundleContents",
    "Manifest",
    "Model",
    "Registry",
    "Route",
    "Scorer",
    "Scores",
    "Version",
    "write_bundle",
]
