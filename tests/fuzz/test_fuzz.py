"""Fuzzing the native module with libFuzzer under AddressSanitizer and UndefinedBehaviorSanitizer.

Seconds here, ten minutes of CPU time a target in the full form (`make soak`).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

_SECONDS = 12
_COMPILE_S, _MARGIN_S = 900, 60
_FLAGS = [
    "-std=c++20",
    "-O1",
    "-gline-tables-only",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=undefined",
    "-ffp-contract=off",
    "-fno-trapping-math",
    "-pthread",
    "-Wno-bitwise-conditional-parentheses",  # `a & b ? 1 : 0` is meant
]


@pytest.fixture(scope="module")
def compiler() -> str:
    if platform.machine() != "x86_64":
        pytest.skip("the fuzz targets are built for x86-64 only")
    found = shutil.which("clang++-14")
    if found is None:
        pytest.skip("no clang++-14 with libFuzzer — run .ci/packages tests")
    return found


@pytest.fixture(scope="module")
def core(compiler: str, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The objects that every target is linked with."""
    folder = tmp_path_factory.mktemp("core")

    def compiled(source: Path) -> Path:
        made = folder / f"{source.stem}.o"
        compile_cpp(compiler, repository, ["-c", source, "-o", made])
        return made

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(compiled, sorted((repository / "csrc" / "core").glob("*.cpp"))))


def compile_cpp(compiler: str, repository: Path, arguments: list[str | Path]) -> None:
    subprocess.run([compiler, *_FLAGS, "-Icsrc", *arguments], cwd=repository, check=True, timeout=_COMPILE_S)


@pytest.mark.timeout(0)  # the subprocesses have limits of their own
@pytest.mark.parametrize("target", ["arrow_import", "online_segment", "row_store", "state_bytes"])
def test_hostile_bytes_neither_crash_nor_hang(
    target: str, compiler: str, core: list[Path], repository: Path, tmp_path: Path, soak_factor: int
) -> None:
    program, corpus = tmp_path / target, tmp_path / "corpus"
    corpus.mkdir()
    compile_cpp(compiler, repository, [repository / "tests" / "fuzz" / f"{target}.cpp", *core, "-o", program])
    seconds = _SECONDS * soak_factor
    sizes = ["-len_control=0", "-max_len=512"]  # an input of a few bytes reaches no kernel
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-seed={soak_factor}", *sizes]
    done = subprocess.run(
        [program, *limits, f"-artifact_prefix={tmp_path}/", corpus],
        env=os.environ | {"MLRT_THREADS": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=seconds + _MARGIN_S,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    runs = int(done.stderr.rpartition("Done ")[2].split()[0])
    assert runs > 1000, f"only {runs} inputs in {seconds} s"
