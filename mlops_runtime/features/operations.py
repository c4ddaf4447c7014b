"""The operations an output is made with, by the names that the parity report gives them."""

from __future__ import annotations

from mlops_runtime.features.encoders import Bag, Encoder, ExpressionIds, HashBuckets, HashIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, Output, SparseOutput

__all__ = ["operations_of"]


def operations_of(output: Output) -> tuple[str, ...]:
    """Return the names, each once: of sources, steps, encoders and tokens.

    >>> from mlops_runtime.features.expression import Step
    >>> operations_of(DenseOutput("x", Expression(ColumnValue("x"), (Step("sqrt"),)), missing=0))
    ('column', 'sqrt')
    """
    if isinstance(output, DenseOutput):
        return _of_expression(output.expression)
    if isinstance(output, SparseOutput):
        return _of_encoder(output.encoder)
    assert isinstance(output, DenseCounts | BagOutput)
    return (
        ("binary" if output.binary else "counts") if isinstance(output, DenseCounts) else "bag",
        *_of_bag(output.bag),
    )


def _of_expression(expression: Expression) -> tuple[str, ...]:
    source = expression.source
    if isinstance(source, Arithmetic):
        first: str = source.operation
    else:
        first = "column" if isinstance(source, ColumnValue) else "id"
    return tuple(dict.fromkeys((first, *(step.name for step in expression.steps))))


def _of_encoder(encoder: Encoder) -> tuple[str, ...]:
    if isinstance(encoder, ExpressionIds):
        return ("expression_ids", *_of_expression(encoder.expression))
    if isinstance(encoder, HashIds):
        return ("cross" if len(encoder.columns) > 1 else "hash",)
    return ("vocabulary",)


def _of_bag(bag: Bag) -> tuple[str, ...]:
    return bag.tokens, "hash" if isinstance(bag.encoder, HashBuckets) else "vocabulary"
