"""The machine's memory roofline: how fast it reads and copies, the floor of every streaming kernel."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.settings import settings
from mlops_runtime.sizing.measure import Contender, Measurement, measure
from mlops_runtime.sizing.results import provenance

__all__ = ["bandwidth_gb_s", "measure_bandwidth", "write_machine_record"]

_DEFAULT_MIB = 256


def measure_bandwidth(*, mib: int = _DEFAULT_MIB, rounds: int = 15) -> Measurement:
    """Time reading and copying `mib` MiB with one thread and with every usable core, interleaved.

    Reading is the maximum of float32 values, which NumPy does with SIMD and is bound by memory; copying is
    `numpy.copyto`. The buffers are touched first, so page faults are not counted. mib: several times the last cache.
    """
    source = np.ones(mib * 2**20 // 4, np.float32)
    target = np.zeros_like(source)
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        contenders = [
            _contender(name, work, threads, source, target, pool)
            for threads in sorted({1, cores})
            for name, work in (("read", _read), ("copy", np.copyto))
        ]
        return measure(f"memory bandwidth, {mib} MiB", contenders, rounds=rounds)


def bandwidth_gb_s(measurement: Measurement, *, mib: int = _DEFAULT_MIB) -> dict[str, dict[str, float]]:
    """Return `{"read": {"1": GB/s, …}, "copy": …}`; a copy's rate counts the copied bytes once."""
    rates: dict[str, dict[str, float]] = {}
    for timing in measurement.timings:
        name = timing.name.split()[0]
        rates.setdefault(name, {})[str(timing.threads)] = mib * 2**20 / timing.median_s / 1e9
    return rates


def write_machine_record(measurement: Measurement) -> Path:
    """Write `$MLRT_HOME/machine.json`, which lower floors read through `core.machine.measured_record`."""
    record: dict[str, Any] = {
        **provenance(),
        "bandwidth_gb_s": bandwidth_gb_s(measurement),
        "verdict": measurement.verdict,
        "reason": measurement.complaint,
        "noise": measurement.noise.to_dict(),
    }
    path = settings().home / "machine.json"
    durable_write(path, (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
    return path


def _read(_target: NDArray[np.float32], source: NDArray[np.float32]) -> None:
    source.max()


def _contender(
    name: str,
    work: Callable[[NDArray[np.float32], NDArray[np.float32]], None],
    threads: int,
    source: NDArray[np.float32],
    target: NDArray[np.float32],
    pool: ThreadPoolExecutor,
) -> Contender:
    """One slice a thread; NumPy releases the GIL inside `work`."""
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))

    def run() -> None:
        if threads == 1:
            work(target, source)
        else:
            for future in wait([pool.submit(work, *pair) for pair in pairs]).done:
                future.result()

    return Contender(f"{name} x{threads}", run, threads=threads, role="floor")
