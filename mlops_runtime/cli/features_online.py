"""`mlrt features materialise` and `mlrt features lookup`: online stores, filled and asked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress, table

if TYPE_CHECKING:
    import datetime as dt

    from mlops_runtime.features.online import OnlineRows, OnlineView
    from mlops_runtime.features.online.materialise import Materialised

__all__ = ["lookup", "materialise"]

_TIMES = tuple(f"%Y-%m-%d{time}" for time in ("", "T%H:%M:%S", "T%H:%M:%S%z", "T%H:%M:%S.%f", "T%H:%M:%S.%f%z"))


@click.command(epilog="Example: mlrt features materialise tables.yaml --store online --until 2026-11-23T00:00:00Z")
@click.argument("tables", metavar="TABLES", type=click.Path(path_type=Path))
@click.option(
    "--store", required=True, help="A folder, or redis://HOST:PORT/DB; each table has a store of its name there."
)
@click.option(
    "--table", "names", multiple=True, help="A table to materialise; may be repeated. Default: all of TABLES."
)
@click.option("--until", type=click.DateTime(_TIMES), help="Rows available later are withheld. Default: now.")
@click.option("--insecure", is_flag=True, help="Allow an unencrypted connection that leaves this machine.")
@json_option
def materialise(
    tables: Path, store: str, names: tuple[str, ...], until: dt.datetime | None, insecure: bool, as_json: bool
) -> None:
    """Give the newest row of each key of the feature tables in TABLES (YAML) to online stores; docs/online-store.md.

    Files that a store has are not read again, but for rows that were not available yet. Readers see all rows of a table
    at once (in Redis: each row as it is written). What was interrupted is mended by running it again.
    """
    from mlops_runtime.features.online import OnlineView
    from mlops_runtime.features.online.materialise import materialise as give
    from mlops_runtime.features.online.opening import open_online_store, shown_place
    from mlops_runtime.features.table_spec import FeatureTables

    done: dict[str, Materialised] = {}
    with stage_progress("features materialise") as report:
        opened = {each.name: each for each in FeatureTables.open(tables)}
        wanted = names or tuple(opened)
        if unknown := [name for name in wanted if name not in opened]:
            raise click.BadParameter(f"expected a table of {tables}, got {unknown[0]!r}", param_hint="--table")
        for number, name in enumerate(wanted):
            report(name, number / len(wanted))
            place = place_of(store, name)
            done[name] = give(
                opened[name], open_online_store(place, OnlineView.of(opened[name]), insecure=insecure), until=until
            )
    payload = {
        "tables": [
            {"name": name, "store": shown_place(place_of(store, name)), **_counts(each)} for name, each in done.items()
        ]
    }
    emit(payload, as_json=as_json, render=lambda console: _render_counts(console, shown_place(store), done))


def place_of(store: str, name: str) -> str:
    """Return where the store of a table is, as `open_online_store` takes it.

    >>> place_of("online", "accounts"), place_of("redis://127.0.0.1:6379/0", "a/b")
    ('online/accounts', 'redis://127.0.0.1:6379/0#a%2Fb')
    """
    if name.startswith("."):
        raise click.BadParameter(f"expected a name that does not begin with a dot, got {name!r}", param_hint="--table")
    safe = quote(name, safe="")
    return f"{store}#{safe}" if "://" in store else str(Path(store) / safe)


def _counts(done: Materialised) -> dict[str, int]:
    names = ("files", "skipped", "rows", "keys", "incomplete", "withheld")
    return {name: getattr(done, name) for name in names}


def _render_counts(console: Console, store: str, done: dict[str, Materialised]) -> None:
    headers = ("table", "files read", "skipped", "rows", "keys changed", "incomplete", "withheld")
    rows = [(name, *(f"{number:,}" for number in _counts(each).values())) for name, each in done.items()]
    console.print(table(store, headers, rows))


@click.command(epilog="Example: mlrt features lookup online/accounts 7 8 --json")
@click.argument("store")
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option("--at", type=click.DateTime(_TIMES), help="The moment at which the values have to hold. Default: now.")
@click.option("--insecure", is_flag=True, help="Allow an unencrypted connection that leaves this machine.")
@json_option
def lookup(store: str, keys: tuple[str, ...], at: dt.datetime | None, insecure: bool, as_json: bool) -> None:
    """Show the rows of KEYs in an online store: DIR/TABLE, or redis://HOST:PORT/DB#TABLE.

    Where a table has several keys, KEY is a JSON list of them: '["Fes", 7]'.
    """
    from mlops_runtime.features.online.opening import open_online_store, shown_place

    opened = open_online_store(store, insecure=insecure)
    rows = opened.read(_columns(opened.view, keys), at=at)
    found = _listed(rows, keys)
    emit(
        {"store": shown_place(store), "view": opened.view.name, "rows": found},
        as_json=as_json,
        render=lambda console: _render_rows(console, shown_place(store), rows.view, found),
    )


def _columns(view: OnlineView, keys: tuple[str, ...]) -> dict[str, list[str | None]]:
    """Return the keys as columns of texts, which the store conforms."""
    names = view.keys.names
    if len(names) == 1:
        return {names[0]: list(keys)}
    parts = [_parts(key, names) for key in keys]
    return {name: [part[place] for part in parts] for place, name in enumerate(names)}


def _parts(key: str, names: tuple[str, ...]) -> list[str | None]:
    try:
        values = json.loads(key)
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != len(names):
        raise click.BadParameter(f"expected a JSON list of {', '.join(names)}, got {key!r}", param_hint="KEY")
    return [None if value is None else str(value) for value in values]


def _listed(rows: OnlineRows, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    values = rows.table().to_pylist()
    moments = rows.event.astype("datetime64[us]")
    return [
        {
            "key": key,
            "found": bool(rows.found[place]),
            "event_time": f"{moments[place]}Z" if rows.found[place] else None,
            "features": {name: _plain(value) for name, value in values[place].items()} if rows.found[place] else {},
        }
        for place, key in enumerate(keys)
    ]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: infinities and times as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _render_rows(console: Console, store: str, view: OnlineView, found: list[dict[str, Any]]) -> None:
    rows = [
        (
            row["key"],
            row["event_time"] or "not found",
            *(_cell(row["features"].get(name)) for name in view.features.names),
        )
        for row in found
    ]
    console.print(table(store, ("key", "since", *view.features.names), rows))


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
