"""`mlrt features join`: what it writes, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from mlops_runtime.cli.main import cli
from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.features.table_spec import FeatureTables

TABLES = """
tables:
- name: accounts
  files: [accounts.csv]
  keys: [account]
  event_time: since
  known_time: loaded
  ttl_s: 2592000
  entity_keys: [payer]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables.yaml").write_text(TABLES, encoding="utf-8")
    (tmp_path / "accounts.csv").write_text(
        "account,since,loaded,balance\n7,2024-01-01,2024-01-01T06:00,10\n7,2024-02-01,2024-02-03T06:00,30\n"
        ",2024-02-01,2024-02-01,5\n9,,2024-02-01,5\n",
        encoding="utf-8",
    )
    (tmp_path / "claims.csv").write_text(
        "claim,payer,filed\n1,7,2024-02-02\n2,7,2024-02-04T00:00:00+04:00\n3,8,2024-01-31\n4,,2024-01-31\n",
        encoding="utf-8",
    )
    return tmp_path


def _join(folder: Path, *options: str) -> Result:
    command = ["features", "join", str(folder / "claims.csv"), "--tables", str(folder / "tables.yaml"), *options]
    return CliRunner().invoke(cli, command)


def test_every_row_comes_out_with_what_was_known_then(folder: Path) -> None:
    out = folder / "train.parquet"
    done = _join(folder, "--time", "filed", "-o", str(out), "--json")
    assert done.exit_code == 0, done.output
    (table,) = json.loads(done.stdout)["tables"]
    assert (table["matched"], table["expired"], table["no_key"], table["missing_key"]) == (1, 1, 1, 1)
    joined = pq.read_table(out)
    assert joined.column_names == ["claim", "payer", "filed", "accounts__balance"]
    assert joined["accounts__balance"].to_pylist() == [None, 30, None, None]


def test_the_table_says_what_became_of_the_rows(folder: Path) -> None:
    done = _join(folder, "--time", "filed", "-o", str(folder / "train.csv"), "--names", "plain")
    assert done.exit_code == 0, done.output
    assert "4 rows" in done.stdout
    assert "accounts has 1 rows without a key and 1 without a time: they match nobody" in done.stdout
    assert (folder / "train.csv").read_text(encoding="utf-8").startswith('"claim","payer","filed","balance"\n')


def test_a_column_that_is_not_there_is_refused_before_anything_is_written(folder: Path) -> None:
    done = _join(folder, "--time", "when", "-o", str(folder / "train.parquet"))
    assert isinstance(done.exception, SchemaError)
    assert "expected column `when`" in str(done.exception)
    assert not (folder / "train.parquet").exists()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("ttl_s: 2592000", "ttl_s: long", r"table 1 \(`accounts`\), `ttl_s`"),
        ("  keys: [account]\n", "", r"table 1 \(`accounts`\), `keys`: Field required"),
        ("  entity_keys: [payer]\n", "- {name: accounts, files: [a], keys: [b], event_time: c}\n", "more than once"),
        ("ttl_s", "time_to_live", "`time_to_live`: Extra inputs"),
    ],
)
def test_a_mistake_in_the_tables_is_named(folder: Path, before: str, after: str, message: str) -> None:
    (folder / "tables.yaml").write_text(TABLES.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        FeatureTables.open(folder / "tables.yaml")


def test_chosen_features_come_in_the_order_of_their_choice(folder: Path) -> None:
    (folder / "tables.yaml").write_text(TABLES + "  features: [rank, balance]\n", encoding="utf-8")
    (folder / "accounts.csv").write_text(
        "account,since,loaded,balance,rank\n7,2024-01-01,2024-01-01,10,x\n", encoding="utf-8"
    )
    (table,) = FeatureTables.open(folder / "tables.yaml")
    assert table.feature_names == ("rank", "balance")
