"""One kernel at every instruction set of this processor: the contenders that the kernel benchmarks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlops_runtime import _native
from mlops_runtime.sizing import Contender

_LEVELS = ("scalar", "avx2", "avx512")


def every_level(run: Callable[[], object], threads: int = 1) -> Iterator[Contender]:
    """Our kernel at every level this processor has, on as many threads as `run` uses; the best one is the subject."""
    for level in _LEVELS[: _LEVELS.index(_native.detected_isa()) + 1]:

        def at_level(level: str = level) -> None:
            _native.set_isa(level)
            run()

        role = "subject" if level == _native.detected_isa() else "peer"
        yield Contender(f"mlops_runtime, {level}", at_level, threads, role=role)
