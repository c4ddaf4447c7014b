"""What ONNX cannot say: found before anything is built, all of it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow.compute as pc

from mlops_runtime.core.errors import UnsupportedExport, problem
from mlops_runtime.features.encoders import Bag, HashBuckets, HashIds
from mlops_runtime.features.onnx.hashing import MOST_WORDS
from mlops_runtime.features.onnx.inputs import MISSING_INTEGER
from mlops_runtime.features.outputs import BagOutput, DenseCounts, Output, SparseOutput
from mlops_runtime.features.program import FeatureProgram

__all__ = ["check_exportable", "output_names"]

_MOST_BYTES = 2**31 - 2**24  # of a model file, less what is no key
_NO_TEXT_HASH = "ONNX has no operator that reads the bytes of a text, so texts cannot be hashed"


def output_names(program: FeatureProgram) -> list[str]:
    """Return the names of an exported program's outputs: `dense`, `sparse`, and two for each bag."""
    bags = [f"{bag.name}.{part}" for bag in program.bags for part in ("ids", "offsets")]
    return [*(["dense"] if program.dense else []), *(["sparse"] if program.sparse else []), *bags]


def check_exportable(program: FeatureProgram) -> None:
    """Raise UnsupportedExport, listing every output or column that no ONNX graph can stand for, and why."""
    reasons = [f"`{output.name}`: {reason}" for output in program.outputs for reason in _reasons(program, output)]
    reasons += [*_name_clashes(program), *_too_large(program)]
    if reasons:
        raise UnsupportedExport(
            problem(
                expected="outputs that ONNX operators can compute",
                got="; ".join(reasons),
                where="ONNX export",
                next_step="leave these features out, or give texts a vocabulary in place of a hash",
            )
        )


def _reasons(program: FeatureProgram, output: Output) -> Iterator[str]:
    if isinstance(output, SparseOutput) and isinstance(output.encoder, HashIds):
        texts = [name for name in output.encoder.columns if program.schema.column(name).kind == "string"]
        if texts:
            yield f"{_NO_TEXT_HASH} (column `{'`, `'.join(texts)}`)"
        if len(output.encoder.columns) > MOST_WORDS:
            yield f"a cross of more than {MOST_WORDS} columns is not written as ONNX"
    if isinstance(output, DenseCounts | BagOutput):
        yield from _bag_reasons(program, output.bag)
    is_double = program.schema.column(output.reads[0].column).kind == "number"  # NaN means missing there
    whole = [v.keys for v in output.vocabularies if v.dtype == "int64" and not is_double]
    if any(pc.index(keys, MISSING_INTEGER).as_py() >= 0 for keys in whole):
        yield "its vocabulary holds -2**63, which means missing in the graph"


def _bag_reasons(program: FeatureProgram, bag: Bag) -> Iterator[str]:
    if bag.tokens != "list":
        yield f"ONNX has no operator that cuts texts into n-grams (column `{bag.column}`)"
    elif isinstance(bag.encoder, HashBuckets) and program.schema.column(bag.column).kind == "string_list":
        yield f"{_NO_TEXT_HASH} (column `{bag.column}`)"


def _too_large(program: FeatureProgram) -> Iterator[str]:
    """A key costs its bytes and at most 14 more: two tags, a length and an id."""
    distinct = {id(v): v.keys for output in program.outputs for v in output.vocabularies}
    size = sum(keys.nbytes + 14 * len(keys) for keys in distinct.values())
    if size > _MOST_BYTES:
        yield f"vocabularies of {size:,} bytes: an ONNX file holds less than 2 GiB"


def _name_clashes(program: FeatureProgram) -> Iterator[str]:
    counted = Counter([*program.schema.names, *output_names(program)])
    for name, times in counted.items():
        if times > 1:
            yield f"`{name}`: an input column and an output of the graph would share the name"
        if not name:
            yield "a column without a name: ONNX takes an empty name for a missing input"
