"""The public face: few names, each in one place, and a bare import that costs next to nothing."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_runtime

ROOT = Path(__file__).resolve().parents[2]
NAMES_LIMIT = 40
IMPORT_LIMIT_S = 0.15
HEAVY = [
    "lightgbm", "numba", "numpy", "onnxruntime", "pandas", "pyarrow", "pydantic", "ray", "scipy", "sklearn",
    "sqlalchemy", "torch",
]  # fmt: skip
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mlops_runtime.__path__, "mlops_runtime.")
    if not module.name.endswith(("__main__", "triton")) and ".migrations" not in module.name
)


def _fresh_import(statement: str) -> tuple[float, list[str]]:
    """CPU-seconds of `statement` in a new interpreter, and the modules it left loaded."""
    program = (
        "import json, sys, time\n"
        f"start_s = time.process_time()\n{statement}\n"
        "print(json.dumps([time.process_time() - start_s, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, modules


@pytest.mark.parametrize("statement", ["import mlops_runtime", "import mlops_runtime.cli.main"])
def test_a_bare_import_loads_no_heavy_module(statement: str) -> None:
    _, modules = _fresh_import(statement)
    assert "mlops_runtime" in modules
    assert not set(HEAVY) & set(modules)


def test_a_bare_import_takes_little_cpu_time() -> None:
    best_s = min(_fresh_import("import mlops_runtime")[0] for _ in range(5))  # the least: others may be busy here
    assert best_s < IMPORT_LIMIT_S


def test_the_package_offers_exactly_the_names_it_lists() -> None:
    tree = ast.parse(Path(mlops_runtime.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(mlops_runtime.__all__) == set(mlops_runtime._HOME_OF)
    assert set(mlops_runtime.__all__) <= set(dir(mlops_runtime))


@pytest.mark.parametrize("name", mlops_runtime.__all__)
def test_each_public_name_is_served_and_documented(name: str) -> None:
    assert getattr(mlops_runtime, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'pickle'"):
        mlops_runtime.__getattr__("pickle")


@pytest.mark.parametrize("name", ["mlops_runtime", *MODULES])
def test_the_names_a_module_exports_are_few_and_there(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(exported) == len(set(exported))  # and sorted: RUF022 of ruff
    assert len(exported) <= NAMES_LIMIT
    assert [missing for missing in exported if not hasattr(module, missing)] == []
