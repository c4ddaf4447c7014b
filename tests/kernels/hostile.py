"""A producer that breaks the Arrow C data interface: pyarrow's export with one thing changed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p

import pyarrow as pa


class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


class Stream(ctypes.Structure):
    pass


Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_char_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(Schema))),
    ("dictionary", POINTER(Schema)),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
Array._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(Array))),
    ("dictionary", POINTER(Array)),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
_GetSchema = CFUNCTYPE(c_int, POINTER(Stream), POINTER(Schema))
_GetNext = CFUNCTYPE(c_int, POINTER(Stream), POINTER(Array))
_GetError = CFUNCTYPE(c_void_p, POINTER(Stream))
_Release = CFUNCTYPE(None, POINTER(Stream))
Stream._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetError),
    ("release", _Release),
    ("private_data", c_void_p),
]

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [c_void_p, c_char_p, c_void_p]


class Hostile:
    """One batch of one column, exported after `spoil(schema, array)` had its way with the column's two structs.

    status is what get_schema and get_next return; a spoiled struct is exported by pyarrow first, so `release` works.
    """

    def __init__(self, values: pa.Array, spoil: Callable[[Schema, Array], None], *, status: int = 0) -> None:
        self._batch = pa.record_batch({"x": values})
        self._spoil = spoil
        self._status = status
        self._sent = False

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        del requested_schema
        self._text = ctypes.create_string_buffer(b"out of luck")
        self._stream = Stream(
            _GetSchema(self._get_schema),
            _GetNext(self._get_next),
            _GetError(lambda _: ctypes.addressof(self._text)),
            _Release(lambda _: None),
            None,
        )
        return _new_capsule(ctypes.addressof(self._stream), b"arrow_array_stream", None)

    def _get_schema(self, _: object, out: ctypes._Pointer[Schema]) -> int:
        self._array = Array()
        self._batch._export_to_c(ctypes.addressof(self._array), ctypes.addressof(out.contents))
        self._spoil(out.contents.children[0].contents, self._array.children[0].contents)
        return self._status

    def _get_next(self, _: object, out: ctypes._Pointer[Array]) -> int:
        if not self._sent:
            self._sent = True
            ctypes.pointer(out.contents)[0] = self._array
        return self._status
