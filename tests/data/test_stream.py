"""A data set streamed is the data set read whole: the same schema, values, order and identity, in bounded memory."""

import datetime as dt
import gc
import itertools
import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import DataError, EmptyInputError, SchemaError
from mlops_runtime.data import Batch, Column, Schema, conform, open_source, read_dataset
from mlops_runtime.data.prefetch import prefetched

ROWS = 10_000


def table(rows=ROWS, seed=1):
    random = np.random.default_rng(seed)
    values = random.normal(size=rows)
    return pa.table(
        {
            "f": pa.array(values, mask=random.random(rows) < 0.1),
            "nan": np.where(random.random(rows) < 0.1, np.nan, values),
            "i": random.integers(-5, 5, rows),
            "id": random.integers(2**60, 2**61, rows),
            "b": random.random(rows) < 0.5,
            "s": pa.array(random.choice(["a", " b", "?", "c"], rows)),
            "t": pa.array(random.integers(0, 10**15, rows), pa.timestamp("us")),
            "l": pa.array([[int(v)] * (v % 3) for v in random.integers(0, 9, rows)], pa.list_(pa.int32())),
        }
    )


def write(values, path):
    if path.suffix == ".parquet":
        pq.write_table(values, path, row_group_size=3000)
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(values.drop_columns(["l"]), path)
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(path, values.schema) as writer:
            writer.write_table(values, max_chunksize=2500)
    else:
        with pa.ipc.new_file(path, values.schema) as writer:
            writer.write_table(values, max_chunksize=2500)
    return path


def joined(batches):
    return pa.concat_tables([batch.table for batch in batches])


def same(one, other):
    """Equal column by column, NaN equal to NaN, whatever the chunks and dictionaries."""
    assert one.column_names == other.column_names
    for name in one.column_names:
        left, right = (side.column(name) for side in (one, other))
        plain = [v.cast(v.type.value_type) if pa.types.is_dictionary(v.type) else v for v in (left, right)]
        assert plain[0].type == plain[1].type, name
        assert list(map(repr, plain[0].to_pylist())) == list(map(repr, plain[1].to_pylist())), name


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv"])
@pytest.mark.parametrize("rows", [1000, 131_072])
def test_a_stream_is_what_a_whole_read_is(tmp_path, suffix, rows):
    path = write(table(), tmp_path / f"t{suffix}")
    source, dataset = open_source(path), read_dataset(path)
    batches = list(source.batches(rows))
    assert source.schema == dataset.schema
    assert source.notes == dataset.notes
    assert source.manifest() == dataset.manifest
    assert {batch.table.schema for batch in batches} == {batches[0].table.schema}
    assert all(batch.table.num_rows <= rows and batch.file == path.name for batch in batches)
    assert [batch.first_row for batch in batches] == list(
        itertools.accumulate((batch.table.num_rows for batch in batches[:-1]), initial=0)
    )
    same(joined(batches), dataset.table)


CELLS = ["1", "-7", "2.5", "", "?", " 3", "  NA", "x", "true", "0", "2025-01-31", "2025-01-31 10:00", "07:30", "1e400"]


@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=3), min_size=2, max_size=2),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_csv_columns_are_decided_alike_streamed_and_whole(tmp_path_factory, cells, first, second):
    left, right = (list(itertools.islice(itertools.cycle(column), first + second)) for column in cells)
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text("a,b\n" + "".join(f'{x},"{y}"\n' for x, y in zip(left, right, strict=True)))
    source, dataset = open_source(path), read_dataset(path)
    assert source.schema == dataset.schema
    assert source.notes == dataset.notes
    same(joined(source.batches(7)), dataset.table)


def test_a_column_that_turns_to_text_after_many_blocks_is_text_from_the_start(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,7.50\n" * 2_000_000 + "2,x\n")
    source = open_source(path)
    assert source.schema.column("b").kind == "string"
    batches = source.batches()
    assert next(batches).table["b"][0].as_py() == "7.50"
    batches.close()


def test_a_schema_saves_the_pass_that_infers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,x\n" * 10)
    source = open_source(path, schema=Schema((Column("a", "number"), Column("b", "string"))))
    path.write_text("a,b\n" + "1,\xe9\n" * 5)  # of another size: a pass over the file would find that
    assert source.schema.names == ("a", "b")
    with pytest.raises(DataError, match="another one in its place"):
        list(source.batches())


def test_declared_numbers_may_be_written_as_booleans_and_with_odd_spaces(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,true\n" * 700_000 + "  2,false\n   ?,false\n")
    schema = Schema((Column("a", "number"), Column("b", "number")))
    streamed = joined(open_source(path, schema=schema).batches())
    same(streamed, read_dataset(path, schema=schema).table)
    assert streamed["a"][-2].as_py() == 2.0
    assert streamed["a"][-1].as_py() is None
    assert streamed.num_rows == 700_002
    assert streamed["b"][0].as_py() == 1.0


def test_a_value_that_is_not_of_its_kind_is_named_with_its_row_in_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 1_500_000 + "x\n")
    schema = Schema((Column("a", "number"),))
    with pytest.raises(SchemaError, match=r"t\.csv: .*'x' in row 1500001"):
        list(open_source(path, schema=schema).batches())
    with pytest.raises(SchemaError, match=r"t\.csv: .*'x' in row 1500001"):
        read_dataset(path, schema=schema)


def test_rows_have_ordinals_over_all_files_in_the_order_of_their_names(tmp_path):
    for name in ("b.csv", "a.csv", "B.csv", "a/z.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"name\n{name}\n{name}\n")
    source = open_source(tmp_path)
    assert source.files == ("B.csv", "a.csv", "a/z.csv", "b.csv")
    batches = list(source.batches())
    assert [(batch.first_row, batch.file) for batch in batches] == list(zip(range(0, 8, 2), source.files, strict=True))
    assert joined(batches)["name"].to_pylist() == [name for name in source.files for _ in range(2)]
    assert [(file.name, file.rows) for file in source.manifest().files] == [(name, 2) for name in source.files]


def test_empty_parts_among_others_are_no_matter_but_a_data_set_without_rows_is(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n")
    assert read_dataset(tmp_path).table["x"].to_pylist() == [1]
    with pytest.raises(EmptyInputError, match="rows below the header"):
        read_dataset([tmp_path / "b.csv"])


def test_a_batch_keeps_ordinals_when_rows_leave_it():
    batch = Batch(pa.table({"a": range(6)}), 10, "f")
    kept = batch.filter(np.array([False, True, True, False, True, True]))
    assert (kept.first_row, kept.row_numbers().tolist()) == (11, [11, 12, 14, 15])
    runs = [(run.first_row, run.table["a"].to_pylist()) for run in kept.runs()]
    assert runs == [(11, [1, 2]), (14, [4, 5])]
    assert kept.filter(np.array([False, False, True, True])).ordinals is None
    assert batch.filter(np.zeros(6, bool)).table.num_rows == 0


def test_what_is_made_ahead_stops_when_nobody_wants_it():
    made = []

    def numbers():
        try:
            for number in itertools.count():
                made.append(number)
                yield number
        finally:
            made.append("closed")

    before = threading.active_count()
    items = prefetched(numbers)
    assert made == []
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert made[-1] == "closed"
    assert len(made) <= 6
    assert threading.active_count() == before


def test_an_abandoned_stream_stops_its_thread(tmp_path):
    path = write(table(), tmp_path / "t.parquet")
    before = threading.active_count()
    for _ in open_source(path).batches(100):
        break
    gc.collect()
    assert threading.active_count() == before


def test_what_fails_ahead_fails_here_after_what_came_before():
    def numbers():
        yield 1
        raise DataError("damaged")

    items = prefetched(numbers)
    assert next(items) == 1
    with pytest.raises(DataError, match="damaged"):
        next(items)


def test_decoded_rows_are_as_they_are_in_the_file(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n 1 ,01\n?,x\n")
    (batch,) = open_source(tmp_path / "t.csv").decoded()
    assert batch.table.to_pydict() == {"a": [" 1 ", "?"], "b": ["01", "x"]}


def test_times_and_lists_survive_a_stream_of_several_types(tmp_path):
    pq.write_table(pa.table({"t": [dt.date(2025, 1, 2)], "l": [["a"]]}), tmp_path / "a.parquet")
    stamp = pa.array([dt.datetime(2025, 1, 2, 3, tzinfo=dt.UTC)], pa.timestamp("ns", "Asia/Dubai"))
    pq.write_table(
        pa.table({"t": stamp, "l": pa.array([["b"]], pa.large_list(pa.large_utf8()))}), tmp_path / "b.parquet"
    )
    found = joined(open_source(tmp_path).batches())
    assert found["l"].to_pylist() == [["a"], ["b"]]
    assert [str(t) for t in found["t"].to_pylist()] == ["2025-01-02 00:00:00+00:00", "2025-01-02 03:00:00+00:00"]


@pytest.mark.parametrize(("suffix", "rows", "least_mib"), [(".parquet", 4_000_000, 1500), (".csv", 500_000, 190)])
def test_a_stream_needs_little_memory(tmp_path, suffix, rows, least_mib):
    path = tmp_path / f"big{suffix}"
    random = np.random.default_rng(2)
    part = pa.table(
        {f"f{i}": random.integers(0, 2000, rows // 4) / 8 for i in range(46)}
        | {f"s{i}": pa.array(random.integers(0, 5000, rows // 4).astype("U8")) for i in range(8)}
    )
    make = pq.ParquetWriter if suffix == ".parquet" else pyarrow.csv.CSVWriter
    with make(path, part.schema) as writer:
        for _ in range(4):
            writer.write_table(part)
    code = (
        "import re, sys; from pathlib import Path; from mlops_runtime.data import open_source\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) >> 10\n"
        "before = peak(); rows = size = 0\n"
        "for batch in open_source(sys.argv[1]).batches(): rows += batch.table.num_rows; size += batch.table.nbytes\n"
        "print(rows, size >> 20, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    seen, size_mib, growth_mib = map(int, done.stdout.split())
    assert seen == rows
    assert size_mib > least_mib
    assert growth_mib <= 300, f"{growth_mib} MiB"


def test_conforming_says_where_a_row_is_in_the_data_set():
    schema = Schema((Column("a", "number"),))
    with pytest.raises(SchemaError, match="'x' in row 1002"):
        conform(pa.table({"a": ["1", "x"]}), schema, where="here", first_row=1000)
