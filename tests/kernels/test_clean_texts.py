"""texts_are_clean against Python's strings, and against what pyarrow would trim."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import column

from mlops_runtime._native import texts_are_clean
from mlops_runtime.kernels.clean_texts.reference import are_clean

TOKENS = ["", "?", "NA", "null", "لا شيء", "x" * 70]
LAYOUTS = [pa.utf8(), pa.large_utf8(), pa.string_view(), pa.dictionary(pa.int32(), pa.utf8())]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("trim", [True, False])
@given(
    st.lists(st.none() | st.sampled_from([*TOKENS, "Dubai", " a", "b\t", "é\u3000", "n\u00a0"]) | st.text(max_size=9))
)
def test_any_texts_are_judged_as_python_judges_them(layout, trim, texts):
    expected = are_clean([text if text is None else text.encode() for text in texts], TOKENS, trim=trim)
    assert texts_are_clean(column(pa.array(texts, layout)), 0, TOKENS, trim=trim) == expected


@given(st.lists(st.binary(max_size=6), max_size=4))
def test_any_bytes_are_utf8_or_not_as_python_says(texts):
    values = pa.array(texts, pa.binary())
    view = pa.Array.from_buffers(pa.utf8(), len(texts), values.buffers())
    assert texts_are_clean(column(view), 0, [], trim=True) == are_clean(texts, [], trim=True)


def test_white_space_is_what_pyarrow_trims_at_every_code_point():
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for texts in (pa.array([f"{point}a" for point in points]), pa.array([f"a{point}" for point in points])):
        stays = pc.equal(pc.utf8_trim_whitespace(texts), texts)
        spaces = pc.filter(texts, pc.invert(stays))
        assert texts_are_clean(column(pc.filter(texts, stays)), 0, [], trim=True)
        assert not any(texts_are_clean(column(spaces.slice(i, 1)), 0, [], trim=True) for i in range(len(spaces)))


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1000])
def test_one_text_anywhere_is_found(rows):
    texts = [f"text {i}" for i in range(rows)]
    assert texts_are_clean(column(pa.array(texts, pa.utf8())), 0, TOKENS, trim=True)
    for place in {0, rows // 2, rows - 1} if rows else ():
        dirty = [*texts[:place], "NA", *texts[place + 1 :]]
        assert not texts_are_clean(column(pa.array(dirty)), 0, TOKENS, trim=True)
        assert texts_are_clean(column(pa.array(dirty).slice(place + 1)), 0, TOKENS, trim=True)


def test_a_later_chunk_and_a_null_row_are_seen():
    assert not texts_are_clean(column(pa.chunked_array([["a"], ["b "]])), 0, [], trim=True)
    masked = pa.StringArray.from_buffers(
        2, pa.py_buffer(b"\0\0\0\0\1\0\0\0\3\0\0\0"), pa.py_buffer(b"a ?"), pa.py_buffer(b"\1")
    )
    assert masked.to_pylist() == ["a", None]
    assert texts_are_clean(column(masked), 0, TOKENS, trim=True)


@pytest.mark.parametrize("values", [[1, 2], [["a"]], [None]])
def test_a_column_without_texts_is_refused(values):
    with pytest.raises(ValueError, match="a column of texts"):
        texts_are_clean(column(values), 0, [], trim=True)
