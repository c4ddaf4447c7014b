"""A program's outputs in words, for tables and model cards."""

from __future__ import annotations

from typing import Any

from mlops_runtime.features.encoders import Bag, Encoder, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Source, Step
from mlops_runtime.features.outputs import DenseCounts, DenseOutput, Output, SparseOutput
from mlops_runtime.features.vocabulary import FIRST_KEY_ID, FittedVocabulary

__all__ = ["describe_output"]

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_SHOWN_KEYS = 3


def describe_output(output: Output, rows: int) -> dict[str, Any]:
    """Return one output as a plain dict: name, columns, matrix, source and steps in words; ids and missing_share.

    rows: how many rows the program was fitted on.
    """
    described: dict[str, Any] = {"name": output.name, "columns": [reading.column for reading in output.reads]}
    if isinstance(output, DenseOutput):
        described |= {"matrix": "dense", **_expression(output.expression)}
    elif isinstance(output, DenseCounts):
        steps = [f"{'which' if output.binary else 'how often each'} of {len(output.names):,} ids occurs"]
        described |= {"matrix": "dense", "outputs": list(output.names), "source": _bag(output.bag), "steps": steps}
    elif isinstance(output, SparseOutput):
        described |= {"matrix": "sparse", **_encoder(output.encoder), "ids": output.cardinality}
    else:
        described |= {"matrix": "bag", "source": _bag(output.bag), "steps": [], "ids": output.cardinality}
    if isinstance(output, DenseOutput | SparseOutput):
        described["missing_share"] = output.missing / rows if rows else 0.0
    return described


def _encoder(encoder: Encoder) -> dict[str, Any]:
    if isinstance(encoder, VocabularyIds):
        return {"source": f"`{encoder.column}`", "steps": [_vocabulary(encoder.vocabulary)]}
    if isinstance(encoder, HashIds):
        crossed = " × ".join(f"`{column}`" for column in encoder.columns)
        return {"source": crossed, "steps": [f"hash into {encoder.buckets:,} buckets (seed {encoder.seed})"]}
    described = _expression(encoder.expression)
    return {**described, "steps": [*described["steps"], "0 is missing"]}


def _expression(expression: Expression) -> dict[str, Any]:
    source, steps = expression.source, expression.steps
    if isinstance(source, ColumnValue | Arithmetic):
        return {"source": _source(source), "steps": [_step(step) for step in steps]}
    if steps and steps[0].name == "equals":
        key = _key(source.vocabulary, int(steps[0].parameters[0]))
        return {"source": _source(source), "steps": [f"1 if {key}, else 0", *map(_step, steps[1:])]}
    return {"source": _source(source), "steps": [_vocabulary(source.vocabulary), *map(_step, steps)]}


def _source(source: Source) -> str:
    if isinstance(source, Arithmetic):
        return f"`{source.left}` {_SIGNS[source.operation]} `{source.right}`"
    return f"`{source.column}`"


def _bag(bag: Bag) -> str:
    if isinstance(bag.encoder, HashBuckets):
        ids = f"hash into {bag.encoder.buckets:,} buckets (seed {bag.encoder.seed})"
    else:
        ids = _vocabulary(bag.encoder)
    if bag.tokens == "list":
        return f"elements of `{bag.column}`: {ids}"
    lengths = f"{bag.shortest}-" if bag.shortest == bag.longest else f"{bag.shortest}- to {bag.longest}-"
    unit = "character" if bag.tokens == "characters" else "word"
    return f"{unit} {lengths}grams of `{bag.column}`{', in lower case' if bag.lower else ''}: {ids}"


def _key(vocabulary: FittedVocabulary, number: int) -> str:
    """What an id stands for."""
    if not 0 <= number < vocabulary.cardinality:
        return "an id that there is not"
    return (
        ("missing", "rare", "unseen")[number]
        if number < FIRST_KEY_ID
        else f"`{vocabulary.keys[number - FIRST_KEY_ID]}`"
    )


def _vocabulary(vocabulary: FittedVocabulary) -> str:
    top = ", ".join(map(str, vocabulary.keys.slice(0, min(_SHOWN_KEYS, vocabulary.kept)).to_pylist()))
    rare = len(vocabulary.keys) - vocabulary.kept
    return f"{vocabulary.kept:,} keys ({top}{', …' if vocabulary.kept > _SHOWN_KEYS else ''}), {rare:,} rare"


def _step(step: Step) -> str:
    """Return a step in words.

    >>> _step(Step("affine", [20.0, 0.5])), _step(Step("date_day_of_week"))
    ('minus 20, times 0.5', 'day of week')
    """
    values = [f"{value:.6g}" for value in step.parameters[:2]]
    half = step.parameters.size // 2
    words = {
        "impute": "missing becomes {0}",
        "clip": "between {0} and {1}",
        "yeo_johnson": "Yeo-Johnson with lambda {0}",
        "affine": "minus {0}, times {1}",
        "interpolate": f"interpolated between {half} points",
        "bucket": f"bucket of {step.parameters.size + 1}",
        "table": f"table of {step.parameters.size} values",
        "equals": "1 if {0}, else 0",
        "is_missing": "1 if missing, else 0",
        "local_time": f"local time ({half} offsets)",
    }
    if step.name not in words:
        return step.name.removeprefix("date_").replace("_", " ")
    return words[step.name].format(*values)
