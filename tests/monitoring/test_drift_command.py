"""`mlrt drift` on real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.monitoring import compare

SPLIT = 17_000


@pytest.fixture(scope="module")
def elec(shared_data: Path) -> pa.Table:
    return pyarrow.csv.read_csv(shared_data / "elec" / "elec.csv")


@pytest.fixture
def halves(elec: pa.Table, tmp_path: Path) -> tuple[Path, Path]:
    before, now = tmp_path / "before.csv", tmp_path / "now.parquet"
    pyarrow.csv.write_csv(elec.slice(0, SPLIT), before)
    pyarrow.parquet.write_table(elec.slice(SPLIT), now)
    return before, now


def test_the_known_change_in_the_electricity_data_is_flagged(
    halves: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drift", *map(str, halves), "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert all(columns[name]["drifted"] for name in ("vicprice", "vicdemand", "transfer"))
    assert not columns["period"]["drifted"]


@pytest.mark.parametrize("seed", range(20))
def test_two_random_halves_of_the_stable_part_have_not_drifted(elec: pa.Table, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(SPLIT)
    assert compare(elec.take(order[: SPLIT // 2]), elec.take(order[SPLIT // 2 :])).drifted == ()


def test_fail_on_drift_gives_three_and_only_on_drift(halves: tuple[Path, Path]) -> None:
    before, now = map(str, halves)
    assert run(["drift", before, now, "--fail-on-drift"]) == 3
    assert run(["drift", before, before, "--fail-on-drift"]) == 0


def test_the_table_and_the_page_are_written(
    halves: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert run(["drift", *map(str, halves), "--html", str(page), "--columns", "vicprice,period"]) == 0
    assert "1 of 2 columns drifted" in capsys.readouterr().out
    assert "before.csv → now.parquet" in page.read_text(encoding="utf-8")


def test_columns_that_are_missing_extra_or_unreadable_become_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, now = tmp_path / "before.csv", tmp_path / "now.csv"
    before.write_text("age,city,pay\n" + "31,Dubai,1.5\n47, Oslo,2.5\n" * 50, encoding="utf-8")
    now.write_text("age,city,bonus\n" + "thirty, Dubai,1\nforty,?,2\n" * 50, encoding="utf-8")
    assert run(["drift", str(before), str(now), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {name for name, column in report["columns"].items() if column["drifted"]} == {"age", "city", "pay"}
    assert report["columns"]["city"]["missing_share"] == 0.5
    notes = "\n".join(report["notes"])
    assert "column `pay`: only in the reference" in notes
    assert "column `bonus`: only in the current data" in notes
    assert "thirty" in notes


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drift", str(tmp_path / "absent.csv"), str(tmp_path / "absent.csv")]) != 0
    assert "absent.csv" in capsys.readouterr().err


def test_columns_that_nobody_asked_for_are_not_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, now, baseline = tmp_path / "before.csv", tmp_path / "now.csv", str(tmp_path / "baseline.json")
    before.write_text("age,city,pay\n" + "31,Dubai,1.5\n47, Oslo,2.5\n" * 50, encoding="utf-8")
    now.write_text("age,city,bonus\n" + "31,Dubai,1\n47,Oslo,2\n" * 50, encoding="utf-8")
    assert run(["monitor", "fit", str(before), "-o", baseline, "--json"]) == 0
    capsys.readouterr()
    for reference in (str(before), baseline):
        assert run(["drift", reference, str(now), "--columns", "age,pay", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["notes"] == ["column `pay`: only in the reference"]


@pytest.mark.parametrize("command", [("drift", "{}", "{}"), ("monitor", "fit", "{}", "-o", "baseline.json")])
def test_a_reference_without_rows_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    empty = tmp_path / "header.csv"
    empty.write_text("age,city\n", encoding="utf-8")
    assert run([part.format(empty) for part in command]) == 1
    assert f"{empty}: expected rows, got none" in capsys.readouterr().err
