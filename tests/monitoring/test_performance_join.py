"""Labels joined as they arrive: late, out of order, twice, corrected, or never; and a process that is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError, SchemaError
from mlops_runtime.monitoring.performance.join import JoinSpec, LabelJoin, Published
from mlops_runtime.monitoring.performance.scoring import Scoring

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400
SPEC = JoinSpec(Scoring("binary"), delay_s=DAY, horizon_s=5 * DAY, groups=("sex",))


def predictions(ids: list[Any], hours: list[float], scores: list[float] | None = None) -> pa.Table:
    times = [START + timedelta(hours=hour) for hour in hours]
    sexes = ["F" if at % 2 else "M" for at in range(len(ids))]
    return pa.table({"id": ids, "time": times, "score": scores or [0.7] * len(ids), "sex": sexes})


def labels(ids: list[Any], hours: list[float], values: list[Any]) -> pa.Table:
    return pa.table({"id": ids, "time": [START + timedelta(hours=hour) for hour in hours], "label": values})


@pytest.fixture
def join(tmp_path: Path) -> Iterator[LabelJoin]:
    with LabelJoin(tmp_path, SPEC) as opened:
        yield opened


def value(published: Published, metric: str, group: str | None = None) -> float:
    return next(p.value for p in published.points if p.metric == metric and p.labels.get("group") == group)


def test_a_window_closes_when_the_watermark_passes_its_end(join: LabelJoin) -> None:
    join.add_predictions(predictions(["a", "b"], [1, 2]))
    join.add_labels(labels(["a", "b"], [20, 47], [1, 0]))
    assert join.close() == []
    join.add_labels(labels(["z"], [48], [1]))  # of nothing we know, but it is two days later
    (closed,) = join.close()
    assert value(closed, "accuracy") == 0.5
    assert value(closed, "accuracy", "sex=M") == 1.0
    assert closed.points[0].span.to_dict()["start"] == "2026-03-01T00:00:00+00:00"
    assert join.close() == []


def test_labels_may_come_before_their_predictions(join: LabelJoin) -> None:
    join.add_labels(labels(["a"], [5], [1]))
    assert join.status().orphans == 1
    join.add_predictions(predictions(["a"], [1]))
    (closed,) = join.close(all_windows=True)
    assert value(closed, "label_coverage") == 1.0


def test_a_late_label_restates_its_window_and_says_so(join: LabelJoin) -> None:
    join.add_predictions(predictions(["a", "b", "z"], [1, 2, 60]))
    join.add_labels(labels(["a"], [3], [1]))
    first = next(iter(join.close()))
    assert value(first, "label_coverage") == 0.5
    assert "restated" not in first.points[0].labels
    join.add_labels(labels(["b"], [50], [1]))
    (again,) = join.close()
    assert value(again, "label_coverage") == 1.0
    assert again.revision == 2
    assert {point.labels["restated"] for point in again.points} == {"2"}
    assert [each.revision for each in join.published()] == [2]
    assert join.published(after=again.sequence) == []


def test_the_label_of_the_latest_time_wins_however_they_come(join: LabelJoin) -> None:
    join.add_predictions(predictions(["a"], [1]))
    join.add_labels(labels(["a"], [9], [0]))
    received = join.add_labels(labels(["a", "a"], [3, 3], [1, 1]))
    assert (received.repeated, received.changed) == (2, 0)
    assert value(join.close(all_windows=True)[0], "accuracy") == 0.0
    assert join.add_labels(labels(["a"], [10], [1])).changed == 1
    assert value(join.close(all_windows=True)[0], "accuracy") == 1.0


def test_a_batch_sent_again_changes_nothing(join: LabelJoin) -> None:
    batch, answers = predictions(["a", "b"], [1, 2]), labels(["a", "b"], [3, 4], [1, 1])
    join.add_predictions(batch)
    join.add_labels(answers)
    join.close(all_windows=True)
    assert join.add_predictions(batch).repeated == 2
    assert join.add_labels(answers).repeated == 2
    assert join.close(all_windows=True) == []


def test_rows_past_the_horizon_are_forgotten_and_counted(join: LabelJoin) -> None:
    join.add_predictions(predictions(["a", "b"], [1, 2]))
    join.add_labels(labels(["a", "stray"], [3, 4], [1, 1]))
    join.add_predictions(predictions(["z"], [24 * 9]))
    assert len(join.close()) == 1
    status = join.status()
    assert status.counts["forgotten.unlabelled"] == 1
    assert status.counts["forgotten.orphans"] == 1
    assert (status.waiting, status.orphans) == (1, 0)
    assert join.add_predictions(predictions(["a"], [1])).late == 1
    assert join.add_labels(labels(["b"], [4], [1])).late == 1
    assert len(join.published()) == 1


def test_points_are_kept_for_as_long_as_was_said(tmp_path: Path) -> None:
    for days, kept in ((9, 1), (5, 0)):  # another opening may keep them for another time
        with LabelJoin(tmp_path, replace(SPEC, points_s=days * DAY)) as join:
            join.add_predictions(predictions(["a", "z"], [1, 24 * 8]))
            join.add_labels(labels(["a"], [2], [1]))
            join.close()
            assert len(join.published()) == kept
            assert join.status().counts.get("forgotten.windows", 0) == 1 - kept


def test_points_are_not_forgotten_before_their_rows() -> None:
    with pytest.raises(ConfigError, match="points_s of the horizon, 432000, or more, got 1"):
        replace(SPEC, points_s=1)


def test_a_time_in_the_future_does_not_close_everything(join: LabelJoin) -> None:
    now = datetime.now(UTC)
    table = predictions(["a", "b"], [0, 0]).set_column(
        1, "time", pa.array([now - timedelta(hours=1), now + timedelta(days=9_000)])
    )
    join.add_predictions(table)
    assert join.close() == []


def test_rows_that_cannot_be_read_are_counted_and_harm_nothing(join: LabelJoin) -> None:
    bad = predictions(["a", None, "c", "d"], [1, 1, 1, 1], [0.5, 0.5, float("nan"), 1.5])
    received = join.add_predictions(bad)
    assert (received.rows, received.new, received.unreadable) == (4, 1, 3)
    assert join.add_labels(labels(["a", "b"], [2, 2], ["yes", None])).unreadable == 2


def test_numbers_booleans_and_names_are_labels(tmp_path: Path) -> None:
    spec = JoinSpec(Scoring("binary", ("no", "yes")))
    with LabelJoin(tmp_path, spec) as join:
        assert join.add_labels(labels([1, 2], [1, 1], ["yes", "no"])).new == 2
    with LabelJoin(tmp_path / "numbers", JoinSpec(Scoring("binary"))) as join:
        for at, values in enumerate(([True, False], [1.0, 0.0], [1, 0], ["1", "0"])):
            assert join.add_labels(labels([2 * at, 2 * at + 1], [1, 1], values)).new == 2


def test_ids_meet_whatever_their_type(join: LabelJoin) -> None:
    join.add_predictions(predictions([123_456_789_012, 2**60 + 1], [1, 1]))
    join.add_labels(labels([123_456_789_012.0, 0.5, float("nan")], [2, 2, 2], [1, 1, 1]))
    join.add_labels(labels([str(2**60 + 1)], [2], [0]))
    status = join.status()
    assert (status.waiting, status.orphans) == (0, 0)
    assert status.counts["label.unreadable"] == 2


def test_columns_that_are_missing_or_of_no_use_are_refused(join: LabelJoin) -> None:
    with pytest.raises(SchemaError, match="expected column `score`, got columns id, time"):
        join.add_predictions(pa.table({"id": ["a"], "time": [START]}))
    with pytest.raises(SchemaError, match=r"column `time`: expected times, or seconds since 1970, got string"):
        join.add_labels(pa.table({"id": ["a"], "time": ["soon"], "label": [1]}))


def test_another_spec_for_the_same_folder_is_refused(tmp_path: Path, join: LabelJoin) -> None:
    with pytest.raises(ConfigError, match="the spec that the file was made for"):
        LabelJoin(tmp_path, JoinSpec(Scoring("regression")))


def test_a_damaged_file_is_an_error_not_an_empty_join(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_bytes(b"not a database, but long enough to be mistaken for one" * 100)
    with pytest.raises(IntegrityError, match="undamaged"):
        LabelJoin(tmp_path, SPEC)


def test_several_scores_and_a_number_are_joined_too(tmp_path: Path) -> None:
    spec = JoinSpec(Scoring("multiclass", ("a", "b", "c")), scores=("pa", "pb", "pc"))
    table = pa.table({"id": [1, 2], "time": [0, 1], "pa": [0.7, 0.1], "pb": [0.2, 0.1], "pc": [0.1, 0.8]})
    with LabelJoin(tmp_path / "classes", spec) as join:
        join.add_predictions(table)
        join.add_labels(pa.table({"id": [1, 2], "time": [5, 5], "label": ["a", "b"]}))
        assert value(join.close(all_windows=True)[0], "accuracy") == 0.5
    with LabelJoin(tmp_path / "number", JoinSpec(Scoring("regression"))) as join:
        join.add_predictions(pa.table({"id": [1], "time": [0], "score": [3.0]}))
        join.add_labels(pa.table({"id": [1], "time": [0.5], "label": [5]}))
        assert value(join.close(all_windows=True)[0], "rmse") == 2.0


def _life(seed: int) -> tuple[list[pa.Table], list[pa.Table]]:
    """Three days of predictions; labels that are late, doubled and corrected."""
    generator = np.random.default_rng(seed)
    n = 300
    ids, hours, scores = [f"p{at}" for at in range(n)], generator.uniform(0, 72, n), generator.random(n)
    predicted = predictions(ids, list(hours), list(scores))
    which = generator.choice(n, 2 * n)
    answers = labels(
        [ids[at] for at in which],
        list(hours[which] + generator.uniform(0, 60, 2 * n)),
        list(generator.integers(0, 2, 2 * n)),
    )
    return [predicted.slice(at, 30) for at in range(0, n, 30)], [answers.slice(at, 40) for at in range(0, 2 * n, 40)]


def _results(folder: Path, batches: list[tuple[str, pa.Table]], close_every: int) -> list[Any]:
    with LabelJoin(folder, SPEC) as join:
        for at, (kind, table) in enumerate(batches):
            (join.add_predictions if kind == "prediction" else join.add_labels)(table)
            if at % close_every == 0:
                join.close(all_windows=True)
        join.close(all_windows=True)
        found = sorted(join.published(), key=lambda each: each.points[0].span)
    return [[{**p.to_dict(), "labels": p.labels.get("group")} for p in each.points] for each in found]


def test_any_order_of_arrival_gives_the_same_bits(tmp_path: Path, soak_factor: int) -> None:
    for seed in range(3 * soak_factor):
        predicted, answers = _life(seed)
        batches = [("prediction", table) for table in predicted] + [("label", table) for table in answers]
        expected = _results(tmp_path / f"{seed}-a", batches, 10**9)
        shuffled = random.Random(seed).sample(batches * 2, 2 * len(batches))
        assert _results(tmp_path / f"{seed}-b", shuffled, 7) == expected
        assert len(expected) == 3


_FEEDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_performance_join import SPEC, LabelJoin, _life
predicted, answers = _life(0)
with LabelJoin(Path(sys.argv[1]), SPEC) as join:
    for number in range(10):
        print("step", flush=True)
        join.add_predictions(predicted[number])
        for table in answers[number * 2 : number * 2 + 2] if number < 7 else answers[number + 7 :: 3]:
            print("step", flush=True)
            join.add_labels(table)
        print("step", flush=True)
        join.close(all_windows=True)
"""


def test_a_join_that_is_killed_anywhere_and_fed_again_ends_as_if_nothing_had_happened(
    tmp_path: Path, soak_factor: int
) -> None:
    command = [sys.executable, "-c", _FEEDER, str(tmp_path / "killed"), str(Path(__file__).parent)]
    generator = random.Random(7)
    for _ in range(4 * soak_factor):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(generator.randrange(2, 30)):  # of 35 steps
            assert process.stdout.readline() == "step\n"
        time.sleep(generator.uniform(0.0, 0.005))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*command[:3], str(tmp_path / "whole"), command[4]], check=True, stdout=subprocess.DEVNULL)
    killed, whole = (_results(tmp_path / name, [], 1) for name in ("killed", "whole"))
    assert killed == whole
    assert len(whole) == 3


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    with LabelJoin(tmp_path, SPEC) as join:
        join.add_predictions(predictions(["a"], [1]))
        join._store.connection.execute("PRAGMA max_page_count = 30")
        with pytest.raises(CapacityError, match="no space left"):
            join.add_predictions(predictions([f"p{at}" for at in range(5_000)], [1.0] * 5_000))
        assert join.status().waiting == 1
    with LabelJoin(tmp_path, SPEC) as join:
        assert join.add_predictions(predictions(["a", "b"], [1, 2])).new == 1


def test_two_joins_on_one_folder_publish_a_window_once(tmp_path: Path) -> None:
    with LabelJoin(tmp_path, SPEC) as one, LabelJoin(tmp_path, SPEC) as other:
        one.add_predictions(predictions(["a"], [1]))
        other.add_labels(labels(["a"], [2], [1]))
        assert len(one.close(all_windows=True)) == 1
        assert other.close(all_windows=True) == []
        assert [each.revision for each in other.published()] == [1]
