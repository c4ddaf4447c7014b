"""The Triton kernels without a GPU: the same bits in the interpreter, and sound machine code for sm_80 and sm_90.

Triton lives in folders of its own, a version each (`make triton`), because torch's CPU build wants none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
