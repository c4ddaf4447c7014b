"""`mlrt serve`: an inference server for bundles and registry aliases."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.output import json_option

if TYPE_CHECKING:
    from mlops_runtime.serving.service import Service, ServiceOptions

__all__ = ["serve"]

_MIB = 1 << 20


@click.command(epilog="Example: mlrt serve claims@production --http 127.0.0.1:8080")
@click.argument("models", nargs=-1, required=True, metavar="BUNDLE|NAME@ALIAS…")
@click.option(
    "--http", "address", default="127.0.0.1:8000", show_default=True, help="HOST:PORT; port 0 takes a free one."
)
@click.option(
    "--online",
    "stores",
    multiple=True,
    envvar="MLRT_ONLINE",
    metavar="STORE",
    help="Read inputs that requests leave out from a store: a folder, or redis://HOST:PORT/DB#VIEW. Repeatable.",
)
@click.option("--insecure", is_flag=True, help="Allow hosts that are not loopback: no authentication, no encryption.")
@click.option(
    "--poll-seconds", default=1.0, show_default=True, type=click.FloatRange(0.05), help="How often aliases are read."
)
@click.option(
    "--drain-seconds",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How long a stopping server still answers.",
)
@click.option(
    "--timeout-seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="To receive a request, and to answer it.",
)
@click.option(
    "--max-body-mib", default=64, show_default=True, type=click.IntRange(1, 1024), help="Largest request body."
)
@json_option
def serve(
    models: tuple[str, ...],
    address: str,
    stores: tuple[str, ...],
    insecure: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Serve bundle directories and registry references over the Open Inference Protocol.

    A reference NAME@ALIAS is followed while the server runs, canary included; NAME@3 stays at version 3;
    NEW_NAME=BUNDLE serves a directory under another name. A store of --online is read by the keys of its view, which
    requests carry beside the inputs; an address with a password is safer in MLRT_ONLINE. With --json one line on stdout
    says that the server is ready and where. Drift is counted on every row, and kept in windows of MLRT_WINDOW_MINUTES
    (5) below MLRT_HOME, which `mlrt monitor report` reads. MLRT_LOG_LEVEL=INFO turns on the access log,
    MLRT_LOG_FORMAT=json makes it JSON. SIGTERM ends it cleanly.
    """
    from mlops_runtime.core.logs import configure_logging
    from mlops_runtime.features.online.opening import open_online_store
    from mlops_runtime.serving.models import ModelTable
    from mlops_runtime.serving.server import bind, run
    from mlops_runtime.serving.service import Service
    from mlops_runtime.serving.sources import open_source

    configure_logging()
    with bind(address, insecure=insecure) as listener:
        opened = [open_online_store(place, insecure=insecure) for place in stores]
        service = Service(ModelTable(open_source(text, opened) for text in models), _options(**limits))
        _warn_of_unused(service, [store.view.name for store in opened])
        run(service, listener, on_ready=lambda: _announce(service, listener.getsockname(), as_json))


def _options(*, poll_seconds: float, drain_seconds: float, timeout_seconds: float, max_body_mib: int) -> ServiceOptions:
    from mlops_runtime.serving.service import ServiceOptions

    return ServiceOptions(
        body_bytes=max_body_mib * _MIB,
        receive_s=timeout_seconds,
        score_s=timeout_seconds,
        poll_s=poll_seconds,
        drain_s=drain_seconds,
    )


def _warn_of_unused(service: Service, views: list[str]) -> None:
    used = {view for served in service.table.versions() for view in served.online.inputs_by_view}
    for view in views:
        if view not in used:
            click.echo(f"warning: online view `{view}` holds no input of the models served now", err=True)


def _announce(service: Service, bound: tuple[Any, ...], as_json: bool) -> None:
    host, port = bound[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not as_json:
        _banner(service, url)
        return
    models = {name: [served.version for served in split.versions] for name, split in service.table.models.items()}
    click.echo(json.dumps({"url": url, "pid": os.getpid(), "models": models}, sort_keys=True))
    sys.stdout.flush()


def _banner(service: Service, url: str) -> None:
    from mlops_runtime.serving.example import curl_command

    console = Console(highlight=False)
    console.print(f"[bold]Serving[/bold] on {url} — stop with Ctrl-C")
    for name, split in service.table.models.items():
        served = split.stable
        console.print(
            f"  [bold]{name}[/bold] version {served.version}, {served.model.task}, "
            f"{len(served.signature.inputs)} inputs, bundle {served.digest[:16]}"
        )
        for view, inputs in served.online.inputs_by_view.items():
            console.print(
                f"    {len(inputs)} of them from online view [bold]{view}[/bold] when a request has only keys"
            )
    first = next(iter(service.table.models.values())).stable
    click.echo(f"Metrics {url}/metrics · drift {url}/v1/models/{first.name}/drift")
    click.echo("Try it:")
    click.echo(curl_command(first.model.bundle, first.name, url))
