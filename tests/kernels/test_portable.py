"""The kernels on a processor that is not x86: they compile, with the scalar level alone."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "csrc" / "kernels").glob("*.hpp"))
SOURCES = sorted((ROOT / "csrc" / "core").glob("*.cpp"))
FLAGS = ["-std=c++20", "-O1", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno", "-Wall", "-Wextra",
         "-Wconversion", "-Wshadow", "-Werror", f"-I{ROOT / 'csrc'}"]  # fmt: skip
CROSS = shutil.which("aarch64-linux-gnu-g++")
COMPILERS = {
    "without x86": [shutil.which("g++") or "c++", "-DMLRT_NO_X86"],
    "aarch64": [CROSS or "aarch64-linux-gnu-g++"],
}


@pytest.mark.parametrize("target", COMPILERS)
def test_every_kernel_compiles(target: str, tmp_path: Path) -> None:
    if target == "aarch64" and CROSS is None:
        pytest.skip("needs Debian's g++-aarch64-linux-gnu")
    everything = tmp_path / "everything.cpp"
    uses = "".join(f'#include "kernels/{header.name}"\n' for header in HEADERS)
    selects = "".join(
        f"auto use_{header.stem} = mlrt::{header.stem}::select(mlrt::Isa::scalar);\n"
        for header in HEADERS
        if "inline Run select(" in header.read_text(encoding="utf-8")
    )
    everything.write_text(uses + selects, encoding="utf-8")
    for source in [everything, *SOURCES]:
        command = [*COMPILERS[target], *FLAGS, "-c", str(source), "-o", str(tmp_path / "object.o")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_code_for_one_level_stays_in_its_functions(tmp_path: Path) -> None:
    """An AVX-512 register in a function of another level would crash older processors."""
    source = tmp_path / "everything.cpp"
    source.write_text("".join(f'#include "kernels/{header.name}"\n' for header in HEADERS) + _INSTANTIATE)
    command = [shutil.which("g++") or "c++", *FLAGS, "-O3", "-S", str(source), "-o", str(tmp_path / "code.s")]
    subprocess.run(command, check=True)
    function, wide = "", set()
    for line in (tmp_path / "code.s").read_text().splitlines():
        if line.endswith(":") and not line.startswith((".", " ", "\t")):
            function = line
        elif "%zmm" in line or "%ymm" in line:
            wide.add(function)
    assert wide or platform.machine() != "x86_64", "no function uses wide registers: this test tests nothing"
    assert [name for name in wide if "avx2" not in name and "avx512" not in name] == []


_INSTANTIATE = """
void use(mlrt::Table& table, mlrt::moments::Moments& a, mlrt::histogram::Histogram& b, mlrt::quantiles::Sample& c,
         mlrt::dense::Plan& d, float* out, mlrt::encoders::Plan& e, std::int64_t* ids, std::uint64_t* hashes) {
  const mlrt::Blocks blocks(table, 0);
  mlrt::moments::update(a, blocks);
  mlrt::histogram::update(b, blocks);
  mlrt::quantiles::update(c, blocks, 0);
  mlrt::dense::run(d, table, out);
  mlrt::encoders::run(e, table, ids);
  mlrt::hash::run({{0, 1}}, table, 0, hashes);
}
"""
