"""The measurement core: contenders run in turn, round after round, so that a slow minute slows them all.

A measurement is VALID or NOISY. It is NOISY, with the reason, when the machine was too busy (`Noise.complaint`) or when
a contender's median is known no better than ±10 % (half the width of its 95 % bootstrap interval over the median).
Only VALID measurements may be quoted.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.sizing.noise import Noise, NoiseProbe

__all__ = ["Contender", "Measurement", "Ratio", "Timing", "measure"]

Role = Literal["subject", "peer", "floor"]

_RESAMPLES = 2000
_MAX_HALF_WIDTH = 0.10
_FEWEST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Contender:
    """One side of a benchmark.

    run: one timed call. threads: how many it is set to use, for the record. role: "subject" (ours), "peer" (a named
    library) or "floor" (physics: the same bytes copied or read). cpu_s: for work outside this process (a
    `PeerProcess`), its CPU seconds so far. calls: timed calls per turn, for calls too short for the clock (results are
    per call).
    """

    name: str
    run: Callable[[], object]
    threads: int = 1
    role: Role = "peer"
    cpu_s: Callable[[], float] | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call of one contender, one entry a round: wall, and CPU of the process, its children and peers."""

    name: str
    role: Role
    threads: int
    calls: int
    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Median wall seconds."""
        return float(np.median(self.wall_s))

    @property
    def median_cpu_s(self) -> float:
        """Median CPU seconds."""
        return float(np.median(self.cpu_s))

    def interval_s(self) -> tuple[float, float]:
        """Return the 95 % percentile-bootstrap interval of the median (Efron & Tibshirani 1993, ch. 13)."""
        medians = _resampled_medians(np.asarray(self.wall_s))
        return _interval(medians)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Peer's median time over the subject's, with a 95 % interval: above 1 the subject is faster."""

    subject: str
    peer: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What `measure` found."""

    name: str
    timings: tuple[Timing, ...]
    noise: Noise
    warmup: int

    def timing(self, name: str) -> Timing:
        """Return one contender's timing. Raises ConfigError for an unknown name."""
        for timing in self.timings:
            if timing.name == name:
                return timing
        known = ", ".join(timing.name for timing in self.timings)
        raise ConfigError(f"{self.name}: expected one of {known}, got {name!r} — name a contender that was measured")

    def ratio(self, subject: str, peer: str) -> Ratio:
        """How many times faster `subject` is than `peer`; rounds are resampled in pairs, so shared noise cancels."""
        ours, theirs = self.timing(subject), self.timing(peer)
        ratios = _resampled_medians(np.asarray(theirs.wall_s)) / _resampled_medians(np.asarray(ours.wall_s))
        low, high = _interval(ratios)
        return Ratio(subject, peer, theirs.median_s / ours.median_s, low, high)

    @property
    def subject(self) -> Timing:
        """The contender with the role "subject", else the first."""
        return next((timing for timing in self.timings if timing.role == "subject"), self.timings[0])

    @property
    def complaint(self) -> str | None:
        """Why the measurement is NOISY, or None when it is VALID."""
        busy = self.noise.complaint()
        if busy is not None:
            return busy
        uncertain = _uncertain({timing.name: timing.wall_s for timing in self.timings})
        if uncertain is None:
            return None
        name, half_width = uncertain
        return f"the median of {name} is uncertain by ±{half_width:.0%} (limit ±{_MAX_HALF_WIDTH:.0%})"

    @property
    def verdict(self) -> Literal["VALID", "NOISY"]:
        """VALID, or NOISY: the rule is in the module's docstring."""
        return "VALID" if self.complaint is None else "NOISY"

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as plain JSON values; ratios are of the subject to every other contender."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "reason": self.complaint,
            "rounds": len(self.timings[0].wall_s),
            "warmup": self.warmup,
            "contenders": [_timing_dict(timing) for timing in self.timings],
            "ratios": [_ratio_dict(self.ratio(self.subject.name, other.name)) for other in self._others()],
            "noise": self.noise.to_dict(),
        }

    def table(self) -> Table:
        """Return a terminal table: one row a contender, with its time relative to the subject's."""
        drawn = Table(title=f"{self.name} — {self.verdict}", title_justify="left", show_edge=False)
        for header in ("contender", "threads", "median ms", "95 % interval", "CPU ms", "x subject"):
            drawn.add_column(header, justify="left" if header == "contender" else "right")
        for timing in self.timings:
            low, high = timing.interval_s()
            drawn.add_row(
                f"{timing.name} ({timing.role})",
                str(timing.threads),
                f"{timing.median_s * 1e3:.4g}",
                f"{low * 1e3:.4g} .. {high * 1e3:.4g}",
                f"{timing.median_cpu_s * 1e3:.4g}",
                f"{timing.median_s / self.subject.median_s:.2f}",
            )
        if self.complaint:
            drawn.caption = f"NOISY: {self.complaint}"
        return drawn

    def _others(self) -> list[Timing]:
        return [timing for timing in self.timings if timing.name != self.subject.name]


def measure(
    name: str,
    contenders: Sequence[Contender],
    *,
    rounds: int = 15,
    patience: int = 4,
    warmup: int = 2,
    setup: Callable[[], object] | None = None,
) -> Measurement:
    """Time contenders in interleaved rounds; the order rotates every round, so none always runs first or last.

    rounds: as many at least; while a median is not known to ±10 %, up to `patience` times as many (a fixed-width
    sequential interval: Chow & Robbins, Ann. Math. Stat. 36, 1965; the stop looks at the width, not at who wins).
    setup: run before each contender's turn, untimed. The garbage collector is off while a contender runs.
    Raises ConfigError without contenders, with a doubled name, or with fewer than 3 rounds.

    >>> quick = measure("sum", [Contender("sum", lambda: sum(range(99)), role="subject")], rounds=3, patience=1)
    >>> len(quick.timing("sum").wall_s)
    3
    """
    _check(name, contenders, rounds)
    wall: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    cpu: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        for _ in range(warmup):
            _turn(contender, setup)
    gc.collect()
    probe, own_before = NoiseProbe(), _own_cpu_s(contenders)
    turn = 0
    while turn < rounds or (turn < rounds * patience and _uncertain(wall) is not None):
        shift = turn % len(contenders)
        for contender in (*contenders[shift:], *contenders[:shift]):
            wall_s, cpu_s = _turn(contender, setup)
            wall[contender.name].append(wall_s)
            cpu[contender.name].append(cpu_s)
        turn += 1
    noise = probe.finish(_own_cpu_s(contenders) - own_before)
    timings = (Timing(c.name, c.role, c.threads, c.calls, tuple(wall[c.name]), tuple(cpu[c.name])) for c in contenders)
    return Measurement(name, tuple(timings), noise, warmup)


def _uncertain(wall: Mapping[str, Sequence[float]]) -> tuple[str, float] | None:
    """Return the first contender whose median is not known well enough, and its uncertainty."""
    for name, values in wall.items():
        low, high = _interval(_resampled_medians(np.asarray(values)))
        half_width = (high - low) / 2 / float(np.median(values))
        if half_width > _MAX_HALF_WIDTH:
            return name, half_width
    return None


def _check(name: str, contenders: Sequence[Contender], rounds: int) -> None:
    names = [contender.name for contender in contenders]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"{name}: expected contenders with distinct names, got {names} — name each once")
    fewest = min(contender.calls for contender in contenders)
    if rounds < _FEWEST_ROUNDS or fewest < 1:
        raise ConfigError(f"{name}: expected rounds >= 3 and calls >= 1, got {rounds} and {fewest} — raise them")


def _turn(contender: Contender, setup: Callable[[], object] | None) -> tuple[float, float]:
    """Run one contender as often as it says; return (wall, CPU) seconds per call."""
    if setup is not None:
        setup()
    run = contender.run
    gc.disable()
    try:
        cpu_before = _own_cpu_s([contender])
        started = time.perf_counter()
        for _ in range(contender.calls):
            run()
        wall_s = time.perf_counter() - started
        cpu_s = _own_cpu_s([contender]) - cpu_before
    finally:
        gc.enable()
    return wall_s / contender.calls, cpu_s / contender.calls


def _own_cpu_s(contenders: Sequence[Contender]) -> float:
    """CPU seconds of this process, its finished children, and the peer processes of these contenders."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    outside = sum(read() for read in {contender.cpu_s for contender in contenders} if read is not None)
    return time.process_time() + children.ru_utime + children.ru_stime + outside


def _resampled_medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians of bootstrap resamples; the fixed seed makes resample i use the same rounds for every contender."""
    rows = np.random.default_rng(0).integers(0, len(values), size=(_RESAMPLES, len(values)))
    medians: NDArray[np.float64] = np.median(values[rows], axis=1)
    return medians


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _timing_dict(timing: Timing) -> dict[str, Any]:
    return {
        "name": timing.name,
        "role": timing.role,
        "threads": timing.threads,
        "calls": timing.calls,
        "median_s": timing.median_s,
        "interval_s": list(timing.interval_s()),
        "median_cpu_s": timing.median_cpu_s,
        "wall_s": list(timing.wall_s),
        "cpu_s": list(timing.cpu_s),
    }


def _ratio_dict(ratio: Ratio) -> dict[str, Any]:
    return {"subject": ratio.subject, "peer": ratio.peer, "value": ratio.value, "low": ratio.low, "high": ratio.high}
