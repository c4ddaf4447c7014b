"""`mlrt monitor rows`: single rows that are unlike the reference, by all their columns together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, stage_progress, table
from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_runtime.cli.reference import Progress, Reference
    from mlops_runtime.data import Schema
    from mlops_runtime.monitoring.anomalies import RowAnomalies

__all__ = ["rows"]

_MOST_REFERENCE_ROWS = 65_536


@click.command(epilog="Example: mlrt monitor rows last-year.csv today.csv --id claim --rate 0.05")
@click.argument("reference")
@click.argument("current")
@click.option("--columns", help="Judge by these columns only, separated by commas.")
@click.option("--id", "id_column", metavar="COLUMN", help="The column that names a row; by default its number.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="How large a share of what is found may be false.",
)
@click.option("--most", type=click.IntRange(1), default=100, show_default=True, help="Show so many, strangest first.")
@json_option
def rows(
    reference: str,
    current: str,
    columns: str | None,
    id_column: str | None,
    rate: float,
    most: int,
    as_json: bool,
) -> None:
    """Find the rows of CURRENT that are unlike those of REFERENCE: also when each of their values is ordinary.

    REFERENCE is data, a bundle, or what `mlrt monitor fit --multivariate` wrote. Of data, the distance is fitted on one
    half of a sample of 65,536 rows, and ranked among the other; what is stored holds 2,048 rows to rank among. One
    strange row among n is only found when these are more than n / rate. CURRENT may be of any size.
    """
    with stage_progress("monitor rows") as progress:
        wanted = columns.split(",") if columns else None
        judge, schema = _fit(reference, wanted, id_column, progress)
        found = _search(judge, schema, current, id_column, rate, progress)
    strangest = found["rows"][:most]

    def render(console: Console) -> None:
        title = f"{len(found['rows']):,} of {found['judged']:,} rows are unlike {reference}"
        cells = ((one["id"], f"{one['distance']:.1f}", f"{one['p_value']:.2g}") for one in strangest)
        console.print(table(title, ("row", "distance", "p"), cells))

    payload = {"judged": found["judged"], "found": len(found["rows"]), "rows": strangest}
    emit(payload, as_json=as_json, render=render)


def _fit(
    reference: str, columns: list[str] | None, id_column: str | None, progress: Progress
) -> tuple[RowAnomalies, Schema]:
    """Take what is stored, or sample data: half of the sample is fitted on, the other half ranked."""
    from mlops_runtime.cli.reference import stored_reference
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data import open_source
    from mlops_runtime.monitoring.anomalies import RowAnomalies, RowReservoir
    from mlops_runtime.monitoring.multivariate import MultivariateReference

    stored = stored_reference(reference)
    if stored is not None:
        return _stored(stored, columns, where=reference)
    names = columns or [name for name in open_source(reference).columns if name != id_column]
    source = open_source(reference, columns=names)
    reservoir = RowReservoir(_MOST_REFERENCE_ROWS)
    for batch in watched(source, progress, "reference", end=0.5):
        reservoir.add(batch.table)
    sample = reservoir.rows()
    if sample is None:
        next_step = "name a file with rows"
        raise EmptyInputError(problem(expected="reference rows", got="none", where=reference, next_step=next_step))
    half = sample.num_rows // 2
    columns_read = source.schema.columns
    numbers = tuple(replace(one, kind="number") if one.kind == "integer" else one for one in columns_read)
    fitted = MultivariateReference.fit(sample.slice(0, half), most_rows=_MOST_REFERENCE_ROWS // 2)
    return RowAnomalies(fitted, sample.slice(half)), replace(source.schema, columns=numbers)


def _stored(stored: Reference, columns: list[str] | None, *, where: str) -> tuple[RowAnomalies, Schema]:
    """Rank among the rows that the stored reference holds."""
    from mlops_runtime.cli.reference import require_multivariate
    from mlops_runtime.monitoring.anomalies import RowAnomalies

    if columns is not None:
        got, next_step = "a stored one, of all its columns", "leave --columns out, or give the data"
        raise ConfigError(problem(expected="data as the reference", got=got, where="--columns", next_step=next_step))
    together = require_multivariate(stored, where=where)
    schema = stored.schema.select([column.name for column in together.encoding.columns])
    return RowAnomalies(together, together.known_distances()), schema


def _search(
    judge: RowAnomalies, schema: Schema, current: str, id_column: str | None, rate: float, progress: Progress
) -> dict[str, Any]:
    """Measure batch by batch; only the ids of rows that may be found are kept."""
    import numpy as np

    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.data import Column, open_source
    from mlops_runtime.monitoring.anomalies import discoveries

    names = () if id_column is None else (Column(id_column, "string"),)
    read = replace(schema, columns=(*schema.columns, *names))
    source = open_source(current, schema=read, columns=list(read.names))
    p_values, likely = [np.zeros(0)], dict[int, tuple[str, float]]()
    judged = 0
    for batch in watched(source, progress, "rows", start=0.5):
        distances, p = judge.measure(batch.table.select(list(schema.names)))
        places = np.flatnonzero(p <= rate)
        ids = _names(batch.table, id_column, batch.row_numbers()[places].tolist(), places.tolist())
        likely |= {judged + at: (name, float(distances[at])) for at, name in zip(places.tolist(), ids, strict=True)}
        p_values.append(p)
        judged += len(p)
    every = np.concatenate(p_values)
    found = discoveries(every, false_discovery_rate=rate).tolist()
    told = [{"id": likely[at][0], "distance": likely[at][1], "p_value": float(every[at])} for at in found]
    return {"judged": judged, "rows": sorted(told, key=lambda one: -one["distance"])}


def _names(batch: pa.Table, id_column: str | None, numbers: list[int], places: list[int]) -> list[str]:
    if id_column is None:
        return [str(number + 1) for number in numbers]
    return [str(name) for name in batch.column(id_column).take(places).to_pylist()]
