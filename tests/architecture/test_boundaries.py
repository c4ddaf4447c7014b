"""Lines that no change may cross: what a file may include, import, call or say."""

from __future__ import annotations

import ast
import builtins
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted(path for top in ("mlops_runtime", "kernels") for path in (ROOT / top).rglob("*.py"))
RUNS_CODE_FROM_A_FILE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CALLS_THAT_RUN_CODE = {"eval", "exec", "compile", "torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle"}
BUILT_IN_ERRORS = {name for name in vars(builtins) if name.endswith(("Error", "Exception"))}
OUR_PATHS = re.compile(r"""(?:^|[\s"'(=:`])/(?:home|root|work|Users)/\w""", re.MULTILINE)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def _nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.relative_to(ROOT), node


def test_kernels_and_core_know_no_python() -> None:
    sources = [path for folder in ("core", "kernels") for path in (ROOT / "csrc" / folder).glob("*.[hc]pp")]
    assert sources
    pattern = re.compile(r"#include\s*[<\"](?:Python\.h|pybind11)")
    assert [path.name for path in sources if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_no_x86_header_is_included_unguarded() -> None:
    for path in (ROOT / "csrc").rglob("*.[hc]pp"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.match(r"#include <(?:\w*intrin\.h|cpuid\.h)>", line):
                opened = sum(above.startswith("#if") - above.startswith("#endif") for above in lines[:number])
                assert opened > 0, f"{path.relative_to(ROOT)}:{number + 1}: guard it, aarch64 has no such header"


def test_the_kernels_ship_through_a_symlink() -> None:
    link = ROOT / "mlops_runtime" / "kernels"
    assert link.is_symlink()
    assert str(link.readlink()) == "../kernels"


def test_nothing_we_ship_runs_code_found_in_a_file() -> None:
    for path, node in _nodes():
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            banned = {module.partition(".")[0] for module in modules} & RUNS_CODE_FROM_A_FILE
            assert not banned, f"{path}:{node.lineno}: imports {banned}"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in CALLS_THAT_RUN_CODE, f"{path}:{node.lineno}: {ast.unparse(node)}"
            assert not any(keyword.arg == "allow_pickle" for keyword in node.keywords), f"{path}:{node.lineno}"


def test_only_governance_commits_a_transaction() -> None:
    commits = {
        str(path)
        for path, node in _nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert commits <= {"mlops_runtime/governance/commit.py"}


def test_only_core_opens_sqlite_files_and_ends_their_transactions() -> None:
    calls = [(str(path), node) for path, node in _nodes() if isinstance(node, ast.Call)]
    opens = {path for path, node in calls if ast.unparse(node.func) == "sqlite3.connect"}
    statements = [(path, ast.unparse(node.args[0])) for path, node in calls if node.args and _executes(node)]
    ends = {path for path, statement in statements if statement.strip("'\"").upper().startswith(("COMMIT", "END"))}
    assert opens == ends == {"mlops_runtime/core/rowfile.py"}


def _executes(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr.startswith("execute")


def test_every_error_we_define_is_in_the_one_tree() -> None:
    outside = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in _nodes()
        if isinstance(node, ast.ClassDef)
        and str(path) != "mlops_runtime/core/errors.py"
        and any(ast.unparse(base) in BUILT_IN_ERRORS for base in node.bases)
    ]
    assert outside == []


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    found = []
    for path in _tracked():
        if path.is_file() and path != Path(__file__):
            found += [
                f"{path.relative_to(ROOT)}: {hit.strip()}" for hit in OUR_PATHS.findall(path.read_text(errors="ignore"))
            ]
    assert found == []


@pytest.mark.parametrize(
    "name", ["LICENSE", "README.md", "CHANGELOG.md", "docs/architecture.md", "mlops_runtime/py.typed"]
)
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_readme_fits_in_its_budget() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150
