"""Damaged and hostile files: an error that names the file and the place, in bounded memory, and never a crash."""

import contextlib
import io
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import DataError, EmptyInputError, MlrtError, SchemaError
from mlops_runtime.data import open_source, read_dataset
from mlops_runtime.data.thrift import read_struct

ROWS = 20_000
TABLE = pa.table({"n": np.random.default_rng(1).normal(size=ROWS), "s": [str(i % 97) for i in range(ROWS)]})


def parquet(path, **options):
    pq.write_table(TABLE, path, row_group_size=5000, **options)
    return path


def damage(path, where):
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[where] ^= 0xFF
    path.write_bytes(content.tobytes())


def page_offset(path, group, column):
    return pq.ParquetFile(path).metadata.row_group(group).column(column).data_page_offset


def stream(path):
    return list(open_source(path).batches(1000))


@pytest.mark.parametrize("read", [read_dataset, stream])
def test_a_flipped_byte_in_a_page_is_found_by_its_checksum_with_its_place(tmp_path, read):
    path = parquet(tmp_path / "t.parquet", compression="none", use_dictionary=False, write_page_checksum=True)
    damage(path, page_offset(path, 2, 0) + 2000)
    with pytest.raises(DataError, match=r"t\.parquet, column `n` of row group 2, after row 10,000: .*CRC"):
        read(path)


@pytest.mark.parametrize("read", [read_dataset, stream])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_a_page_without_its_header_is_an_error_without_a_checksum_too(tmp_path, read, compression):
    path = parquet(tmp_path / "t.parquet", compression=compression, use_dictionary=False)
    damage(path, slice(page_offset(path, 1, 1), page_offset(path, 1, 1) + 30))
    with pytest.raises(DataError, match=r"t\.parquet, column `s` of row group 1, after row 5,000: expected a whole"):
        read(path)


def test_rows_before_the_damage_are_streamed(tmp_path):
    path = parquet(tmp_path / "t.parquet", compression="none", use_dictionary=False, write_page_checksum=True)
    damage(path, page_offset(path, 3, 0) + 2000)
    batches = open_source(path).batches(5000)
    assert [next(batches).first_row for _ in range(2)] == [0, 5000]
    with pytest.raises(DataError, match="after row 15,000"):
        list(batches)


@pytest.mark.parametrize("kept", [8, 1000, -5, -200])
def test_a_truncated_parquet_file_is_refused(tmp_path, kept):
    path = parquet(tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"t\.parquet: .*truncated or damaged"):
        open_source(path)


def test_flipped_bits_of_a_footer_are_harmless(tmp_path):
    """In a process of its own: pyarrow's view of a damaged footer used to end the process."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": [1.5, None], "s": ["a", "b"], "i": [2**60, 1], "l": [[1], []]}), path)
    code = (
        "import sys; from pathlib import Path; from mlops_runtime.core.errors import MlrtError\n"
        "from mlops_runtime.data import open_source\n"
        "path = Path(sys.argv[1]); content = path.read_bytes(); read = refused = 0\n"
        "footer = len(content) - 8 - int.from_bytes(content[-8:-4], 'little')\n"
        "for position in range(footer, len(content)):\n"
        "    for bit in range(position % 4, 8, 4):\n"
        "        damaged = bytearray(content); damaged[position] ^= 1 << bit; path.write_bytes(damaged)\n"
        "        try: list(open_source(path, filters=[('i', '>', 0), ('s', '==', 'a')]).batches()); read += 1\n"
        "        except MlrtError: refused += 1\n"
        "print(read, refused)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    read, refused = map(int, done.stdout.split())
    assert read > 0
    assert refused > 30


_LIMITED = (
    "import resource, sys; from mlops_runtime.core.errors import MlrtError\n"
    "from mlops_runtime.data import open_source, read_dataset\n"
    "import mlops_runtime.data.conform, pyarrow.parquet\n"
    "now = next(int(line.split()[1]) << 10 for line in open('/proc/self/status') if line.startswith('VmSize'))\n"
    "resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), now + (1 << 30)))\n"
    "for read in (read_dataset, lambda path: list(open_source(path).batches())):\n"
    "    try: read(sys.argv[1]); print('read')\n"
    "    except MlrtError as error: print(error)\n"
)


def limited(path):
    """Read in a process that may take one GiB more than it has after its imports."""
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def rewritten_footer(path, old, new):
    """Replace a number in the footer by one whose varint may be longer."""
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8]
    assert footer.count(varint(old)) >= 1
    footer = footer.replace(varint(old), varint(new))
    path.write_bytes(content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def varint(value):
    value, out = value << 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("claimed", [2**31, 2**62])
def test_a_footer_that_claims_more_rows_than_there_are_costs_no_memory(tmp_path, claimed):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": np.arange(54_321.0), "y": np.arange(54_321)}), path)
    rewritten_footer(path, 54_321, claimed)
    assert limited(path).count("expected a whole Parquet file") == 2


def test_a_page_that_claims_to_be_huge_costs_no_memory(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": np.arange(54_321.0)}), path, use_dictionary=False, compression="snappy")
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    start, stored_bytes = chunk.data_page_offset, chunk.total_compressed_size
    content = path.read_bytes()
    honest = varint(read_struct(content[start : start + 200])[2])  # field 2: the page's size without compression
    assert content.index(honest, start) < start + 10
    claimed = varint(2**31 - 1)
    path.write_bytes(content[:start] + content[start:].replace(honest, claimed, 1))
    rewritten_footer(path, stored_bytes, stored_bytes + len(claimed) - len(honest))
    assert limited(path).count("column `x` of row group 0, after row 0: expected a whole Parquet file") == 2


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_an_arrow_file_that_claims_to_be_huge_costs_no_memory(tmp_path, compression):
    path = tmp_path / "t.arrow"
    batch = pa.record_batch({"x": np.zeros(54_321)})
    with pa.ipc.new_file(path, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    honest = (54_321 if compression is None else 8 * 54_321).to_bytes(8, "little")
    content = path.read_bytes()
    assert honest in content
    path.write_bytes(content.replace(honest, (2**40).to_bytes(8, "little")))
    assert limited(path).count("expected a whole Arrow IPC file") == 2


def test_a_text_without_an_end_of_line_costs_no_memory(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as stream:
        for _ in range(100):
            stream.write(b"x," * (1 << 19))
    assert limited(path).count("expected lines of text, got none that ends within") == 2


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
@pytest.mark.parametrize("change", ["longer", "shorter", "gone"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, suffix, change):
    path = tmp_path / f"t{suffix}"
    contents = {"longer": other_rows(path, 3 * ROWS), "shorter": other_rows(path, ROWS // 2)}
    path.write_bytes(other_rows(path, ROWS))
    source = open_source(path)
    batches = source.batches(100)
    next(batches)
    path.unlink() if change == "gone" else path.write_bytes(contents[change])
    with pytest.raises(DataError, match=r"expected the file that was opened, got (another one|none) in its place"):
        list(batches)
    with pytest.raises(DataError, match="in its place"):
        source.manifest()


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
@pytest.mark.parametrize("look", ["schema", "read", "manifest", "batches"])
def test_a_file_that_is_gone_before_it_is_read_is_an_error(tmp_path, suffix, look):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(other_rows(path, 10))
    source = open_source(path)
    path.unlink()
    if (suffix, look) == (".parquet", "schema"):
        assert source.schema.names == ("n",)  # the footer has said so
        return
    with pytest.raises(DataError, match="got none in its place"):
        source.schema if look == "schema" else list(getattr(source, look)())


def other_rows(path, rows):
    table = pa.table({"n": np.random.default_rng(rows).normal(size=rows)})
    sink = io.BytesIO()
    if path.suffix == ".parquet":
        pq.write_table(table, sink, row_group_size=1000)
    elif path.suffix == ".csv":
        pyarrow.csv.write_csv(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
    return sink.getvalue()


def test_a_bomb_of_one_value_repeated_is_streamed_not_held(tmp_path):
    """50,000,000 equal values in a few kB are no damage; a stream holds a batch of them."""
    path = tmp_path / "t.parquet"
    part = pa.table({"x": pa.array(np.zeros(1_000_000))})
    with pq.ParquetWriter(path, part.schema) as writer:
        for _ in range(50):
            writer.write_table(part)
    rows = sum(batch.table.num_rows for batch in open_source(path).batches())
    assert rows == 50_000_000
    assert path.stat().st_size < 400_000


def test_a_nested_column_and_wide_decimals_are_named(tmp_path):
    path = tmp_path / "t.parquet"
    wide = pa.array([1, 2]).cast(pa.decimal256(60, 2))
    keys = pa.array([[("k", 1)], []], pa.map_(pa.utf8(), pa.int32()))
    pq.write_table(pa.table({"st": [{"a": 1}, {"a": 2}], "m": keys, "d": wide, "x": [1, 2]}), path)
    for source in (open_source(path), read_dataset(path)):
        assert [(column.name, column.kind) for column in source.schema.columns] == [("d", "number"), ("x", "number")]
        assert {name for name in ("st", "m") for note in source.notes if f"`{name}`" in note} == {"st", "m"}
    assert read_dataset(path).table["d"].to_pylist() == [1.0, 2.0]
    with pytest.raises(SchemaError, match=r"`st`, got type struct"):
        read_dataset(path, columns=["st"])


def test_an_empty_file_is_named_alone_and_in_a_folder(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_bytes(b"")
    with pytest.raises(EmptyInputError, match=r"b\.csv: expected data, got 0 bytes"):
        open_source(tmp_path)


def test_what_is_no_data_in_a_folder_is_left_out_and_noted_or_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    for name in ("_SUCCESS", "_metadata", ".a.csv.crc", "_temporary/0/b.csv", ".hidden/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("y\n2\n")
    (tmp_path / "README.md").write_text("about the data")
    source = open_source(tmp_path)
    assert source.files == ("a.csv",)
    assert any("`README.md` is left out" in note for note in source.notes)
    (tmp_path / "b.csv.gz").write_bytes(b"\x1f\x8b\x08\x00rest")
    with pytest.raises(DataError, match=r"b\.csv\.gz: .*a gzip file"):
        open_source(tmp_path)


def test_a_folder_of_other_files_holds_no_data(tmp_path):
    (tmp_path / "README.md").write_text("about the data")
    with pytest.raises(EmptyInputError, match="1 of other kinds"):
        open_source(tmp_path)


@pytest.mark.parametrize("stream", [False, True])
def test_an_arrow_file_damaged_in_a_later_batch_is_refused_with_the_row(tmp_path, stream):
    sink = io.BytesIO()
    batch = pa.record_batch({"s": ["aa", "bb", "cc"]})
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, batch.schema) as writer:
        for _ in range(3):
            writer.write_batch(batch)
    content = bytearray(sink.getvalue())
    offsets = content.rfind(np.array([0, 2, 4, 6], np.int32).tobytes())
    content[offsets + 4 : offsets + 8] = (2**30).to_bytes(4, "little")
    path = tmp_path / "t.arrow"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"t\.arrow, after row 6: expected a whole Arrow IPC file"):
        list(open_source(path).batches())


@given(st.binary(max_size=60))
def test_any_bytes_are_a_struct_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        assert isinstance(read_struct(data), dict)


def test_mutated_files_of_every_format_end_in_an_error_of_ours_or_in_rows(tmp_path, soak_factor):
    choose = random.Random(7)
    table = TABLE.slice(0, 300)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    pq.write_table(table, tmp_path / "p", row_group_size=100)
    contents = [sink.getvalue(), (tmp_path / "p").read_bytes(), b"n,s\n" + b"1.5,x\n" * 300]
    for number in range(300 * soak_factor):
        damaged = bytearray(contents[number % 3])
        for _ in range(choose.randrange(1, 4)):
            damaged[choose.randrange(8, len(damaged))] = choose.randrange(256)
        path = tmp_path / "t"
        path.write_bytes(damaged)
        with contextlib.suppress(MlrtError):
            list(open_source(path).batches(64))
