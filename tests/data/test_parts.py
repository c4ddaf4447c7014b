"""Row groups read alone, in any order, are the data set that is read in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import ConfigError, DataError
from mlops_runtime.data import Source, open_source

_ROWS = 1000


def _write(path: Path, first: int, rows: int = _ROWS, group: int = 130) -> None:
    numbers = np.arange(first, first + rows)
    table = pa.table({"n": numbers, "text": [f" t{n % 17} " for n in numbers], "even": numbers % 2 == 0})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, and between them one without rows."""
    _write(tmp_path / "day=1" / "a.parquet", 0)
    _write(tmp_path / "day=2" / "b.parquet", _ROWS, rows=0)
    _write(tmp_path / "day=3" / "c.parquet", _ROWS, group=77)
    return tmp_path


def _rows_of(source: Source, rows: int) -> list[dict[str, object]]:
    batches = [batch for part in source.parts() for batch in source.part_batches(part, rows)]
    return [
        {**row, "ordinal": ordinal}
        for batch in batches
        for row, ordinal in zip(batch.table.to_pylist(), batch.row_numbers().tolist(), strict=True)
    ]


@pytest.mark.parametrize("filters", [[], [("n", ">=", 500), ("text", "!=", "t3")], [("day", "==", 3)]])
@pytest.mark.parametrize("rows", [1, 50, 1 << 18])
def test_the_parts_are_the_data_set_with_ordinals_and_filters(folder: Path, filters: list, rows: int) -> None:
    source = open_source(folder, filters=filters)
    expected = [
        {**row, "ordinal": ordinal}
        for batch in source.batches()
        for row, ordinal in zip(batch.table.to_pylist(), batch.row_numbers().tolist(), strict=True)
    ]
    assert expected
    assert _rows_of(source, rows) == expected


def test_parts_that_no_row_can_meet_the_filters_in_are_left_out(folder: Path) -> None:
    source = open_source(folder, filters=[("n", ">=", 1500)])
    assert all(part.first_row + part.rows > 1500 for part in source.parts())
    assert source.parts()[0].rows == 77


def test_every_batch_has_one_schema_and_the_part_says_its_rows(folder: Path) -> None:
    source = open_source(folder)
    batches = {part: list(source.part_batches(part)) for part in source.parts()}
    assert {batch.table.schema for each in batches.values() for batch in each} == {source.read().table.schema}
    assert all(part.rows == sum(batch.table.num_rows for batch in each) for part, each in batches.items())
    assert all(part.first_row == each[0].first_row for part, each in batches.items())


def test_many_threads_read_parts_at_once(folder: Path) -> None:
    source = open_source(folder)
    with ThreadPoolExecutor(8) as pool:
        batches = pool.map(lambda part: list(source.part_batches(part)), source.parts())
    assert (
        pa.concat_tables([batch.table for each in batches for batch in each]).to_pydict()
        == source.read().table.to_pydict()
    )


def test_a_file_that_changed_since_it_was_opened_is_refused(folder: Path) -> None:
    source = open_source(folder)
    parts = source.parts()
    _write(folder / "day=3" / "c.parquet", 0, group=78)
    assert list(source.part_batches(parts[0]))
    with pytest.raises(DataError, match="another one in its place"):
        list(source.part_batches(parts[-1]))


def test_a_file_without_row_groups_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected Parquet files"):
        open_source(tmp_path / "a.csv").parts()
