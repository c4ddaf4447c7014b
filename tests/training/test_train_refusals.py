"""Bad input to `mlrt train`: one clear error, an exit code that is not 0, nothing half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.core.settings import settings

Lines = list[str]


def labelled(rows: int, label: Callable[[int], str] = lambda row: "yes" if row % 2 else "no") -> Lines:
    return ["x,w,y", *(f"{row * 3 % 17},{row % 5 + 1},{label(row)}" for row in range(rows))]


CASES: dict[str, tuple[Lines, tuple[str, ...], str]] = {
    "missing target": (labelled(50), ("--target", "Yy"), "column `Yy` (--target), got columns `x`, `w`, `y` — did you"),
    "unknown id column": (labelled(50), ("--id", "nix"), "column `nix` (--id)"),
    "only a header": (labelled(0), (), "expected rows below the header, got none"),
    "one row": (labelled(1), (), "at least two classes, got only `no` in 1 rows"),
    "too few rows": (labelled(12), (), "at least 30 labelled rows, got 12"),
    "one class": (labelled(50, lambda row: "yes"), (), "only `yes` in 50 rows"),
    "no label at all": (labelled(50, lambda row: "?"), (), "every row's label is missing"),
    "labels like identifiers": (labelled(50, lambda row: f"id{row}"), (), "as an identifier has"),
    "only constant features": (["x,y", *(f"1,{'ab'[row % 2]}" for row in range(50))], (), "usable feature column"),
    "negative weight": (
        ["x,w,y", *(f"{row % 7},{-1 if row == 3 else 1},{'ab'[row % 2]}" for row in range(50))],
        ("--weight", "w"),
        "weight column `w`: expected a finite weight >= 0 in every row, some of them > 0, got 1 missing, negative",
    ),
    "missing weight": (
        ["x,w,y", *(f"{row % 7},{'?' if row == 3 else 1},{'ab'[row % 2]}" for row in range(50))],
        ("--weight", "w"),
        "got 1 missing, negative",
    ),
    "weights that vanish in time": (
        ["x,w,y", *(f"{row % 7},{int(row < 70)},{'ab'[row % 2]}" for row in range(100))],
        ("--weight", "w", "--time", "@row"),
        "weight column `w`: expected a weight > 0 among the validation rows, got 0 in all 15",
    ),
    "a class only in the future": (
        labelled(100, lambda row: "new" if row > 90 else "ab"[row % 2]),
        ("--time", "@row"),
        "every class among the training rows, got none of `new`",
    ),
    "balanced regression": (
        labelled(50, lambda row: f"{row}.5"),
        ("--class-weight", "balanced"),
        "classes for --class-weight",
    ),
    "threshold out of range": (labelled(50), ("--threshold", "7"), "expected a probability in 0..1, got 7"),
    "no such gates file": (labelled(50), ("--gates", "none.yaml"), "none.yaml: expected a YAML file"),
    "no such spec": (labelled(50), ("--spec", "none.yaml"), "none.yaml"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_one_error_and_leaves_nothing(
    case: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, options, message = CASES[case]
    folder = tmp_path / "work"
    folder.mkdir()
    data = folder / "data.csv"
    data.write_text("\n".join(lines) + "\n")
    target = () if "--target" in options else ("--target", "y")
    code = run(["train", str(data), *target, *options, "--model", "linear", "-o", str(folder / "bundle")])
    errors = [line for line in capsys.readouterr().err.splitlines() if "Error: " in line]
    assert code in (1, 2)
    assert len(errors) == 1
    assert message in errors[0]
    assert [path.name for path in folder.iterdir()] == ["data.csv"]


def test_an_output_that_exists_is_never_touched(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, output = tmp_path / "data.csv", tmp_path / "bundle"
    data.write_text("\n".join(labelled(50)))
    output.mkdir()
    assert run(["train", str(data), "--target", "y", "-o", str(output)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert list(output.iterdir()) == []


@pytest.fixture
def as_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be a user whom file permissions bind (root becomes nobody for a while), with a folder of one's own."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with tempfile.TemporaryDirectory() as folder:  # pytest's own temporary folder is closed to other users
            monkeypatch.setenv("MLRT_HOME", f"{folder}/home")
            settings.cache_clear()
            yield Path(folder)
    finally:
        if is_root:
            os.seteuid(0)


def test_a_folder_without_rights_is_refused(as_nobody: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, locked = as_nobody / "data.csv", as_nobody / "locked"
    data.write_text("\n".join(labelled(50)))
    locked.mkdir(mode=0o500)
    assert run(["train", str(data), "--target", "y", "--model", "linear", "-o", str(locked / "bundle")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert list(locked.iterdir()) == []
