"""`mlrt features export`: a program, or a bundle with its model, as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.bundles import open_bundle
from mlops_runtime.cli.output import emit, json_option, refuse, stage_progress, table
from mlops_runtime.core.errors import PolicyError, problem

if TYPE_CHECKING:
    from mlops_runtime.registry.portable import PortableCheck
    from mlops_runtime.registry.scorer import GraphRunner

__all__ = ["export"]

_TOLERANCE = 1e-6  # of a probability; features must be the same


@click.command(epilog="Example: mlrt features export claims-bundle -o portable.onnx --check july.csv")
@click.argument("source", metavar="PROGRAM|BUNDLE")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="ONNX file to write.")
@click.option("--check", type=click.Path(path_type=Path), help="A data file to compare the graph with this package on.")
@json_option
def export(source: str, output: Path, check: Path | None, as_json: bool) -> None:
    """Write the program in a folder, or a bundle's program and model (a directory, or NAME@ALIAS), as one ONNX file.

    Its inputs are the raw columns, so plain ONNX Runtime (1.20 or newer) needs nothing else. A program gives `dense`
    and `sparse`, a bundle `label` and `probability`. What ONNX cannot compute is refused, all of it listed. Ends with
    exit code 3, with the file written, when --check finds a difference.
    """
    from mlops_runtime.core.durable import durable_write
    from mlops_runtime.features.onnx.graph import OPSET
    from mlops_runtime.registry.scorer import GraphRunner

    with stage_progress("features export") as report:
        report("building", 0.1)
        onnx, about, found = _build(source, check)
        report("writing", 0.9)
        runner = GraphRunner(onnx)
        durable_write(output, onnx)
    payload: dict[str, Any] = {"output": str(output), "bytes": len(onnx), "opset": OPSET, **about}
    for name, ports in (("inputs", runner.inputs), ("outputs", runner.outputs)):
        payload[name] = [{"name": port.name, "type": port.type, "shape": list(port.shape)} for port in ports]
    payload["check"] = found and {"rows": found.rows, "worst": found.worst, "differing": found.differing}
    emit(payload, as_json=as_json, render=lambda console: _render(console, payload, runner, found))
    if found is not None and (found.differing or found.worst > (_TOLERANCE if "bundle" in about else 0.0)):
        refuse(
            PolicyError(
                problem(
                    expected="what this package computes",
                    got=f"differences up to {found.worst:.3g}, and {found.differing} other ids or labels",
                    where=str(check),
                    next_step="report it with the program and the rows concerned",
                )
            )
        )


def _build(source: str, check: Path | None) -> tuple[bytes, dict[str, str], PortableCheck | None]:
    """Return the graph, what it was made of, and how it compares with us on the file `check`."""
    from mlops_runtime.data import read_dataset
    from mlops_runtime.features.folder import read_program_folder
    from mlops_runtime.features.onnx import export_program
    from mlops_runtime.registry import Model
    from mlops_runtime.registry.portable import check_model, check_program, portable_model

    if (Path(source) / "program.json").is_file():
        program = read_program_folder(Path(source))
        onnx = export_program(program)
        rows = check and read_dataset(check, schema=program.schema).table
        return onnx, {"program": program.digest}, None if rows is None else check_program(program, onnx, rows)
    bundle = open_bundle(source)
    onnx = portable_model(bundle)
    about = {"bundle": bundle.digest, "program": bundle.program.digest}
    rows = check and read_dataset(check, schema=bundle.schema).table
    return onnx, about, None if rows is None else check_model(Model.load(bundle), onnx, rows)


def _render(console: Console, payload: dict[str, Any], runner: GraphRunner, found: PortableCheck | None) -> None:
    ports = [("input", port) for port in runner.inputs] + [("output", port) for port in runner.outputs]
    rows = [(port.name, role, port.type, "[" + ", ".join(map(str, port.shape)) + "]") for role, port in ports]
    title = f"{payload['output']}: {payload['bytes']:,} bytes, opset {payload['opset']}"
    console.print(table(title, ("name", "role", "type", "shape"), rows))
    if found is not None:
        line = f"{found.rows:,} rows: worst difference {found.worst:.3g}, {found.differing:,} other ids or labels"
        console.print(line, markup=False)
