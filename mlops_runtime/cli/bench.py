"""`mlrt bench`: this machine's roofline, and the benchmarks of a checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.core.errors import CapacityError
from mlops_runtime.sizing.results import benchmarks_folder
from mlops_runtime.sizing.roofline import bandwidth_gb_s, measure_bandwidth, write_machine_record

__all__ = ["bench"]


@click.command(epilog="Example: mlrt bench machine --json")
@click.argument(
    "group", type=click.Choice(["machine", "kernels", "features", "drift", "loader", "all"]), default="machine"
)
@click.option("--quick", is_flag=True, help="Small sizes, to try the benchmarks; writes no record.")
@json_option
def bench(group: str, quick: bool, as_json: bool) -> None:
    """Measure this machine's memory bandwidth (`machine`), or run a group of benchmarks from a checkout.

    `machine` writes machine.json under MLRT_HOME; the others write benchmarks/results/*.json.
    """
    if group == "machine":
        _machine(as_json=as_json)
    else:
        _scripts(group, quick=quick, as_json=as_json)


def _machine(*, as_json: bool) -> None:
    measurement = measure_bandwidth()
    path = write_machine_record(measurement)
    rates = bandwidth_gb_s(measurement)

    def render(console: Console) -> None:
        console.print(measurement.table())
        for name, by_threads in rates.items():
            console.print(
                f"{name}: " + ", ".join(f"{rate:.1f} GB/s x{threads}" for threads, rate in by_threads.items())
            )
        console.print(f"written to {path}")

    payload = {"path": str(path), "bandwidth_gb_s": rates, "measurement": measurement.to_dict()}
    emit(payload, as_json=as_json, render=render)


def _scripts(group: str, *, quick: bool, as_json: bool) -> None:
    """Run benchmarks/run.py; its tables go to stdout, or to stderr when stdout must hold one JSON object."""
    folder = benchmarks_folder()
    command = [sys.executable, str(folder / "run.py"), group, *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=sys.stderr if as_json else None, check=False)
    if done.returncode != 0:
        raise CapacityError(f"mlrt bench {group}: a benchmark failed — its output above says why")
    if as_json:
        click.echo(json.dumps({"results": _records(folder / "results")}, sort_keys=True))


def _records(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
