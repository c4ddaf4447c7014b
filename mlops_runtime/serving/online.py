"""Inputs that the server reads from online stores itself: one read of a store for all rows of a request.

A model's input comes from a store where the store's view has a feature of its name, or the input is called
`VIEW__FEATURE`, as a join of several feature tables names it. A request that carries such an input is taken at its
word; where it does not, it carries the view's keys as tensors beside the inputs, and the features are read by these.
A key the store has no row for, or only one that has expired, has missing values, as in the join.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.online import OnlineRows, OnlineStore, OnlineView
from mlops_runtime.serving.request import InferRequest, Tensor

__all__ = ["Lookup", "OnlineInputs"]

_DATATYPES = {"number": "FP64", "integer": "INT64"}  # every other kind travels as a text


@dataclass(frozen=True, slots=True)
class Lookup:
    """One read: the rows asked for, those found, and those whose values have expired; the others have no row."""

    view: str
    rows: int
    found: int
    expired: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Binding:
    """A store, and the inputs it fills: the feature of each."""

    store: OnlineStore
    features: Mapping[str, str]

    def keys(self, given: Mapping[str, Tensor], wanted: str) -> pa.Table:
        """Return the key columns of a request. Raises SchemaError when it has neither them nor the input `wanted`."""
        view = self.store.view
        absent = next((name for name in view.joins_on if name not in given), None)
        if absent is not None:
            raise SchemaError(
                f"inputs: expected `{wanted}`, or `{absent}`, by which online view `{view.name}` finds it, "
                "got neither — see the model's metadata"
            )
        called = zip(view.keys.names, view.joins_on, strict=True)
        return pa.table({key: given[name].values for key, name in called})

    def read(self, given: Mapping[str, Tensor]) -> tuple[list[Tensor], Lookup] | None:
        """Return the inputs that a request does not carry; None when it carries all of them."""
        wanted = {name: feature for name, feature in self.features.items() if name not in given}
        if not wanted:
            return None
        keys = self.keys(given, next(iter(wanted)))
        started_s = monotonic_s()
        rows = self.store.read(keys)
        tensors = [self._tensor(rows, name, feature) for name, feature in wanted.items()]
        found, expired = int(np.count_nonzero(rows.found)), int(np.count_nonzero(rows.expired))
        return tensors, Lookup(self.store.view.name, len(rows), found, expired, monotonic_s() - started_s)

    def _tensor(self, rows: OnlineRows, name: str, feature: str) -> Tensor:
        view = self.store.view
        datatype = _DATATYPES.get(view.features.column(feature).kind, "BYTES")
        if feature in view.numbers:
            return Tensor(name, datatype, pa.array(rows.numbers[:, view.numbers.index(feature)]))
        return Tensor(name, datatype, rows.texts[feature])


class OnlineInputs:
    """The inputs of one model that come from online stores.

    schema: the model's columns. Raises ConfigError for an input that two stores hold, or one of another kind in the
    store than in the model.
    """

    def __init__(self, stores: Sequence[OnlineStore], schema: Schema) -> None:
        self._inputs = set(schema.names)
        self._bindings: list[_Binding] = []
        for store in stores:
            features = _features_for(store, schema)
            for name in features:
                other = self.view_of(name)
                if other is not None:
                    raise _wrong(name, "one online view that holds it", f"`{other}` and `{store.view.name}`")
            if features:
                self._bindings.append(_Binding(store, features))
        self._keys = {name: key for binding in self._bindings for name, key in _keys_of(binding.store.view).items()}

    def complete(self, request: InferRequest) -> tuple[InferRequest, list[Lookup]]:
        """Return a request with the inputs it left to the stores, without the keys that are no inputs, and the reads.

        Raises SchemaError when it carries neither an input nor the keys to find it by, or keys of another kind;
        MlrtError when a store cannot be read.
        """
        given = {tensor.name: tensor for tensor in request.tensors}
        tensors = [tensor for tensor in request.tensors if tensor.name in self._inputs or tensor.name not in self._keys]
        lookups = []
        for binding in self._bindings:
            answer = binding.read(given)
            if answer is not None:
                tensors += answer[0]
                lookups.append(answer[1])
        return replace(request, tensors=tuple(tensors)), lookups

    def view_of(self, name: str) -> str | None:
        """Return the view that an input is read from when a request does not carry it; None for all other inputs."""
        return next((binding.store.view.name for binding in self._bindings if name in binding.features), None)

    @property
    def inputs_by_view(self) -> dict[str, list[str]]:
        """The inputs that each view fills."""
        return {binding.store.view.name: list(binding.features) for binding in self._bindings}

    def key_metadata(self) -> list[dict[str, Any]]:
        """Describe the keys that a request may carry beside the inputs, as model metadata describes inputs."""
        return [
            {"name": name, "datatype": datatype, "shape": [-1], "parameters": {"nullable": True, "online_key": view}}
            for name, (datatype, view) in self._keys.items()
            if name not in self._inputs
        ]


def _keys_of(view: OnlineView) -> dict[str, tuple[str, str]]:
    """Return what requests call a view's keys, each with its datatype and the view."""
    called = zip(view.joins_on, view.keys.columns, strict=True)
    return {name: (_DATATYPES.get(key.kind, "BYTES"), view.name) for name, key in called}


def _features_for(store: OnlineStore, schema: Schema) -> dict[str, str]:
    """Return the model's inputs that a store's view holds, and the feature of each."""
    view = store.view
    called = {f"{view.name}__{feature}": feature for feature in view.features.names}
    called |= {feature: feature for feature in view.features.names}
    features = {column.name: called[column.name] for column in schema.columns if column.name in called}
    for name, feature in features.items():
        kind, stored = schema.column(name).kind, view.features.column(feature).kind
        if kind != stored:
            raise _wrong(name, f"kind {kind}, as the model has it", f"kind {stored} in online view `{view.name}`")
    return features


def _wrong(name: str, expected: str, got: str) -> ConfigError:
    next_step = "serve the model with the stores of the feature tables it was trained on"
    return ConfigError(problem(expected=expected, got=got, where=f"input `{name}`", next_step=next_step))
