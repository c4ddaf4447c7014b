"""`mlrt doctor`: what this machine has, what is missing, and the command that installs it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlops_runtime import __version__, _native
from mlops_runtime.cli.output import emit, json_option
from mlops_runtime.core.db import engine
from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.machine import describe_machine, measured_record
from mlops_runtime.core.settings import settings

__all__ = ["doctor"]

_SHOWN_PACKAGES = ("numpy", "pyarrow", "onnxruntime", "onnx", "scikit-learn", "lightgbm", "torch", "ray")
_EXTRAS = {
    "train": "train LightGBM and linear models",
    "torch": "train MLPs",
    "pg": "keep the registry in PostgreSQL",
    "redis": "keep online features in Redis",
}
_TOOLS = {"all", "bench", "test"}
_GPU_TIMEOUT_S = 10


@click.command(epilog="Example: mlrt doctor --json")
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Show this machine's processor, memory and GPUs, the packages, the extras, the home and the database.

    Ends with exit code 1 when the home is not writable or the database cannot be opened: nothing else would work then.
    """
    facts = _facts()
    emit(facts, as_json=as_json, render=lambda console: _draw(console, facts))
    if facts["home"]["problem"] or facts["database"]["problem"]:
        context.exit(1)


def _facts() -> dict[str, Any]:
    return {
        "version": __version__,
        "machine": {
            **describe_machine().to_dict(),
            "active_isa": _native.active_isa(),
            "threads": _native.thread_count(),
            "gpus": _gpus(),
            "measured": measured_record(),
        },
        "packages": {name: _version(name) for name in _SHOWN_PACKAGES},
        "extras": {extra: _extra(extra, purpose) for extra, purpose in _EXTRAS.items()},
        "extras_without_use": sorted(_declared_extras() - set(_EXTRAS) - _TOOLS),
        "home": {"path": str(settings().home), "problem": _home_problem(settings().home)},
        "database": {"url": _shown_url(), "problem": _database_problem()},
    }


def _gpus() -> list[str]:
    """One line for each GPU, as nvidia-smi describes it; none when there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _declared_extras() -> set[str]:
    return set(metadata.metadata("mlops_runtime").get_all("Provides-Extra") or [])


def _extra(name: str, purpose: str) -> dict[str, Any]:
    """What an extra is for, which of its distributions are not installed, and the command that installs them."""
    marker = re.compile(rf"""extra\s*==\s*['"]{name}['"]""")
    wanted = [text for text in metadata.requires("mlops_runtime") or [] if marker.search(text)]
    names = [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in wanted]
    missing = sorted(distribution for distribution in names if _version(distribution) is None)
    return {"purpose": purpose, "missing": missing, "install": f"pip install 'mlops_runtime[{name}]'"}


def _home_problem(home: Path) -> str | None:
    """Return why nothing can be kept in `home`, or None; a home that is not there yet is fine if it can be made."""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return None
    except OSError as error:
        return f"{existing}: {error.strerror} — set MLRT_HOME to a folder you may write to"


def _shown_url() -> str:
    return sa.make_url(settings().url).render_as_string(hide_password=True)


def _database_problem() -> str | None:
    """Return why the database cannot be used, or None; SQLite is not created just to look at it."""
    url = sa.make_url(settings().url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return None
    try:
        with engine().connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (ConfigError, sa.exc.SQLAlchemyError) as error:
        return str(error)
    return None


def _draw(console: Console, facts: dict[str, Any]) -> None:
    machine = facts["machine"]
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold")
    lines.add_column(overflow="fold")
    for name, text in (
        ("mlrt", f"{facts['version']} on Python {machine['python']}, {machine['os']}"),
        ("processor", f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores usable"),
        ("kernels", f"{machine['active_isa']} on {machine['threads']} threads (this processor: {machine['isa']})"),
        ("memory", f"{machine['memory_gib']} GiB; {_bandwidth(machine['measured'])}"),
        ("GPU", "; ".join(machine["gpus"]) or "none"),
        ("packages", ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)),
        ("home", _state(facts["home"]["path"], facts["home"]["problem"])),
        ("database", _state(facts["database"]["url"], facts["database"]["problem"])),
    ):
        lines.add_row(name, text)
    for extra, state in facts["extras"].items():
        remedy = f"missing {', '.join(state['missing'])}: {state['install']}" if state["missing"] else None
        lines.add_row(f"\\[{extra}]", _state(state["purpose"], f"{state['purpose']}: {remedy}" if remedy else None))
    lines.add_row("no use yet", ", ".join(f"\\[{extra}]" for extra in facts["extras_without_use"]))
    console.print(lines)


def _bandwidth(measured: dict[str, Any] | None) -> str:
    if measured is None:
        return "bandwidth unmeasured: run `mlrt bench machine`"
    rates = measured["bandwidth_gb_s"]
    best = {name: max(by_threads.values()) for name, by_threads in rates.items()}
    return ", ".join(f"{name} {rate:.0f} GB/s" for name, rate in best.items()) + f" ({measured['verdict']})"


def _state(what: str, problem: str | None) -> str:
    return f"[red]✗[/red] {escape(problem)}" if problem else f"[green]✓[/green] {escape(what)}"
