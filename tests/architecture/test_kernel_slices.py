"""A kernel is one vertical slice: whoever adds `csrc/kernels/NAME.hpp` adds everything that goes with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = sorted((ROOT / "csrc" / "kernels").glob("*.hpp"))
KERNELS = [header.stem for header in HEADERS]
HEADER_BUDGET_LINES = 250


def test_there_are_kernels_to_check() -> None:
    assert KERNELS


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("place", ["kernels/{}/reference.py", "tests/kernels/test_{}.py", "benchmarks/bench_{}.py"])
def test_a_kernel_has_its_oracle_its_test_and_its_benchmark(kernel: str, place: str) -> None:
    expected = ROOT / place.format(kernel)
    assert expected.is_file(), f"csrc/kernels/{kernel}.hpp has no {expected.relative_to(ROOT)}"


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_bound_in_one_file(kernel: str) -> None:
    bindings = (ROOT / "csrc" / "bindings").glob("*.cpp")
    users = [path.name for path in bindings if f'kernels/{kernel}.hpp"' in path.read_text(encoding="utf-8")]
    assert len(users) == 1, f"expected one file of csrc/bindings to include kernels/{kernel}.hpp, got {users}"


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_has_its_line_in_the_changelog(kernel: str) -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("- ") and f"`{kernel}`" in line for line in lines), f"CHANGELOG.md: no `{kernel}`"


@pytest.mark.parametrize("header", HEADERS, ids=KERNELS)
def test_a_kernel_opens_with_its_contract_and_has_every_level(header: Path) -> None:
    text = header.read_text(encoding="utf-8")
    contract = re.search(rf"^// {header.stem}: (?:.*\n//)*", text, re.MULTILINE)
    assert contract, f"{header.name}: expected a contract comment that opens with `// {header.stem}: `"
    missing = [word for word in ("Input", "Output", "Cost", "Source") if word not in text.partition("namespace")[0]]
    assert not missing, f"{header.name}: the contract does not say {missing}"
    levels = [level for level in ("scalar", "avx2", "avx512") if not re.search(rf"namespace [\w:]*\b{level}\b", text)]
    assert not levels, f"{header.name}: no namespace for {levels}"
    assert "select(" in text, f"{header.name}: no select(Isa)"


@pytest.mark.parametrize("header", HEADERS, ids=KERNELS)
def test_a_kernel_header_keeps_its_budget(header: Path) -> None:
    lines = header.read_text(encoding="utf-8").count("\n")
    assert lines <= HEADER_BUDGET_LINES, f"{header.name}: {lines} lines, the budget is {HEADER_BUDGET_LINES}"
