"""A kernel is one vertical slice: whoever binds `csrc/kernels/NAME.hpp` adds everything that goes with it.

A header that no binding includes is a step that other kernels share; it needs a contract, and a user.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "csrc" / "kernels").glob("*.hpp"))}
BINDINGS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "csrc" / "bindings").glob("*.cpp"))}
HEADER_BUDGET_LINES = 250


def _users(name: str, sources: dict[str, str]) -> list[str]:
    return [user for user, text in sources.items() if f'#include "kernels/{name}.hpp"' in text]


KERNELS = [name for name in HEADERS if _users(name, BINDINGS)]
SHARED = [name for name in HEADERS if name not in KERNELS]


def test_there_are_kernels_to_check() -> None:
    assert KERNELS


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("place", ["kernels/{}/reference.py", "tests/kernels/test_{}.py", "benchmarks/bench_{}.py"])
def test_a_kernel_has_its_oracle_its_test_and_its_benchmark(kernel: str, place: str) -> None:
    expected = ROOT / place.format(kernel)
    assert expected.is_file(), f"csrc/kernels/{kernel}.hpp has no {expected.relative_to(ROOT)}"


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_bound_in_one_file(kernel: str) -> None:
    assert len(_users(kernel, BINDINGS)) == 1


@pytest.mark.parametrize("step", SHARED)
def test_a_shared_step_has_a_kernel_that_uses_it(step: str) -> None:
    assert _users(step, HEADERS), f"csrc/kernels/{step}.hpp: neither a binding nor a kernel includes it"


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_has_its_line_in_the_changelog(kernel: str) -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("- ") and f"`{kernel}`" in line for line in lines), f"CHANGELOG.md: no `{kernel}`"


@pytest.mark.parametrize("name", HEADERS)
def test_a_kernel_opens_with_its_contract(name: str) -> None:
    comment = HEADERS[name].partition("#pragma once")[0]
    assert comment.startswith(f"// {name}: "), f"{name}.hpp: expected `// {name}: ` and what it computes"
    missing = [word for word in ("Input", "Output", "Error") if f"// {word} " not in comment]
    assert not missing, f"{name}.hpp: the contract does not say {missing}"


@pytest.mark.parametrize("name", HEADERS)
def test_a_kernel_header_keeps_its_budget(name: str) -> None:
    assert HEADERS[name].count("\n") <= HEADER_BUDGET_LINES
