"""Rows that cannot be decoded: an error with a line, or handed out one by one with their ordinals kept."""

import random

import pytest

from mlops_runtime.core.errors import DataError
from mlops_runtime.data import BadRow, Batch, open_source

CONTENT = (
    b"a,b\n"
    b"1,x\n"
    b"\n"
    b"2\n"  # ragged, line 4
    b'"3\n3",y\n'  # two lines
    b"4,\xff\n"  # no UTF-8, line 7
    b"5,z,\xff\n"  # both, line 8
    b"6,ok\n"
    b"\xe9,7\n"  # line 10, the last
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(CONTENT)
    return path


def numbered(batch):
    return list(zip(batch.row_numbers().tolist(), batch.table["b"].to_pylist(), strict=True))


def test_bad_rows_are_handed_out_and_keep_their_ordinals(path):
    bad = []
    source = open_source(path, on_bad_row=bad.append)
    rows = [pair for batch in source.batches() for pair in numbered(batch)]
    assert rows == [(0, "x"), (2, "y"), (5, "ok")]
    assert [(row.ordinal, row.line, row.file) for row in bad] == [
        (1, 4, "t.csv"),
        (3, 7, "t.csv"),
        (4, 8, "t.csv"),
        (6, 10, "t.csv"),
    ]
    assert [row.text for row in bad] == ["2", r"4,\xff", r"5,z,\xff", r"\xe9,7"]
    assert [row.reason for row in bad][:2] == ["expected 2 fields, got 1", "bytes that are no UTF-8"]
    assert source.manifest().rows == 7


def test_reading_whole_leaves_bad_rows_out_too(path):
    bad = []
    dataset = open_source(path, on_bad_row=bad.append).read()
    assert dataset.table["b"].to_pylist() == ["x", "y", "ok"]
    assert dataset.manifest.rows == 7
    assert len(bad) == 4


def test_without_a_taker_a_bad_row_is_an_error(path):
    with pytest.raises(DataError, match=r"t\.csv: expected 2 fields in every row, got 1 in line 4"):
        list(open_source(path).batches())


def test_decoded_rows_come_with_the_bad_ones_in_order(path):
    items = list(open_source(path).decoded())
    assert [type(item) for item in items].count(BadRow) == 4
    assert sum(item.table.num_rows for item in items if isinstance(item, Batch)) == 3


def test_ordinals_go_on_in_the_next_file(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "b.csv").write_text("a,b\n4\n5,6\n")
    bad = []
    batches = list(open_source(tmp_path, on_bad_row=bad.append).batches())
    assert [(row.file, row.ordinal) for row in bad] == [("a.csv", 1), ("b.csv", 2)]
    assert [batch.first_row for batch in batches] == [0, 3]


def test_a_file_of_bad_rows_alone_has_no_good_ones(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n2\n")
    bad = []
    assert list(open_source(path, on_bad_row=bad.append).batches()) == []
    assert [row.line for row in bad] == [2, 3]


def test_good_and_bad_rows_of_a_large_file_add_up(tmp_path):
    path, choose = tmp_path / "t.csv", random.Random(4)
    rows = [choose.choice([b"1,x", b"2,y", b'3,"a\nb"', b"4", b"5,\x80", b"6,z,z"]) for _ in range(600_000)]
    path.write_bytes(b"a,b\n" + b"\n".join(rows) + b"\n")
    bad = []
    batches = open_source(path, on_bad_row=bad.append).batches(10_000)
    good = [pair for batch in batches for pair in numbered(batch)]
    wanted = {b"1,x": "x", b"2,y": "y", b'3,"a\nb"': "a\nb"}
    assert good == [(number, wanted[row]) for number, row in enumerate(rows) if row in wanted]
    assert [row.ordinal for row in bad] == [number for number, row in enumerate(rows) if row not in wanted]
