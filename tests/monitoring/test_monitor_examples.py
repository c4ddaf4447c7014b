"""What `--help` of the commands on performance and anomalies shows as an example runs as it is shown."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from mlops_runtime.cli.main import cli, run
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor, WindowStore
from mlops_runtime.training import TrainConfig, train

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
VERBS = ("anomalies", "behaviour", "estimate", "labels", "rows")


def scored(rows: int, seed: int) -> pa.Table:
    """Claims with their score, whether they were paid, and of whom."""
    generator = np.random.default_rng(seed)
    score = generator.random(rows)
    table = {
        "claim": [f"c{at}" for at in range(rows)],
        "id": np.arange(rows),
        "time": [START + dt.timedelta(minutes=10 * at) for at in range(rows)],
        "filed": [START + dt.timedelta(minutes=10 * at) for at in range(rows)],
        "score": score,
        "fraud": score,
        "amount": 100 * score + generator.normal(size=rows),
        "paid": (generator.random(rows) < score).astype(int),
        "sex": generator.choice(["F", "M"], rows),
    }
    return pa.table(table)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the examples name."""
    path = tmp_path_factory.mktemp("examples")
    for seed, name in enumerate(("march", "april", "last-year", "today", "scored", "paid")):
        pyarrow.csv.write_csv(scored(600, seed), path / f"{name}.csv")
    others = ("claim", "id", "time", "filed", "score", "fraud", "sex")
    output = path / "claims-bundle"
    train(TrainConfig(data=path / "march.csv", target="paid", output=output, exclude=others, model="linear"))
    data = scored(600, 9).select(["time", "amount"])
    baseline = Baseline.fit(data.select(["amount"]))
    monitor = WindowedMonitor(baseline, Tumbling(dt.timedelta(hours=1)))
    with WindowStore(path / "windows") as store:
        store.append(monitor.update(data, time="time") + monitor.close(), baseline)
    return path


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_a_command_runs(
    verb: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    group: Any = cli.get_command(click.Context(cli), "monitor")
    command = group.get_command(click.Context(group), verb)
    words = shlex.split(command.epilog.removeprefix("Example: "))
    assert words[:3] == ["mlrt", "monitor", verb]
    assert run([*words[1:], *([] if "--json" in words else ["--json"])]) == 0
    assert json.loads(capsys.readouterr().out)
