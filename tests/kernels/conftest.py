"""What every kernel test needs: each SIMD level this processor has, restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_runtime import _native

LEVELS = ["scalar", "avx2", "avx512"]
AVAILABLE = LEVELS[: LEVELS.index(_native.detected_isa()) + 1]


@pytest.fixture(params=AVAILABLE)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _native.active_isa()
    _native.set_isa(request.param)
    yield request.param
    _native.set_isa(before)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = _native.thread_count()
    _native.set_thread_count(request.param)
    yield request.param
    _native.set_thread_count(before)


# Around every vector width, around a block (2,048 rows) and a task (65,536 rows).
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 255, 257, 2047, 2048, 2049, 65537]


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)
