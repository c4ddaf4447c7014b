"""`mlrt features leaks`: exit codes, the table, the JSON object, and files of every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from mlops_runtime.cli.features_leaks import _KINDS
from mlops_runtime.cli.main import cli, run
from mlops_runtime.features.leaks import LeakKind

TABLES = """
tables:
  - name: accounts
    files: [accounts/*.csv]
    keys: [account]
    event_time: since
    known_time: loaded
    ttl_s: 5184000.0
"""
ACCOUNTS = """account,since,loaded,balance,branch
007,2026-01-01,2026-01-01,100.5,01
007,2026-02-01,2026-02-01,250,02
007,2026-03-01,2026-03-20,900,02
008,2026-02-10,2026-02-10,40,01
"""
RIGHT = """account,asked,balance,branch,label
007,2026-01-15T00:00:00Z,100.5,01,0
007,2026-03-10T04:00:00+04:00,250,02,1
008,2026-02-01T00:00:00Z,,,0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables.yaml").write_text(TABLES)
    (tmp_path / "accounts").mkdir()
    (tmp_path / "accounts" / "2026.csv").write_text(ACCOUNTS)
    return tmp_path


def leaks(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["features", "leaks", *arguments, "--tables", "tables.yaml", "--time", "asked"])


def test_a_clean_set_passes_and_codes_in_csv_stay_texts(folder: Path) -> None:
    Path("train.csv").write_text(RIGHT)
    done = leaks("train.csv", "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["passed"], report["rows"], report["leaks"]) == (0, True, 3, 0)
    assert report["tables"][0]["columns"] == {"balance": "balance", "branch": "branch"}
    assert report["notes"] == ["of no feature table, so not checked: `label`"]
    assert "every value is the join's" in leaks("train.csv").stdout


def test_a_leak_ends_with_3_and_is_shown_with_key_times_and_values(folder: Path) -> None:
    Path("train.csv").write_text(RIGHT.replace("250,02", "900,02"))
    assert run(["features", "leaks", "train.csv", "--tables", "tables.yaml", "--time", "asked"]) == 3
    shown = leaks("train.csv").stdout
    for word in ("late", "007", "2026-03-10T00:00:00", "2026-03-20T00:00:00", "balance: 900.0 → 250.0"):
        assert word in shown
    assert "rows with wrong values: 1; of these saw the future: 1" in shown
    (leak,) = json.loads(leaks("train.csv", "--json").stdout)["listed"]
    assert (leak["row"], leak["kind"], leak["key"]) == (1, "late", {"account": "007"})
    assert (leak["recorded"], leak["expected"]) == ({"balance": 900.0}, {"balance": 250.0})


def test_kinds_can_be_allowed_and_the_list_shortened(folder: Path) -> None:
    Path("train.csv").write_text(RIGHT.replace("250,02", "7,02").replace("100.5,01", "250,02"))
    arguments = ["features", "leaks", "train.csv", "--tables", "tables.yaml", "--time", "asked"]
    assert run([*arguments, "--allow", "unexplained"]) == 3
    assert run([*arguments, "--allow", "unexplained", "--allow", "future"]) == 0
    report = json.loads(leaks("train.csv", "--json", "--limit", "1").stdout)
    assert [leak["kind"] for leak in report["listed"]] == ["future"]
    assert (report["counts"]["future"], report["counts"]["unexplained"]) == (1, 1)


def test_renamed_columns_are_named(folder: Path) -> None:
    Path("train.csv").write_text(RIGHT.replace("balance,branch", "b,branch"))
    done = leaks("train.csv", "--column", "accounts__balance=b", "--json")
    assert json.loads(done.stdout)["tables"][0]["columns"] == {"balance": "b", "branch": "branch"}
    assert run(["features", "leaks", "x", "--tables", "t", "--time", "asked", "--column", "accounts__balance"]) == 2


@pytest.mark.parametrize("name", ["joined.parquet", "joined.csv", "joined.arrow"])
def test_what_features_join_wrote_is_clean(folder: Path, name: str) -> None:
    Path("asked.csv").write_text(
        "account,asked,label\n007,2026-01-15,0\n007,2026-03-10,1\n009,2026-03-10,1\n,2026-03-10,1\n"
    )
    join = ["features", "join", "asked.csv", "--tables", "tables.yaml", "--time", "asked", "-o", name]
    assert run(join) == 0
    assert run(["features", "leaks", name, "--tables", "tables.yaml", "--time", "asked"]) == 0


def test_the_kinds_of_the_option_are_those_of_the_check() -> None:
    assert get_args(LeakKind) == _KINDS
