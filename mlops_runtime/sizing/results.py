"""What a benchmark leaves behind: a JSON record that says on which machine, from which commit, with which versions."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.machine import describe_machine
from mlops_runtime.sizing.measure import Measurement

__all__ = ["benchmark_main", "benchmarks_folder", "provenance", "write_result"]

_CHECKOUT = Path(__file__).resolve().parents[2]


def benchmarks_folder() -> Path:
    """Return the checkout's `benchmarks/`. Raises ConfigError when the package was installed without one."""
    folder = _CHECKOUT / "benchmarks"
    if not (folder / "run.py").is_file():
        raise ConfigError(
            f"expected a checkout with benchmarks/run.py beside the package, got {_CHECKOUT} — "
            "clone the repository and `pip install -e .` there; `mlrt bench machine` works anywhere"
        )
    return folder


def provenance(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return time, commit, machine fingerprint and versions: what is needed to believe or repeat a figure."""
    return {
        "utc": timestamp(),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": describe_machine().to_dict(),
        "packages": {name: importlib.metadata.version(name) for name in sorted({"numpy", "pyarrow", *packages})},
    }


def write_result(
    name: str, measurements: Sequence[Measurement], *, packages: Sequence[str] = (), folder: Path | None = None
) -> Path:
    """Write `folder/NAME.json` (default: the checkout's benchmarks/results), durably, and return its path.

    packages: distributions whose versions matter, beside numpy and pyarrow.
    """
    record = {"name": name, **provenance(packages), "measurements": [one.to_dict() for one in measurements]}
    path = (folder or benchmarks_folder() / "results") / f"{name}.json"
    durable_write(path, (json.dumps(record, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
    return path


def benchmark_main(name: str, run: Callable[[bool], Sequence[Measurement]], *, packages: Sequence[str] = ()) -> None:
    """The `main` of every `benchmarks/bench_*.py`: run, print the tables, write the record.

    run: takes `quick`, returns measurements. `--quick` is for trying the script: small sizes, nothing written.
    """
    parser = argparse.ArgumentParser(prog=f"bench_{name}.py")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script; writes no record")
    quick: bool = parser.parse_args().quick
    measurements = run(quick)
    console = Console(highlight=False)
    for one in measurements:
        console.print(one.table())
    if not quick:
        console.print(f"written to {write_result(name, measurements, packages=packages)}")


def _git(*arguments: str) -> str | None:
    """Return git's answer about the checkout, or None outside one."""
    try:
        done = subprocess.run(["git", *arguments], cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
