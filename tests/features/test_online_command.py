"""`mlrt features materialise` and `mlrt features lookup`, run as a user would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mlops_runtime.cli.main import cli
from mlops_runtime.core.errors import ConfigError, MlrtError, SchemaError

ACCOUNTS = """account,since,known,balance,city
7,2024-01-01,2024-01-01,10.5,Fes
7,2024-02-01,2024-03-01,30,Rabat
8,2024-01-05,2024-01-05,,
"""
VISITS = 'city,branch,at,visits\n"Fes",1,2024-01-01,3\n"Ömür, 東京",2,2024-01-02,inf\n'
TABLES = """
tables:
  - {name: accounts, files: [accounts.csv], keys: [account], event_time: since, known_time: known}
  - {name: visits, files: [visits.csv], keys: [city, branch], event_time: at, ttl_s: 86400.0}
"""

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command below `mlrt features` where the files are; give its JSON, or its output when that is not asked."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("accounts.csv", ACCOUNTS), ("visits.csv", VISITS), ("tables.yaml", TABLES)):
        Path(name).write_text(text, encoding="utf-8")

    def run(*words: str, exit_code: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["features", *words])
        if isinstance(done.exception, MlrtError):
            raise done.exception
        assert done.exit_code == exit_code, done.output
        return json.loads(done.stdout) if "--json" in words else done.output

    return run


def test_tables_are_materialised_and_looked_up(run: Run) -> None:
    first, second = run("materialise", "tables.yaml", "--store", "online", "--until", "2024-02-15", "--json")["tables"]
    assert first == {
        "name": "accounts", "store": "online/accounts", "files": 1, "skipped": 0, "rows": 2, "keys": 2,
        "incomplete": 0, "withheld": 1,
    }  # fmt: skip
    assert (second["name"], second["keys"]) == ("visits", 2)
    again = run("materialise", "tables.yaml", "--store", "online", "--table", "accounts", "--json")["tables"]
    assert [(each["files"], each["rows"], each["keys"], each["withheld"]) for each in again] == [(1, 1, 1, 0)]
    found = run("lookup", "online/accounts", "7", "8", "9", "--json")
    assert found["view"] == "accounts"
    assert found["rows"] == [
        {
            "key": "7", "found": True, "event_time": "2024-02-01T00:00:00.000000Z",
            "features": {"balance": 30.0, "city": "Rabat"},
        },
        {
            "key": "8", "found": True, "event_time": "2024-01-05T00:00:00.000000Z",
            "features": {"balance": None, "city": None},
        },
        {"key": "9", "found": False, "event_time": None, "features": {}},
    ]  # fmt: skip


def test_several_keys_are_a_json_list_and_values_hold_at_a_moment(run: Run) -> None:
    run("materialise", "tables.yaml", "--store", "online", "--table", "visits")
    keys = ['["Ömür, 東京", 2]', '["Fes", 1]', '["Fes", null]']
    rows = run("lookup", "online/visits", *keys, "--at", "2024-01-02T12:00:00+00:00", "--json")["rows"]
    assert [row["features"].get("visits") for row in rows] == ["inf", None, None]
    rows = run("lookup", "online/visits", *keys, "--at", "2024-01-02", "--json")["rows"]
    assert [row["features"].get("visits") for row in rows] == ["inf", 3.0, None]
    assert "JSON list of city, branch" in run("lookup", "online/visits", "Fes", exit_code=2)


def test_the_tables_are_shown_for_people_too(run: Run) -> None:
    shown = run("materialise", "tables.yaml", "--store", "online")
    assert "accounts" in shown
    assert "keys changed" in shown
    shown = run("lookup", "online/accounts", "7", "9")
    assert "Rabat" in shown
    assert "not found" in shown


def test_what_is_not_there_is_said_and_is_no_crash(run: Run) -> None:
    with pytest.raises(ConfigError, match="expected an online store"):
        run("lookup", "nowhere", "7")
    assert "got 'acounts'" in run("materialise", "tables.yaml", "--store", "online", "--table", "acounts", exit_code=2)
    run("materialise", "tables.yaml", "--store", "online", "--table", "accounts")
    with pytest.raises(SchemaError, match="'seven'"):
        run("lookup", "online/accounts", "seven")


def test_a_store_in_redis_is_filled_and_asked_without_its_password_being_shown(
    run: Run, make_redis: Callable[..., Any]
) -> None:
    server = make_redis("--requirepass", "open-sesame")
    url = f"{server.url}?password=open-sesame"
    filled = run("materialise", "tables.yaml", "--store", url, "--json")["tables"]
    assert [each["store"] for each in filled] == [f"{server.url}#accounts", f"{server.url}#visits"]
    found = run("lookup", f"{url}#accounts", "7", "--json")
    assert (found["store"], found["rows"][0]["features"]["city"]) == (f"{server.url}#accounts", "Rabat")
    shown = run("materialise", "tables.yaml", "--store", url) + run("lookup", f"{url}#accounts", "7")
    assert "open-sesame" not in shown
