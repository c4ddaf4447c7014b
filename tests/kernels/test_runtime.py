"""SIMD levels and threads: what the environment may ask for, and what happens after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from kernel_inputs import column

from mlops_runtime import _native
from mlops_runtime._native import Moments

LEVELS = ["scalar", "avx2", "avx512"]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("level", LEVELS[: LEVELS.index(_native.detected_isa()) + 1])
def test_the_environment_lowers_the_level(level: str) -> None:
    result = run("import mlops_runtime; print(mlops_runtime.active_isa())", MLRT_ISA=level)
    assert result.stdout.strip() == level, result.stderr


def test_an_unknown_level_is_a_config_error_at_first_use() -> None:
    assert run("import mlops_runtime._native", MLRT_ISA="mmx").returncode == 0
    result = run("import mlops_runtime; mlops_runtime.active_isa()", MLRT_ISA="mmx")
    assert "core.errors.ConfigError: MLRT_ISA: expected scalar, avx2 or avx512, got 'mmx'" in result.stderr


@pytest.mark.parametrize("threads", ["0", "-1", "two", "", "100000"])
def test_an_unusable_thread_count_is_a_config_error(threads: str) -> None:
    result = run("import mlops_runtime._native as n; n.thread_count()", MLRT_THREADS=threads)
    assert "ConfigError: MLRT_THREADS: expected a whole number from 1 to 1024" in result.stderr


def test_the_default_thread_count_is_what_this_process_may_use() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MLRT_THREADS"}
    code = "import mlops_runtime._native as n; print(n.thread_count())"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(result.stdout) == len(os.sched_getaffinity(0))


def test_what_is_set_by_hand_must_be_possible() -> None:
    with pytest.raises(ValueError, match="set_isa: expected scalar, avx2 or avx512, got 'sse9'"):
        _native.set_isa("sse9")
    with pytest.raises(ValueError, match="1 to 1024"):
        _native.set_thread_count(0)


def test_python_threads_may_share_one_state() -> None:
    state, table = Moments(), column(np.ones(100_000))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: state.update(table, 0), range(20)))
    assert (state.count, state.sums()[0]) == (2_000_000, 2_000_000 << 1074)


def test_a_forked_child_computes_with_threads_of_its_own() -> None:
    code = """
import os, numpy as np, pyarrow as pa
from mlops_runtime._native import ArrowTable, Moments, set_thread_count
set_thread_count(2)
table = ArrowTable(pa.table({"x": np.ones(300_000)}))
Moments().update(table, 0)
child = os.fork()
state = Moments()
state.update(table, 0)
assert state.count == 300_000
if child == 0:
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    result = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_module_loads_nothing_else() -> None:
    code = "import sys; from mlops_runtime import _native; print('numpy' in sys.modules, 'pyarrow' in sys.modules)"
    assert run(code).stdout.split() == ["False", "False"]
