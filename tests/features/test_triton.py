"""The Triton kernels without a GPU: the same bits in the interpreter, and sound machine code for sm_80 and sm_90.

Triton lives in folders of its own, a version each (`make triton`), because torch's CPU build wants none.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.data.synthetic import claims

VERSIONS = ("3.6.0", "3.9.0")


@pytest.fixture(params=VERSIONS)
def environment(request: pytest.FixtureRequest, repository: Path, tmp_path: Path) -> dict[str, str]:
    pytest.importorskip("torch")
    folder = repository / ".triton" / request.param
    if not (folder / "triton").is_dir():
        pytest.skip(f"no Triton {request.param} — run make triton")
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "TRITON_CACHE_DIR": str(tmp_path / "cache"),
        "TRITON_DEFAULT_FP_FUSION": "0",
    }


def _run(environment: dict[str, str], script: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, script, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_kernels_give_the_native_bits_in_the_interpreter(environment: dict[str, str]) -> None:
    script = Path(__file__).with_name("triton_parity.py")
    said = _run({**environment, "TRITON_INTERPRET": "1"}, script)
    assert "no bit differs" in said


@pytest.mark.parametrize("capability", ["80", "90"])
def test_the_kernels_compile_without_spills_or_fused_additions(environment: dict[str, str], capability: str) -> None:
    script = Path(__file__).with_name("triton_compile.py")
    kernels = json.loads(_run(environment, script, capability))["kernels"]
    assert {name: k["spilled_bytes"] for name, k in kernels.items()} == dict.fromkeys(kernels, 0)
    assert {name: k["fused"] for name, k in kernels.items()} == dict.fromkeys(kernels, 0)
    assert kernels["dense of 16 columns"]["wide_stores"] == 4, "a thread stores four outputs of a row at once"


def test_the_parity_command_compares_what_triton_runs(environment: dict[str, str], tmp_path: Path) -> None:
    file, program = tmp_path / "claims.csv", tmp_path / "program"
    pyarrow.csv.write_csv(claims(300, seed=5), file)
    assert run(["features", "fit", str(file), "--target", "fraud", "-o", str(program)]) == 0
    command = [sys.executable, "-m", "mlops_runtime.cli", "features", "parity", str(program), str(file), "--json"]
    interpreted = {**environment, "TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=interpreted, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert "triton" in report["exact"]
    found = {entry["operation"]: entry for entry in report["operations"] if entry["backend"] == "triton"}
    assert found["affine"]["outputs"] > 0
    assert {entry["max_ulp"] for entry in found.values()} == {0}
    assert "vocabulary" not in found, "it is no operation of Triton's"


@pytest.mark.parametrize("interpreter", ["", "1"])
def test_triton_that_cannot_run_is_refused_when_asked_for(interpreter: str, tmp_path: Path) -> None:
    file, program = tmp_path / "claims.csv", tmp_path / "program"
    pyarrow.csv.write_csv(claims(50, seed=5), file)
    assert run(["features", "fit", str(file), "--target", "fraud", "-o", str(program)]) == 0
    command = [sys.executable, "-m", "mlops_runtime.cli", "features", "parity", str(program), str(file)]
    bare = {**os.environ, "TRITON_INTERPRET": interpreter}
    done = subprocess.run([*command, "--triton"], env=bare, capture_output=True, text=True)
    if importlib.util.find_spec("triton") is None:
        assert done.returncode == 2
        assert 'pip install "mlops_runtime[torch,gpu]"' in done.stderr
    assert subprocess.run(command, env=bare, capture_output=True).returncode == 0
