"""Entry point of `mlrt`: finds the command's module only when it is asked for, and turns errors into exit codes."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from mlops_runtime import __version__
from mlops_runtime.cli.lazy import Entry, LazyGroup
from mlops_runtime.core.errors import ConfigError, MlrtError

__all__ = ["cli", "main", "run"]

_PACKAGE = Path(__file__).parents[1]


_COMMANDS = {
    "audit": Entry("audit", "Verify the audit log and prove an entry is in it."),
    "bench": Entry("bench", "Measure this machine and the kernels against named peers."),
    "data": Entry("data", "Inspect data sets, check them against a contract, compare them."),
    "demo": Entry("demo", "The whole life of a model in one minute."),
    "deploy": Entry("deploy", "Canary, promote, roll back a served model."),
    "doctor": Entry("doctor", "What this machine has, what is missing, how to install it."),
    "drift": Entry("drift", "Compare two data files column by column."),
    "evaluate": Entry("evaluate", "Metrics of a bundle on a labelled file."),
    "features": Entry("features", "Fit and apply feature programs."),
    "monitor": Entry("monitor", "Windows of live data: count, report, check against rules."),
    "predict": Entry("predict", "Score a file with a bundle."),
    "registry": Entry("registry", "Versions, aliases and their history."),
    "serve": Entry("serve", "Serve bundles over the Open Inference Protocol."),
    "train": Entry("train", "From a data file to a model bundle."),
}


@click.group(
    cls=LazyGroup,
    entries=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="mlrt")
def cli() -> None:
    """Train, serve and watch models whose features, model and baseline travel in one bundle.

    Start with `mlrt doctor`, then `mlrt demo`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `mlrt` and exit: 0 done, 1 failed, 2 wrong usage, 3 refused, 75 checkpointed and resumable."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character gets its number instead
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(given)
    except Exception as error:  # a defect of ours: `run` has dealt with all others
        code = _report_defect(error, given)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one `mlrt` command line in this process and return its exit code; an error nobody foresaw is raised."""
    try:
        result = cli.main(args=list(arguments), prog_name="mlrt", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        if "--json" in arguments:
            _print_json("UsageError", error.format_message())
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except MlrtError as error:
        name = type(error).__name__
        if "--json" in arguments:
            _print_json(name, str(error))
        click.echo(f"{name}: {error}", err=True)
        return error.exit_code


def _report_defect(error: Exception, arguments: Sequence[str]) -> int:
    """Say in one line what went wrong inside, and where; the traceback goes to the log, shown at level DEBUG."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parents]
    place = f"{Path(ours[-1].filename).relative_to(_PACKAGE)}, line {ours[-1].lineno}"
    message = f"{type(error).__name__}: {error} (at {place})".replace("\n", " ")
    with contextlib.suppress(ConfigError):  # the settings may be what is wrong
        from mlops_runtime.core.logs import configure_logging, get_logger

        configure_logging()
        get_logger("cli").debug("unexpected error", exc_info=error)
    if "--json" in arguments:
        _print_json("InternalError", message)
    click.echo(f"internal error: {message} — set MLRT_LOG_LEVEL=DEBUG for the traceback, and report it", err=True)
    return 1


def _print_json(kind: str, message: str) -> None:
    click.echo(json.dumps({"error": {"type": kind, "message": message}}))
