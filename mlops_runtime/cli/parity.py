"""`mlrt features parity`: every executor of a program against the NumPy oracle, on data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, refuse, stage_progress, table
from mlops_runtime.core.errors import PolicyError, problem

if TYPE_CHECKING:
    from mlops_runtime.features import FeatureProgram
    from mlops_runtime.features.parity import Backend, OperationParity, ParityReport

__all__ = ["parity"]


@click.command(epilog="Example: mlrt features parity program 'claims/*.parquet' --onnx")
@click.argument("program_folder", metavar="PROGRAM", type=click.Path(path_type=Path))
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--onnx", is_flag=True, help="Also run the program's ONNX graph, which may differ in the last bits.")
@click.option(
    "--triton/--no-triton",
    default=None,
    help="Also run the Triton kernels; by default where there is a GPU, or TRITON_INTERPRET=1 asks for no GPU.",
)
@json_option
def parity(program_folder: Path, files: tuple[str, ...], onnx: bool, triton: bool | None, as_json: bool) -> None:
    """Compare the native executor at every instruction set, bit for bit, with the NumPy oracle on FILES.

    Prints the worst difference of each operation. Ends with exit code 3 when a bit of the native executor, or of the
    Triton kernels, differs.
    """
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data import open_source
    from mlops_runtime.features.folder import read_program_folder
    from mlops_runtime.features.parity import ParityCheck

    with stage_progress("features parity") as report:
        program = read_program_folder(program_folder)
        check = ParityCheck(program, backends=dict(_backends(program, onnx=onnx, triton=triton)))
        for batch in watched(open_source(files, schema=program.schema), report, "comparing"):
            check.update(batch.table)
    found = check.report
    payload = found.to_dict() | {"digest": program.digest}
    emit(payload, as_json=as_json, render=lambda console: _render(console, found))
    if not found.identical:
        differing = sorted({entry.output for entry in found.refused})
        refuse(
            PolicyError(
                problem(
                    expected="the same bits from every executor",
                    got=f"differences in {', '.join(differing)}",
                    where=", ".join(files),
                    next_step="report it with the program and the rows concerned",
                )
            )
        )


def _backends(program: FeatureProgram, *, onnx: bool, triton: bool | None) -> Iterator[tuple[str, Backend]]:
    if onnx:
        from mlops_runtime.registry.portable import onnx_backend

        yield "onnx", onnx_backend(program)
    from mlops_runtime.features.gpu import can_run_triton, triton_backend

    if triton or (triton is None and can_run_triton()):
        yield "triton", triton_backend(program)


def _render(console: Console, report: ParityReport) -> None:
    worst: dict[str, dict[str, OperationParity]] = {}
    for entry in report.operations:
        worst.setdefault(entry.operation, {})[entry.backend] = entry
    rows = [
        (operation, next(iter(found.values())).outputs, *(_distance(found.get(name)) for name in report.backends))
        for operation, found in sorted(worst.items())
    ]
    title = f"{report.rows:,} rows, the largest differences from NumPy"
    console.print(table(title, ("operation", "outputs", *report.backends), rows))


def _distance(entry: OperationParity | None) -> str:
    """What a backend makes of an operation; nothing where it does not run it."""
    if entry is None:
        return ""
    return f"{entry.max_ulp:,} ulp, {entry.differing:,} differ" if entry.differing else "identical"
