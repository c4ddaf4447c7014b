"""`mlrt data inspect` on real files."""

import json
import math

import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.data import read_dataset
from mlops_runtime.data.profile import profile

TEXT = "age,city,seen,gap\n39, Dubai,2025-01-01,\n50, ?,2025-01-02,\n, Dubai,2025-01-03,\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(TEXT)
    return path


def test_a_profile_counts_what_is_there_and_what_is_not(file):
    dataset = read_dataset(file)
    age, city, seen, gap = profile(dataset.table, dataset.schema)
    assert (age.minimum, age.mean, age.maximum, age.missing, age.distinct) == (39.0, 44.5, 50.0, 1, 2)
    assert (city.top, city.missing) == ((("Dubai", 2),), 1)
    assert (seen.minimum, seen.mean) == ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
    assert (gap.missing_share, gap.minimum, gap.histogram) == (1.0, None, ())


def test_a_histogram_counts_every_finite_value(tmp_path):
    path = tmp_path / "n.csv"
    path.write_text("n\n" + "".join(f"{math.sin(i)}\n" for i in range(1000)) + "inf\n")
    (column,) = profile((dataset := read_dataset(path)).table, dataset.schema)
    assert (sum(column.histogram), column.infinite) == (1000, 1)


def test_inspect_prints_a_table_for_people(file, capsys):
    assert run(["data", "inspect", str(file)]) == 0
    out = capsys.readouterr().out
    assert "3 rows" in out
    assert "Dubai 2" in out
    assert "`gap` is missing in every row" in out


def test_inspect_prints_one_json_object(file, capsys):
    assert run(["data", "inspect", str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["manifest"]["rows"] == 3
    assert [column["kind"] for column in report["columns"]] == ["number", "string", "timestamp", "number"]


def test_inspect_of_an_absent_file_is_one_line_on_stderr(tmp_path, capsys):
    assert run(["data", "inspect", str(tmp_path / "absent.csv")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "no such file" in captured.err
