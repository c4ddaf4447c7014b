"""How disturbed a measurement was: what the rest of the machine did between two moments."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Noise", "NoiseProbe"]

_MAX_FOREIGN_SHARE = 0.05
_MAX_STALLED_SHARE = 0.10
_MAX_STEAL_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Noise:
    """What disturbed a measurement, from `/proc` before and after; shares are 0..1 of its wall time.

    foreign_share: CPU time of everything that is not a contender, over cores x wall (idle machine: about 0.01).
    stalled_share: time in which some runnable task waited for a core, the `some` line of `/proc/pressure/cpu`
    (Linux, Documentation/accounting/psi.rst); None where the kernel does not offer it.
    steal_share: time the hypervisor took away, from `/proc/stat`.
    """

    wall_s: float
    foreign_share: float
    stalled_share: float | None
    steal_share: float
    pressure_avg10_before: float | None
    pressure_avg10_after: float | None
    load_before: float
    load_after: float
    involuntary_switches: int

    def complaint(self) -> str | None:
        """Return why the machine was too busy to measure on, or None.

        A disturbance of share s lengthens a run by about s / (1 - s). The limits keep that near the 5 % at which
        we would still quote a ratio: foreign CPU 5 %, steal 2 %. Stalls may reach 10 %, because a contender that
        uses every core makes some of its own.
        """
        if self.foreign_share > _MAX_FOREIGN_SHARE:
            return f"other processes used {self.foreign_share:.0%} of the machine (limit {_MAX_FOREIGN_SHARE:.0%})"
        if self.steal_share > _MAX_STEAL_SHARE:
            return f"the hypervisor took {self.steal_share:.0%} of the time (limit {_MAX_STEAL_SHARE:.0%})"
        if self.stalled_share is not None and self.stalled_share > _MAX_STALLED_SHARE:
            return f"tasks waited for a core {self.stalled_share:.0%} of the time (limit {_MAX_STALLED_SHARE:.0%})"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)


class NoiseProbe:
    """Reads the machine's counters when made; `finish` turns the difference into a `Noise`."""

    def __init__(self) -> None:
        self._wall_s = time.monotonic()
        self._busy_s, self._steal_s = _machine_cpu_s()
        self._pressure = _pressure()
        self._load = os.getloadavg()[0]
        self._switches = _involuntary_switches()

    def finish(self, own_cpu_s: float) -> Noise:
        """own_cpu_s: CPU seconds the measuring process and its contenders used since the probe was made."""
        wall_s = max(time.monotonic() - self._wall_s, 1e-9)
        busy_s, steal_s = _machine_cpu_s()
        capacity_s = wall_s * (os.cpu_count() or 1)
        before, after = self._pressure, _pressure()
        return Noise(
            wall_s=wall_s,
            foreign_share=max(0.0, busy_s - self._busy_s - own_cpu_s) / capacity_s,
            stalled_share=(after[1] - before[1]) / wall_s if before and after else None,
            steal_share=(steal_s - self._steal_s) / capacity_s,
            pressure_avg10_before=before[0] if before else None,
            pressure_avg10_after=after[0] if after else None,
            load_before=self._load,
            load_after=os.getloadavg()[0],
            involuntary_switches=_involuntary_switches() - self._switches,
        )


def _machine_cpu_s() -> tuple[float, float]:
    """Return (busy, stolen) CPU seconds of the whole machine since boot."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) * tick_s, steal * tick_s


def _pressure() -> tuple[float, float] | None:
    """Return (avg10 in percent, total stalled seconds) of CPU pressure, or None when the kernel has no PSI."""
    try:
        line = Path("/proc/pressure/cpu").read_text(encoding="ascii").split("\n", 1)[0]
    except OSError:
        return None
    fields = dict(field.split("=") for field in line.split()[1:])
    return float(fields["avg10"]), int(fields["total"]) * 1e-6


def _involuntary_switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
