"""`mlrt features` from file to file."""

import json

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime import _native
from mlops_runtime.cli.main import run
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features.folder import read_program_folder


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "claims.csv"
    pyarrow.csv.write_csv(claims(500, seed=5), path)
    return path


@pytest.fixture
def program(file, tmp_path, capsys):
    assert run(["features", "fit", str(file), "--target", "fraud", "-o", str(tmp_path / "program")]) == 0
    capsys.readouterr()
    return tmp_path / "program"


def test_fit_writes_a_program_that_says_what_it_does(file, tmp_path, capsys):
    arguments = [
        "features",
        "fit",
        str(file),
        "--target",
        "fraud",
        "--exclude",
        "sex",
        "-o",
        str(tmp_path / "p"),
        "--json",
    ]
    assert run(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["digest"] == read_program_folder(tmp_path / "p").digest
    names = {entry["name"] for entry in report["outputs"]}
    assert {"amount", "report_days:missing", "cause"} <= names
    assert not {"fraud", "sex"} & names


def test_a_fit_with_the_written_specification_gives_the_same_program(file, program, tmp_path):
    again = tmp_path / "again"
    assert run(["features", "fit", str(file), "--spec", str(program / "spec.yaml"), "-o", str(again)]) == 0
    assert read_program_folder(again).digest == read_program_folder(program).digest


def test_several_files_are_fitted_and_applied_as_one(file, program, tmp_path):
    rows = claims(500, seed=5)
    for number, start in enumerate((0, 200)):
        pq.write_table(rows.slice(start, 200 if not start else None), tmp_path / f"part-{number}.parquet")
    parts, one = tmp_path / "parts", tmp_path / "one.parquet"
    spec = ["--spec", str(program / "spec.yaml")]
    assert run(["features", "fit", str(tmp_path / "part-*.parquet"), *spec, "-o", str(parts)]) == 0
    assert read_program_folder(parts).digest == read_program_folder(program).digest
    assert run(["features", "apply", str(parts), *map(str, tmp_path.glob("part-*")), "-o", str(one)]) == 0
    whole = tmp_path / "whole.parquet"
    assert run(["features", "apply", str(program), str(file), "-o", str(whole)]) == 0
    assert pq.read_table(one).equals(pq.read_table(whole))


def test_apply_writes_the_matrices(file, program, tmp_path):
    out = tmp_path / "features.parquet"
    assert run(["features", "apply", str(program), str(file), "-o", str(out)]) == 0
    fitted = read_program_folder(program)
    table = pq.read_table(out)
    assert table.column_names == [*fitted.dense_names, *fitted.sparse_names]
    assert table.num_rows == 500


def test_show_says_what_fit_said(program, tmp_path, capsys):
    assert run(["features", "show", str(program), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    fitted = read_program_folder(program)
    assert (report["digest"], report["rows"], report["outputs"]) == (fitted.digest, 500, fitted.describe())
    assert run(["features", "show", str(program)]) == 0
    shown = capsys.readouterr().out
    assert "missing becomes" in shown
    assert "collision" in shown


def test_parity_names_every_operation_at_every_isa(file, program, capsys):
    assert run(["features", "parity", str(program), str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["identical"] is True
    assert report["backends"][-1] == _native.detected_isa()
    assert {(entry["operation"], entry["max_ulp"]) for entry in report["operations"]} >= {
        ("impute", 0),
        ("vocabulary", 0),
    }


def test_parity_can_include_the_onnx_graph(file, program, capsys):
    assert run(["features", "parity", str(program), str(file), "--onnx"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].split()[-1] == "onnx"
    assert "vocabulary" in shown


def test_a_target_that_does_not_exist_leaves_nothing_behind(file, tmp_path, capsys):
    assert run(["features", "fit", str(file), "--target", "froud", "-o", str(tmp_path / "p")]) == 1
    assert "`froud`" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims.csv"]


def test_a_damaged_program_is_refused(file, program, capsys):
    table = program / "tables" / "000.arrow"
    content = bytearray(table.read_bytes())
    content[content.find(b"collision")] ^= 1
    table.write_bytes(content)
    assert run(["features", "parity", str(program), str(file)]) == 1
    assert "tables/000.arrow" in capsys.readouterr().err


def test_a_folder_without_a_program_is_refused(file, tmp_path, capsys):
    assert run(["features", "parity", str(tmp_path), str(file)]) == 2
    assert "mlrt features fit" in capsys.readouterr().err
