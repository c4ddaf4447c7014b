"""Files and functions stay small: hard limits for each, and few may pass the size we aim at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("mlops_runtime", "kernels", "csrc", "benchmarks", "tests", "examples")
SUFFIXES = {".py", ".pyi", ".hpp", ".cpp", ".cu"}
FILE_LIMIT, FILE_AIM = 500, 300
ONE_STUB = "mlops_runtime/_native.pyi"  # of one module, which mypy reads from one file: its classes are what is small
STUB_LIMIT = 800
FUNCTION_LIMIT, FUNCTION_AIM = 80, 40
SHARE_ABOVE_AIM = 0.05


def _files() -> list[Path]:
    found = (path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
    return [path for path in found if "__pycache__" not in path.parts]


def _functions() -> Iterator[tuple[str, int]]:
    for path in _files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def _judge(sizes: dict[str, int], limit: int, aim: int) -> None:
    too_long = {name: lines for name, lines in sizes.items() if lines > limit}
    assert not too_long, f"over {limit} lines: {too_long}"
    above_aim = {name: lines for name, lines in sizes.items() if lines > aim}
    assert len(above_aim) <= SHARE_ABOVE_AIM * len(sizes), f"too many over the {aim} lines we aim at: {above_aim}"


def test_files_keep_their_budget() -> None:
    sizes = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in _files()}
    assert sizes.pop(ONE_STUB) <= STUB_LIMIT
    _judge(sizes, FILE_LIMIT, FILE_AIM)


def test_functions_keep_their_budget() -> None:
    _judge(dict(_functions()), FUNCTION_LIMIT, FUNCTION_AIM)
