"""Fitting a target encoding: each key as the mean target of its rows, and of other folds' rows where it trains."""

from __future__ import annotations

import io
from collections.abc import Hashable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import EmptyInputError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.expression import Expression, Step, VocabularyId
from mlops_runtime.features.fitting.collector import Collector, Collectors, View
from mlops_runtime.features.fitting.folds import row_folds
from mlops_runtime.features.fitting.keys import KeyCounts
from mlops_runtime.features.fitting.target_sums import TargetEncoding, TargetSums
from mlops_runtime.features.native import native_expression
from mlops_runtime.features.outputs import DenseOutput
from mlops_runtime.features.spec import TargetFeature

__all__ = ["TargetByKey", "TargetFitter"]


class TargetByKey(Collector):
    """Exact sums of a target for every key of a column and every fold of the rows."""

    def __init__(self, feature: TargetFeature, schema: Schema) -> None:
        self._keys = Reading(feature.column, "code")
        self._key_type = pa.utf8() if schema.column(feature.column).kind == "string" else pa.int64()
        is_text = schema.column(feature.target).kind == "string"
        if is_text != (feature.positive is not None):
            raise _unclear_target(feature, is_text=is_text)
        self._target = Reading(feature.target, "code" if is_text else "value")
        self._positive = feature.positive
        self._folds = feature.folds
        self.sums = TargetSums(self._key_type, feature.folds)

    @property
    def key(self) -> Hashable:
        """The columns, the class that counts as 1, and the number of folds."""
        return self._keys, self._target, self._positive, self._folds

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The keys and the target."""
        return self._keys, self._target

    def update(self, view: View) -> None:
        """Add the rows of a table; those without a target count for nothing."""
        keys = view.column(self._keys).cast(self._key_type, safe=False)
        if pa.types.is_string(self._key_type):
            keys = pc.if_else(pc.equal(keys, ""), None, keys)
        self.sums.update(keys, self._values(view), row_folds(view.ordinals, self._folds))

    def merge(self, other: TargetByKey) -> None:
        """Add what another collector of these columns has seen."""
        self.sums.merge(other.sums)

    def to_bytes(self) -> bytes:
        """Return the sums as an Arrow IPC file."""
        table = self.sums.to_table()
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    def restore(self, data: bytes) -> None:
        """Take over sums. Raises ValueError or pa.ArrowException when they are none."""
        with pa.ipc.open_file(pa.py_buffer(data)) as reader:
            table = reader.read_all()
        self.sums.replace(table)

    def _values(self, view: View) -> NDArray[np.float64]:
        values = view.column(self._target)
        if self._positive is not None:
            values = pc.equal(values, self._positive)
        numbers: NDArray[np.float64] = values.cast(pa.float64()).fill_null(np.nan).to_numpy()
        return numbers


class TargetFitter:
    """A column of m-estimates of a key's mean target; see `TargetSums.encode`.

    Rows of the fit get the estimate without their own fold, so that no row sees its own target; every other row gets
    the estimate of all rows.
    """

    def __init__(self, feature: TargetFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._keys = collectors.share(KeyCounts(Reading(feature.column, "code"), schema))
        self._collected = collectors.share(TargetByKey(feature, schema))
        self._fitted: tuple[Expression, TargetEncoding]

    @property
    def name(self) -> str:
        """The name of its output."""
        return self._feature.output_name

    def freeze(self) -> tuple[DenseOutput, ...]:
        """Return the dense output. Raises EmptyInputError when no row has a target."""
        if not self._collected.sums.rows:
            raise EmptyInputError(
                problem(
                    expected=f"rows with a target `{self._feature.target}`",
                    got="none",
                    where=f"feature `{self.name}`",
                    next_step="check the target column",
                )
            )
        ids = Expression(VocabularyId(self._feature.column, self._keys.vocabulary()))
        encoding = self._collected.sums.encode(ids.vocabularies[0], self._feature.smoothing)
        self._fitted = ids, encoding
        return (DenseOutput(self.name, ids.then(Step("table", encoding.full)), self._keys.missing),)

    def out_of_fold(self, view: View) -> NDArray[np.float64]:
        """Return float64[rows]: what the other folds make of rows that were fitted. To be called after `freeze`."""
        ids, encoding = self._fitted
        row_ids = native_expression(ids, view.columns).evaluate(view.native).astype(np.int64)
        return encoding.out_of_fold[row_folds(view.ordinals, self._feature.folds), row_ids]


def _unclear_target(feature: TargetFeature, *, is_text: bool) -> SchemaError:
    return SchemaError(
        problem(
            expected="a target of numbers, or of texts with `positive`: the one that counts as 1",
            got=f"`{feature.target}` of {'texts without' if is_text else 'numbers with'} `positive`",
            where=f"feature `{feature.output_name}`",
            next_step=f"{'add' if is_text else 'remove'} `positive`",
        )
    )
