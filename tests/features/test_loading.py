"""Rows of a program: cached once, or streamed; the same rows either way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import ConfigError, DataError, SchemaError
from mlops_runtime.data import Source, open_source
from mlops_runtime.data.loader import Loader, LoaderState, Windowed
from mlops_runtime.data.rows import RowCache
from mlops_runtime.features import (
    CategoryFeature,
    FeatureProgram,
    FeatureSpec,
    HashFeature,
    ListFeature,
    NumericFeature,
    fit_source,
)
from mlops_runtime.features.loading import rows_of, stream_of

ROWS = 700
_SPEC = FeatureSpec(
    features=(
        NumericFeature(column="amount"),
        CategoryFeature(column="city", min_count=1),
        HashFeature(columns=["merchant"], buckets=64),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files: texts with spaces and nulls, a column that is a key in some row groups only, a target."""
    path = tmp_path_factory.mktemp("loading")
    rng = np.random.default_rng(0)
    for number in range(2):
        numbers = np.arange(ROWS) + number * ROWS
        table = pa.table(
            {
                "amount": pa.array(rng.normal(size=ROWS), mask=rng.random(ROWS) < 0.1),
                "city": pa.array([f" city {n % (7 + number)}" for n in numbers], mask=rng.random(ROWS) < 0.1),
                "merchant": [f"m{n}" for n in rng.integers(0, 10**6, ROWS)],
                "label": (numbers % 3 == 0).astype(np.int64),
                "text": [None if n % 10 == 0 else "x" for n in numbers],
                "tags": [["a", "b"]] * ROWS,
            }
        )
        pq.write_table(table, path / f"part-{number}.parquet", row_group_size=100)
    return path


@pytest.fixture(scope="module")
def source(folder: Path) -> Source:
    return open_source(folder)


@pytest.fixture(scope="module")
def program(source: Source) -> FeatureProgram:
    return fit_source(_SPEC, source)


def test_cached_rows_are_what_the_program_makes(program: FeatureProgram, source: Source, tmp_path: Path) -> None:
    cache = RowCache(tmp_path, limit_bytes=1 << 30)
    rows = rows_of(program, source, target="label", cache=cache)
    table = source.read().table
    expected = program.transform(table)
    found = rows.arrays()
    np.testing.assert_array_equal(found["dense"], expected.dense)
    np.testing.assert_array_equal(found["sparse"], expected.sparse)
    np.testing.assert_array_equal(found["target"][:, 0], table["label"].to_numpy())
    assert rows_of(program, source, target="label", cache=cache).digest == rows.digest
    assert [entry.digest for entry in cache.entries()] == [rows.digest]


def test_rows_have_another_identity_for_another_target_filter_or_program(
    program: FeatureProgram, folder: Path, tmp_path: Path
) -> None:
    cache, source = RowCache(tmp_path, limit_bytes=1 << 30), open_source(folder)
    other = fit_source(FeatureSpec(features=(NumericFeature(column="amount", scale="none"),)), source)
    made = [
        rows_of(program, source, cache=cache),
        rows_of(program, source, target="label", cache=cache),
        rows_of(other, source, cache=cache),
        rows_of(program, open_source(folder, filters=[("label", "==", 1)]), cache=cache),
    ]
    assert len({rows.digest for rows in made}) == len(made)
    assert [field.name for field in made[2].layout.fields] == ["dense"]
    assert made[3].rows == sum(n % 3 == 0 for n in range(2 * ROWS))


def test_streamed_rows_are_the_cached_ones(program: FeatureProgram, source: Source, tmp_path: Path) -> None:
    rows = rows_of(program, source, target="label", cache=RowCache(tmp_path, limit_bytes=1 << 30))
    whole = rows.arrays()
    stream = stream_of(program, source, target="label", batch_rows=64, sampler=Windowed(4), seed=1)
    seen = []
    for batch in stream:
        assert list(batch) == list(next(iter(Loader(rows, batch_rows=1))))
        for name, values in batch.items():
            np.testing.assert_array_equal(values, whole[name][batch.rows])
        seen.append(batch.rows)
    assert sorted(np.concatenate(seen)) == list(range(2 * ROWS))


def test_a_stream_goes_on_from_its_state(program: FeatureProgram, source: Source) -> None:
    manifest = source.manifest()
    options = {"batch_rows": 100, "manifest": manifest, "seed": 4}
    first = stream_of(program, source, **options)
    rows = [next(iter(first)).rows for _ in range(3)]
    state = LoaderState.from_json(first.state.to_json())
    rest = stream_of(program, source, state=state, **options)
    rows += [batch.rows for batch in rest]
    assert sorted(np.concatenate(rows)) == list(range(2 * ROWS))
    with pytest.raises(ConfigError, match="expected seed 5, got seed 4"):
        stream_of(program, source, state=state, **{**options, "seed": 5})


def test_a_target_has_to_be_a_number_in_every_row(program: FeatureProgram, folder: Path) -> None:
    path = folder.parent / "missing"
    path.mkdir()
    table = open_source(folder).read().table
    target = pa.array([None, *range(len(table) - 1)], pa.float64())
    pq.write_table(table.append_column("score", target), path / "f.parquet")
    source = open_source(path)
    with pytest.raises(DataError, match="target `score`: expected a number within float32 in every row"):
        list(stream_of(program, source, target="score", batch_rows=64))
    assert list(stream_of(program, open_source(path, filters=[("score", ">=", 0)]), target="score", batch_rows=9999))
    with pytest.raises(SchemaError, match="`text`: expected a target of numbers, got kind string"):
        stream_of(program, source, target="text", batch_rows=64)
    with pytest.raises(SchemaError, match="expected column `nowhere`"):
        stream_of(program, source, target="nowhere", batch_rows=64)


def test_columns_of_other_kinds_are_refused(program: FeatureProgram, tmp_path: Path) -> None:
    table = pa.table({"amount": ["1.5"] * 3, "city": ["a"] * 3, "merchant": ["m"] * 3})
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(SchemaError, match="got `amount` of kind string"):
        rows_of(program, open_source(tmp_path))
    assert rows_of(program, open_source(tmp_path, schema=program.schema)).rows == 3
    with pytest.raises(SchemaError, match="column `city`"):
        rows_of(program, open_source(tmp_path, columns=["amount"]))


def test_bags_have_no_fixed_width_and_are_refused(source: Source) -> None:
    bags = fit_source(FeatureSpec(features=(ListFeature(column="tags", output="bag"),)), source)
    with pytest.raises(ConfigError, match="expected features that are columns of a matrix, got bags"):
        stream_of(bags, source, batch_rows=64)
