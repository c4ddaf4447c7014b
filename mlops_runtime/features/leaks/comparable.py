"""Two columns that should hold the same values, as codes that are equal exactly where the values are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.lists import is_list, to_lists

__all__ = ["Form", "codes", "common_form", "comparable", "differ"]

Form = Literal["float16", "float32", "float64", "whole", "digits", "text", "list"]

_BITS = {"float16": np.int16, "float32": np.int32, "float64": np.int64}
_TEXT = pa.large_utf8()  # its offsets do not overflow when chunks are joined


def common_form(one: pa.DataType, other: pa.DataType) -> Form | None:
    """Return the form in which conformed values of two Arrow types are compared; None when they cannot be equal.

    Floats are compared in the narrower float type of the two, so a float32 column of a training set equals a float64
    feature rounded to float32 (a relative error of 2**-24); whole numbers beside a float are rounded likewise.

    >>> common_form(pa.float32(), pa.float64()), common_form(pa.int8(), pa.int64()), common_form(pa.utf8(), pa.int8())
    ('float32', 'whole', None)
    """
    if _is_number(one) and _is_number(other):
        floats = [kind for kind in (one, other) if pa.types.is_floating(kind)]
        if floats:
            return _float_form(min(floats, key=lambda kind: int(kind.bit_width)))
        return "digits" if pa.types.is_uint64(one) or pa.types.is_uint64(other) else "whole"
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):
        return "whole"
    if is_text(one) and is_text(other):
        return "text"
    return "list" if is_list(one) and is_list(other) and one.value_type == other.value_type else None


def comparable(recorded: pa.ChunkedArray, feature: pa.DataType, column: str) -> tuple[Form, pa.Array]:
    """Return the form in which a column of a training set is compared with values of a feature, and its codes.

    A column that holds nothing is of any type. Raises SchemaError, naming the column, when the two cannot be equal.
    """
    form = common_form(recorded.type, feature)
    if form is None and recorded.null_count == len(recorded):
        recorded = pa.chunked_array([pa.nulls(len(recorded), feature)])
        form = common_form(feature, feature)
    if form is None:
        raise SchemaError(
            problem(
                expected=f"values that can equal the feature's ({feature}) in column `{column}`",
                got=f"values of type {recorded.type}",
                where="training set",
                next_step="cast the column, or open the file with a schema that says its kind",
            )
        )
    return form, codes(recorded, form)


def codes(values: pa.ChunkedArray, form: Form) -> pa.Array:
    """Return conformed values in a form: int64 or large_utf8, null where a value is missing (NaN and "" are).

    Floats are compared by their bits, but -0.0 equals 0.0.

    >>> codes(pa.chunked_array([[0.0, -0.0], [float("nan")]]), "float64").to_pylist()
    [0, 0, None]
    """
    if form in ("float16", "float32", "float64"):
        return _float_codes(values, form)
    if form == "list":
        return _joined(values.cast(pa.list_(pa.utf8())), _TEXT, _list_texts)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if form == "whole":
        return _joined(values, pa.int64(), lambda chunk: chunk.cast(pa.int64()))
    texts = _joined(values, _TEXT, lambda chunk: chunk.cast(_TEXT))
    return pc.if_else(pc.equal(texts, ""), None, texts)


def differ(one: pa.Array, other: pa.Array) -> NDArray[np.bool_]:
    """Return bool[rows]: where two columns of codes differ; missing equals missing."""
    unequal = pc.fill_null(pc.not_equal(one, other), False)
    missing = pc.xor(one.is_null(), other.is_null())
    result: NDArray[np.bool_] = pc.or_(unequal, missing).to_numpy(zero_copy_only=False)
    return result


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _float_form(kind: pa.DataType) -> Form:
    return "float16" if kind.bit_width == 16 else "float32" if kind.bit_width == 32 else "float64"


def _float_codes(values: pa.ChunkedArray, form: Literal["float16", "float32", "float64"]) -> pa.Array:
    plain = values if pa.types.is_floating(values.type) else values.cast(pa.float64(), safe=False)
    numbers = plain.to_numpy()
    with np.errstate(over="ignore"):
        narrow = numbers.astype(form) + np.dtype(form).type(0)  # which makes 0.0 of -0.0
    missing = np.isnan(narrow)
    bits = narrow.view(_BITS[form]).astype(np.int64, copy=False)
    return pa.array(bits, mask=missing if missing.any() else None)


def _list_texts(lists: pa.Array) -> pa.Array:
    """Write each list as a text, so that different lists have different texts; null stays null."""

    def escaped(texts: pa.Array) -> pa.Array:
        safe = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), ",", "\\,")
        return pc.fill_null(safe, "\\0")

    joined = pc.binary_join(to_lists(lists, escaped), ",")
    return pc.binary_join_element_wise(
        pc.list_value_length(lists).cast(_TEXT), joined.cast(_TEXT), pa.scalar(":", _TEXT)
    )


def _joined(values: pa.ChunkedArray, to: pa.DataType, convert: Callable[[pa.Array], pa.Array]) -> pa.Array:
    chunks = [convert(chunk) for chunk in values.chunks]
    return pa.concat_arrays(chunks) if chunks else pa.array([], to)
