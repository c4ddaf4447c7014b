"""`mlrt data` on real files."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime.cli.data import data as data_commands
from mlops_runtime.cli.main import run
from mlops_runtime.data import BadRow, Batch, open_source
from mlops_runtime.data.contract import Contract, check
from mlops_runtime.data.dataset_manifest import DatasetManifest
from mlops_runtime.data.sketch import TableSketch

TEXT = "age,city,seen,gap\n39, Dubai,2025-01-01,\n50, ?,2025-01-02,\n, Dubai,2025-01-03,\n"
CONTRACT = """
columns:
  - {name: age, kind: number, nullable: false, minimum: 40}
  - {name: city, kind: string, unique: true}
  - {name: seen, kind: timestamp}
maximum_rows: 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(TEXT)
    return path


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "contract.yaml"
    path.write_text(CONTRACT)
    return path


def _json(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict]:
    code = run([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_description_counts_what_is_there_and_what_is_not(file):
    age, city, seen, gap = DatasetManifest.of(open_source(file)).columns
    numbers = age.numbers
    assert (numbers.minimum, numbers.mean, numbers.maximum, age.missing, age.distinct) == (39.0, 44.5, 50.0, 1, 2)
    assert (city.keys.top, city.missing) == ((("Dubai", 2),), 1)
    times = seen.to_dict()["numbers"]
    assert (times["minimum"], times["mean"]) == ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
    assert (gap.missing_share, gap.numbers.minimum, gap.numbers.quantiles) == (1.0, None, ())


def test_inspect_prints_a_table_for_people(file, capsys):
    assert run(["data", "inspect", str(file)]) == 0
    out = capsys.readouterr().out
    assert "3 rows" in out
    assert "Dubai 2" in out
    assert "39 · 44.5 · 50" in out
    assert "`gap` is missing in every row" in out


def test_inspect_prints_one_json_object(file, capsys):
    code, report = _json(capsys, "data", "inspect", file)
    assert (code, report["manifest"]["rows"]) == (0, 3)
    assert [column["kind"] for column in report["columns"]] == ["number", "string", "timestamp", "number"]


def test_inspect_of_an_absent_file_is_one_line_on_stderr(tmp_path, capsys):
    assert run(["data", "inspect", str(tmp_path / "absent.csv")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "absent.csv" in captured.err


def test_a_broken_contract_exits_with_three_and_says_where(file, contract, capsys):
    assert run(["data", "check", str(file), "--contract", str(contract)]) == 3
    out = capsys.readouterr().out
    assert "39 (people.csv, row 0)" in out
    assert "3 rows: 1 good, 2 bad" in out


def test_a_check_writes_both_sides(file, contract, tmp_path, capsys):
    bad, good = tmp_path / "bad.parquet", tmp_path / "good.csv"
    code, report = _json(capsys, "data", "check", file, "--contract", contract, "--quarantine", bad, "--good", good)
    assert (code, report["rows"], report["good"], report["quarantined"], report["passed"]) == (3, 3, 1, 2, False)
    broken = {rule["rule"] for rule in report["rules"] if rule["violations"]}
    assert broken == {"age.minimum", "age.nullable", "city.unique", "maximum_rows"}
    rows = pq.read_table(bad).to_pylist()
    assert [(row["_row"], row["_reasons"]) for row in rows] == [
        (0, ["age.minimum"]),
        (2, ["age.nullable", "city.unique"]),
    ]
    assert [(row["age"], row["city"]) for row in rows] == [("39", " Dubai"), ("", " Dubai")]
    assert good.read_text().splitlines()[1].startswith("50,,2025-01-02")


def test_a_contract_that_holds_exits_with_zero(file, tmp_path, capsys):
    proposed = tmp_path / "c.yaml"
    assert run(["data", "contract", str(file), "-o", str(proposed)]) == 0
    assert run(["data", "check", str(file), "--contract", str(proposed)]) == 0
    assert "rules hold" in capsys.readouterr().out


def test_a_contract_is_printed_when_no_file_is_named(file, capsys):
    assert run(["data", "contract", str(file)]) == 0
    assert Contract.from_yaml(capsys.readouterr().out).table_schema.names == ("age", "city", "seen", "gap")


def test_rows_that_are_no_csv_are_quarantined_with_their_line(tmp_path, contract, capsys):
    path, bad = tmp_path / "torn.csv", tmp_path / "bad.parquet"
    path.write_bytes(b"age,city,seen\n50,a,2025-01-01\n51,b\n\n52,\xff,2025-01-01\n53,c,2025-13-01\n")
    code, report = _json(capsys, "data", "check", path, "--contract", contract, "--quarantine", bad)
    assert (code, report["rows"], report["good"], report["quarantined"]) == (3, 4, 1, 3)
    rows = pq.read_table(bad).sort_by("_row").to_pylist()
    assert [(row["_row"], row["_line"], row["_text"]) for row in rows[:2]] == [
        (1, 3, "51,b"),
        (2, 5, "52,\\xff,2025-01-01"),
    ]
    assert rows[2]["_reasons"] == ["seen.kind"]


def test_numbers_with_a_decimal_comma_are_numbers(tmp_path, capsys):
    path, rules = tmp_path / "de.csv", tmp_path / "c.yaml"
    path.write_text("x;y\n" + "1,5;a\n" * 60 + "2.5;b\n-3,25;c\n")
    rules.write_text("columns: [{name: x, kind: number, minimum: 0}]")
    _, report = _json(capsys, "data", "check", path, "--contract", rules)
    broken = {rule["rule"]: rule["examples"][0]["value"] for rule in report["rules"] if rule["violations"]}
    assert broken == {"x.kind": "2.5", "x.minimum": "-3,25"}


def test_files_of_other_columns_are_checked_together(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    pq.write_table(pa.table({"a": [1, 2], "more": ["x", "y"]}), folder / "1.parquet")
    pq.write_table(pa.table({"b": [0.5], "a": [-1]}), folder / "2.parquet")
    contract = Contract.from_yaml(
        "columns: [{name: a, kind: number, minimum: 0}, {name: b, kind: number, nullable: false}]"
    )
    report = check(open_source(folder), contract, quarantine=tmp_path / "q.parquet", good=tmp_path / "g.parquet")
    assert (report.rows, report.good) == (3, 0)
    rows = pq.read_table(tmp_path / "q.parquet").to_pylist()
    assert [(row["_file"], row["_row"], row["a"], row["b"], row["more"]) for row in rows] == [
        ("1.parquet", 0, "1", None, "x"),
        ("1.parquet", 1, "2", None, "y"),
        ("2.parquet", 2, "-1", "0.5", None),
    ]
    assert pq.read_schema(tmp_path / "g.parquet").names == ["a", "more", "b"]


def test_a_quarantine_never_takes_the_name_of_a_column(tmp_path, capsys):
    path, rules = tmp_path / "a.csv", tmp_path / "c.yaml"
    path.write_text("_row\n1\n")
    rules.write_text("columns: [{name: _row, kind: number}]")
    words = ["data", "check", str(path), "--contract", str(rules)]
    assert run([*words, "--quarantine", str(tmp_path / "q.parquet")]) == 2
    assert "rename the column" in capsys.readouterr().err
    assert not (tmp_path / "q.parquet").exists()
    assert run(words) == 0


@pytest.mark.parametrize("option", ["--good", "--quarantine"])
def test_the_data_are_never_overwritten_by_what_is_left_of_them(option, file, contract, capsys):
    other_name = file.parent / "x" / ".." / file.name
    assert run(["data", "check", str(file), "--contract", str(contract), option, str(other_name)]) == 2
    assert "beside the data" in capsys.readouterr().err
    assert file.read_text() == TEXT


def test_an_example_of_a_bad_value_is_no_longer_than_a_line(tmp_path, contract, capsys):
    path = tmp_path / "long.csv"
    path.write_text("age,city,seen\n" + "x" * 100_000 + ",a,2025-01-01\n")
    _, report = _json(capsys, "data", "check", path, "--contract", contract)
    (value,) = (rule["examples"][0]["value"] for rule in report["rules"] if rule["violations"])
    assert len(value) == 201


def test_a_table_is_written_in_a_known_format_only(file, contract, tmp_path, capsys):
    assert run(["data", "check", str(file), "--contract", str(contract), "--good", str(tmp_path / "g.xlsx")]) == 2
    assert ".parquet, .arrow, .csv" in capsys.readouterr().err


def test_a_check_that_is_killed_leaves_no_file_behind(tmp_path):
    path, rules = tmp_path / "big.csv", tmp_path / "c.yaml"
    arrow_csv.write_csv(pa.table({"x": np.arange(3_000_000) % 1_000, "id": np.arange(3_000_000)}), path)
    rules.write_text("columns: [{name: x, kind: number, maximum: 500}, {name: id, kind: number, unique: true}]")
    outputs = [tmp_path / "bad.parquet", tmp_path / "good.parquet"]
    command = [sys.executable, "-m", "mlops_runtime.cli", "data", "check", str(path), "--contract", str(rules)]
    process = subprocess.Popen([*command, "--quarantine", str(outputs[0]), "--good", str(outputs[1])])
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size > 4 for part in tmp_path.glob(".*.tmp")):
        assert process.poll() is None, "the check ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not any(output.exists() for output in outputs)


def _limited(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run `mlrt data` where no file may become larger than 64 KiB, as on a disk that is full."""
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    code = limit + "from mlops_runtime.cli.main import main; main()"
    command = [sys.executable, "-W", "error", "-c", code, "data", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("good", ["good.parquet", "good.arrow", "good.csv"])
def test_a_disk_that_is_full_ends_a_check_with_one_line_and_no_file(good, tmp_path):
    path, rules, bad = tmp_path / "a.parquet", tmp_path / "c.yaml", tmp_path / "bad.parquet"
    pq.write_table(pa.table({"x": np.random.default_rng(0).random(100_000)}), path)
    rules.write_text("columns: [{name: x, kind: number, maximum: 0.99}]")
    done = _limited(tmp_path, "check", path, "--contract", rules, "--quarantine", bad, "--good", tmp_path / good)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"{good}: cannot be written" in done.stderr
    assert {file.name for file in tmp_path.iterdir()} <= {"a.parquet", "c.yaml", "bad.parquet"}


def test_of_two_checks_that_write_one_quarantine_the_last_one_stays_whole(file, contract, tmp_path):
    bad, source = tmp_path / "bad.parquet", open_source(file)

    def others() -> Iterator[Batch | BadRow]:
        yield from source.decoded()
        check(open_source(file), Contract.from_yaml("columns: [{name: age, kind: number}]"), quarantine=bad)
        assert pq.read_metadata(bad).num_rows == 0

    report = check(source, Contract.load(contract), stream=others(), quarantine=bad)
    assert pq.read_metadata(bad).num_rows == report.quarantined == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.parquet", "contract.yaml", "people.csv"]


def test_partitions_are_columns_of_a_check_and_rows_tell_their_file(tmp_path, capsys):
    for year, values in ((2025, [1, -1]), (2026, [-2, 3])):
        folder = tmp_path / "set" / f"year={year}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"a": values}), folder / "a.parquet")
    rules, bad = tmp_path / "c.yaml", tmp_path / "bad.parquet"
    rules.write_text("columns: [{name: a, kind: number, minimum: 0}, {name: year, kind: integer, allowed: [2026]}]")
    files = sorted((tmp_path / "set").glob("*/*.parquet"))
    found = []
    for paths in ([tmp_path / "set"], [tmp_path / "set" / "**" / "*.parquet"], files):
        code, _ = _json(capsys, "data", "check", *paths, "--contract", rules, "--quarantine", bad)
        rows = pq.read_table(bad).to_pylist()
        found.append([(row["_file"], row["_file_row"], row["_row"], row["year"], row["_reasons"]) for row in rows])
        assert code == 3
    assert found[0] == found[1] == found[2]
    assert found[0] == [
        ("year=2025/a.parquet", 0, 0, "2025", ["year.allowed"]),
        ("year=2025/a.parquet", 1, 1, "2025", ["a.minimum", "year.allowed"]),
        ("year=2026/a.parquet", 0, 2, "2026", ["a.minimum"]),
    ]


def test_a_file_without_rows_is_checked_too(tmp_path, capsys):
    path, rules = tmp_path / "a.csv", tmp_path / "c.yaml"
    path.write_text("a,b\n")
    rules.write_text("columns: [{name: a, kind: number, unique: true, maximum_missing_share: 0}]\nminimum_rows: 1")
    bad, good = tmp_path / "bad.parquet", tmp_path / "good.parquet"
    code, report = _json(capsys, "data", "check", path, "--contract", rules, "--quarantine", bad, "--good", good)
    assert (code, report["rows"]) == (3, 0)
    assert [rule["rule"] for rule in report["rules"] if rule["violations"]] == ["minimum_rows"]
    assert (pq.read_table(bad).num_rows, pq.read_table(good).num_rows) == (0, 0)


def test_a_check_counts_on_a_terminal_and_keeps_stdout_clean(file, contract):
    command = [sys.executable, "-m", "mlops_runtime.cli", "data", "check", str(file), "--contract", str(contract)]
    shown, terminal = pty.openpty()
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=terminal, text=True) as process:
        out = process.stdout.read()
    os.close(terminal)
    assert json.loads(out)["rows"] == 3
    assert b"checking" in os.read(shown, 1 << 16)
    os.close(shown)


@pytest.fixture
def two_months(tmp_path: Path) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    paths = []
    for month, shift in (("a", 0.0), ("b", 1.0)):
        path = tmp_path / f"{month}.parquet"
        pq.write_table(pa.table({"x": random.standard_normal(2_000) + shift, "plan": ["basic", month] * 1_000}), path)
        paths.append(path)
    return paths[0], paths[1]


def test_a_diff_needs_only_the_manifests(two_months, tmp_path, capsys):
    manifests = []
    for path in two_months:
        manifests.append(path.with_suffix(".json"))
        assert run(["data", "manifest", str(path), "-o", str(manifests[-1])]) == 0
    capsys.readouterr()
    _, from_files = _json(capsys, "data", "diff", *two_months)
    for path in two_months:
        path.unlink()
    code, from_manifests = _json(capsys, "data", "diff", *manifests)
    assert (code, from_manifests) == (0, from_files)
    assert from_manifests["drifted"] == ["x", "plan"]
    plan = from_manifests["columns"][1]
    assert (plan["appeared"], plan["disappeared"], plan["appeared_certain"]) == ([["b", 1_000]], [["a", 1_000]], True)


def test_a_diff_prints_what_changed(two_months, capsys):
    assert run(["data", "diff", *map(str, two_months)]) == 0
    out = capsys.readouterr().out
    assert "files added: b.parquet" in out
    assert "+b -a" in out
    assert run(["data", "diff", str(two_months[0]), str(two_months[0])]) == 0
    assert "nothing changed" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "code"), [([], 0), (["schema"], 0), (["drift"], 3), (["schema", "drift"], 3)])
def test_a_diff_fails_on_what_it_is_told_to(two_months, options, code, capsys):
    words = [word for option in options for word in ("--fail-on", option)]
    assert run(["data", "diff", *map(str, two_months), *words]) == code


def test_a_manifest_of_a_file_and_of_its_copy_is_one_version(file, tmp_path, capsys):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.read_bytes())
    _, first = _json(capsys, "data", "manifest", file, "-o", tmp_path / "1.json")
    _, second = _json(capsys, "data", "manifest", copy, "-o", tmp_path / "2.json")
    assert (first["version"], first["dataset"]) == (second["version"], second["dataset"])
    assert DatasetManifest.load(tmp_path / "1.json").digest == first["version"]


@pytest.mark.parametrize("rows", [9_999, 77_777])
def test_batches_of_any_size_give_one_version(tmp_path, rows):
    n = 80_000
    table = pa.table({"x": np.sin(np.arange(n)), "s": [f"k{i % 20_000}" for i in range(n)], "n": np.arange(n) % 7})
    paths = [tmp_path / "a.parquet", tmp_path / "b.arrow"]
    pq.write_table(table, paths[0], row_group_size=rows)
    with pa.ipc.new_file(paths[1], table.schema) as writer:
        writer.write_table(table, max_chunksize=rows // 3)
    sketches = []
    for path in paths:
        sketch, source = TableSketch(open_source(path).schema), open_source(path)
        for batch in source.batches(rows):
            sketch.update(batch)
        sketches.append(sketch.freeze())
    whole = DatasetManifest.of(open_source(paths[0]))
    assert sketches == [whole.columns, whole.columns]
    assert replace(whole, columns=sketches[1]).digest == whole.digest


def test_a_contract_is_proposed_from_a_manifest_alone(file, tmp_path, capsys):
    manifest = tmp_path / "m.json"
    assert run(["data", "manifest", str(file), "-o", str(manifest)]) == 0
    capsys.readouterr()
    _, from_file = _json(capsys, "data", "contract", file)
    file.unlink()
    assert _json(capsys, "data", "contract", manifest) == (0, from_file)


@pytest.mark.parametrize("threshold", ["nan", "-0.1", "1.5"])
def test_a_threshold_that_no_distance_can_have_is_refused(two_months, threshold, capsys):
    assert run(["data", "diff", *map(str, two_months), f"--threshold={threshold}"]) == 2
    assert "from 0 to 1" in capsys.readouterr().err


@pytest.fixture
def example_files(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the examples in the help texts name."""
    monkeypatch.chdir(tmp_path)
    ages, plans = [float(i % 60) for i in range(200)], ["basic", "gold"] * 100
    table = pa.table({"age": ages, "plan": plans, "fraud": [float(age > 50) for age in ages]})
    for name in ("claims/2026/a.parquet", "claims/b.parquet", "year=2026/a.parquet"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, name)
    for name in ("good.csv", "today.csv"):
        arrow_csv.write_csv(table, name)
    assert run(["data", "contract", "good.csv", "-o", "contract.yaml"]) == 0
    assert run(["data", "manifest", "good.csv", "-o", "last-month.json"]) == 0
    assert run(["features", "fit", "claims/*.parquet", "--target", "fraud", "-o", "program"]) == 0


@pytest.mark.parametrize("command", data_commands.commands.values(), ids=lambda command: command.name)
def test_the_example_in_a_help_text_runs(command, example_files, capsys):
    example = command.epilog.removeprefix("Example: mlrt ")
    assert example != command.epilog
    assert run(shlex.split(example)) == 0, capsys.readouterr().err
