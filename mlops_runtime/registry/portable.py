"""A model and its program as one ONNX graph, for places without this package: columns in, label and probability out.

The graph is the program's followed by `model.onnx` and the decision, so its scores are `Model.score`'s bit for bit (a
batch of a single row may differ in the last bit: see `registry/scorer.py`). It starts where `data.conform` ends: texts
are trimmed. A score that is no number is an error in `Model.score`; the graph gives it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import UnsupportedExport, problem
from mlops_runtime.features.onnx import export_program, onnx_inputs
from mlops_runtime.features.outputs import Matrices, RaggedIds
from mlops_runtime.features.parity import Backend
from mlops_runtime.registry.scorer import GraphRunner

if TYPE_CHECKING:
    import pyarrow as pa
    from onnx import ModelProto

    from mlops_runtime.features import FeatureProgram
    from mlops_runtime.registry.bundle import Bundle
    from mlops_runtime.registry.model import Model

__all__ = ["PortableCheck", "check_model", "check_program", "onnx_backend", "portable_model"]

_BLOCK_ROWS = 65_536


def portable_model(bundle: Bundle) -> bytes:
    """Return a bundle's program, model and decision as one serialised ONNX model.

    Inputs: as `features/onnx/inputs.py` lists them. Outputs: `label` string[N] and `probability` float32[N, K]; in
    regression `label` double[N] alone. Raises UnsupportedExport when the program cannot be an ONNX graph.
    """
    program = export_program(bundle.program)
    import onnx

    from mlops_runtime.features.onnx.graph import free_prefix

    names = bundle.program.schema.names
    whole = onnx.load_model_from_string(program)
    score = onnx.load_model_from_string(bundle.read("model.onnx"))
    decision = onnx.load_model_from_string(_decision(bundle))
    _refuse_clashes(names, [port.name for port in decision.graph.output])
    for part, wanted in ((score, "model/"), (decision, "decision/")):
        _prefix(part, free_prefix(wanted, names))
    links = [(port.name, port.name) for port in score.graph.input]
    whole = _join(whole, score, links)
    whole = _join(whole, decision, [("score", "score")])
    whole.producer_name = "mlops_runtime"
    whole.ClearField("producer_version")
    onnx.helper.set_model_props(whole, {"mlops_runtime.bundle": bundle.digest})
    onnx.checker.check_model(whole)
    return bytes(whole.SerializeToString(deterministic=True))


def _decision(bundle: Bundle) -> bytes:
    """Return the graph from `score` to `label` and `probability`, as `Model.decide` does it."""
    from mlops_runtime.features.onnx.graph import DOUBLE, FLOAT, INT64, STRING, Graph, Port
    from mlops_runtime.features.onnx.tensor import Tensor

    classes = list(bundle.manifest.classes)
    graph = Graph(("score", "label", "probability"))
    given = Port("score", FLOAT, ("N", max(len(classes), 1)))
    score = Tensor(graph, "score", FLOAT)
    position = Tensor(graph, graph.constant(np.array(1 if classes else 0)), INT64)
    column = score.apply("Gather", position, axis=1).cast(DOUBLE)
    if not classes:
        return graph.serialise([given], {Port("label", DOUBLE, ("N",), bundle.manifest.target): column.name})
    if bundle.threshold is not None:
        chosen = (column >= bundle.threshold).cast(INT64)
    else:
        chosen = score.apply("ArgMax", dtype=INT64, axis=1, keepdims=0)
    names = Tensor(graph, graph.constant(np.array(classes, np.object_)), STRING)
    label = Port("label", STRING, ("N",), bundle.manifest.target)
    probability = Port("probability", FLOAT, ("N", len(classes)), ", ".join(classes))
    return graph.serialise([given], {label: names.gather(chosen).name, probability: "score"})


def _prefix(model: ModelProto, prefix: str) -> None:
    """Give every name inside a model, in place, a prefix; its inputs and outputs keep theirs."""
    from onnx import compose

    compose.add_prefix(model, prefix, rename_inputs=False, rename_outputs=False, inplace=True)


def _join(first: ModelProto, second: ModelProto, links: list[tuple[str, str]]) -> ModelProto:
    from onnx import compose

    try:
        return compose.merge_models(first, second, links, outputs=[port.name for port in second.graph.output])
    except ValueError as error:
        raise UnsupportedExport(
            problem(
                expected="a model of the program's ONNX version and inputs",
                got=" ".join(str(error).split()),
                where="model.onnx",
                next_step="train the bundle again with this version",
            )
        ) from error


def _refuse_clashes(columns: tuple[str, ...], outputs: list[str]) -> None:
    clashes = [name for name in columns if name in (*outputs, "score")]
    if clashes:
        raise UnsupportedExport(
            problem(
                expected="input columns named otherwise than the graph's outputs and scores",
                got=f"`{'`, `'.join(clashes)}`",
                where="portable.onnx",
                next_step="rename the column and train again",
            )
        )


def onnx_backend(program: FeatureProgram) -> Backend:
    """Return the program's ONNX graph as a backend: what `program.transform` gives, computed by ONNX Runtime alone.

    Raises UnsupportedExport when the program cannot be an ONNX graph.
    """
    runner = GraphRunner(export_program(program))
    return Backend(program, lambda table: _run_program(runner, program, table))


def _run_program(runner: GraphRunner, program: FeatureProgram, table: pa.Table) -> Matrices:
    starts = range(0, max(table.num_rows, 1), _BLOCK_ROWS)
    blocks = [runner.run(onnx_inputs(program.schema, table.slice(at, _BLOCK_ROWS))) for at in starts]
    nothing: dict[str, NDArray[Any]] = {
        "dense": np.empty((table.num_rows, 0), np.float32),
        "sparse": np.empty((table.num_rows, 0), np.int64),
    }
    dense, sparse = (
        np.concatenate([block[name] for block in blocks]) if name in blocks[0] else empty
        for name, empty in nothing.items()
    )
    return Matrices(dense, sparse, {name: _joined_bag(blocks, name) for name in program.bag_names})


def _joined_bag(blocks: list[dict[str, NDArray[Any]]], name: str) -> RaggedIds:
    ids = np.concatenate([block[f"{name}.ids"] for block in blocks])
    lengths = np.concatenate([np.diff(block[f"{name}.offsets"]) for block in blocks])
    return RaggedIds(ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


@dataclass(frozen=True, slots=True)
class PortableCheck:
    """How a graph's results differ from ours on `rows` rows.

    worst: the largest absolute difference of numbers (features or scores). differing: how many ids or labels differ, or
    are a number on one side alone.
    """

    rows: int
    worst: float
    differing: int


def check_program(program: FeatureProgram, onnx: bytes, table: pa.Table) -> PortableCheck:
    """Compare what an exported program makes of a conformed table with `program.transform`."""
    graph, ours = _run_program(GraphRunner(onnx), program, table), program.transform(table)
    differing = int((graph.sparse != ours.sparse).sum())
    for name, bag in ours.bags.items():
        same = np.array_equal(bag.ids, graph.bags[name].ids) and np.array_equal(bag.offsets, graph.bags[name].offsets)
        differing += 0 if same else len(bag.ids)
    worst, undefined = _distance(graph.dense, ours.dense)
    return PortableCheck(table.num_rows, worst, differing + undefined)


def check_model(model: Model, onnx: bytes, table: pa.Table) -> PortableCheck:
    """Compare what a portable model says about a conformed table with `model.score_conformed`."""
    graph, ours = GraphRunner(onnx).run(onnx_inputs(model.program.schema, table)), model.score_conformed(table)
    labels = np.asarray(ours.label)
    if "probability" not in graph:
        return PortableCheck(table.num_rows, *_distance(graph["label"], labels))
    worst, undefined = _distance(graph["probability"], ours.probability)
    return PortableCheck(
        table.num_rows, worst, undefined + int((graph["label"].astype(str) != labels.astype(str)).sum())
    )


def _distance(graph: NDArray[Any], ours: NDArray[Any]) -> tuple[float, int]:
    """Return the largest absolute difference, and how many are a finite number on one side alone."""
    with np.errstate(invalid="ignore"):
        distances = np.abs(graph.astype(np.float64) - ours.astype(np.float64))
    distances[(graph == ours) | (np.isnan(graph) & np.isnan(ours))] = 0.0
    is_finite = np.isfinite(distances)
    return float(distances[is_finite].max(initial=0.0)), int((~is_finite).sum())
