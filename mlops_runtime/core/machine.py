"""What machine this is: a fingerprint for results, and the measured record `$MLRT_HOME/machine.json`."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from mlops_runtime import _native
from mlops_runtime.core.settings import settings

__all__ = ["Machine", "describe_machine", "measured_record"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that decide whether two measurements can be compared. Memory in GiB."""

    cpu: str
    cores: int
    usable_cores: int
    memory_gib: float
    isa: str
    os: str
    python: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fingerprint as plain JSON values."""
        return asdict(self)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe_machine() -> Machine:
    """Return this machine's fingerprint."""
    return Machine(
        cpu=_cpu_name(),
        cores=os.cpu_count() or 1,
        usable_cores=len(os.sched_getaffinity(0)),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        isa=_native.detected_isa(),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def measured_record() -> dict[str, Any] | None:
    """Return what `mlrt bench` measured on this machine, or None when it was never measured."""
    path = settings().home / "machine.json"
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record
