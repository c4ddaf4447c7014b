"""Measuring machines and code: interleaved benchmarks against named peers and the physical floor."""

from __future__ import annotations

from mlops_runtime.sizing.measure import Contender, Measurement, Ratio, Timing, measure
from mlops_runtime.sizing.noise import Noise
from mlops_runtime.sizing.peers import PeerProcess, peer_environment
from mlops_runtime.sizing.results import benchmark_main, write_result

__all__ = [
    "Contender",
    "Measurement",
    "Noise",
    "PeerProcess",
    "Ratio",
    "Timing",
    "benchmark_main",
    "measure",
    "peer_environment",
    "write_result",
]
