"""The join of 50,000 training rows with 30,000 feature rows, and what is wrong in what Feast makes of it.

Some keys have later events only, some training rows repeat a key and a time, and every feature row is known some hours
after its event. How many rows Feast returns, and how many of those saw the future, is counted by our leak check before
anything is timed, and stands in the name of the measurement; `docs/from-feast.md` quotes it. Feast needs pandas < 3, so
it lives in a virtual environment of its own, which this script builds under `.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from wide_table import plain_read

from mlops_runtime import _native
from mlops_runtime.features.join import join
from mlops_runtime.features.leaks import find_leaks
from mlops_runtime.features.tables import FeatureTable
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("feast==0.67.0",)
_SCRIPT = Path(__file__).parent / "peers" / "feast_join.py"
_ROWS, _FEATURE_ROWS, _KEYS, _TTL_DAYS = 50_000, 30_000, 3_000, 365
_QUIET = {"FEAST_USAGE": "False", "PYTHONWARNINGS": "ignore"}
_MINUTE_US, _START_US = 60_000_000, 1_767_225_600_000_000  # 2026


def run(quick: bool) -> list[Measurement]:
    """Measure on frames in memory; Feast reads its features from Parquet, which is what its file store does."""
    past, entities = tables()
    table = FeatureTable(
        "past", past, ("user",), "event_timestamp", "created", ttl_s=_TTL_DAYS * 86_400, features=("value",)
    )
    python = peer_environment("feast", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    with tempfile.TemporaryDirectory() as folder, PeerProcess(python, _SCRIPT, environment=_QUIET) as feast:
        pq.write_table(past, Path(folder) / "past.parquet")
        pq.write_table(entities, Path(folder) / "entities.parquet")
        assert feast.call("prepare", folder=folder, ttl_days=_TTL_DAYS) == _ROWS
        assert join(entities, [table], entity_time="event_timestamp").table.num_rows == _ROWS
        found = [_wrong(feast, table, Path(folder), only_known=only_known) for only_known in (False, True)]
        contenders = [
            Contender(
                "mlops_runtime",
                lambda: join(entities, [table], entity_time="event_timestamp"),
                _native.thread_count(),
                "subject",
                calls=5,
            ),
            feast.contender("feast", "join", only_known=False),
            feast.contender("feast, only known values", "join", only_known=True),
            Contender("a plain read", plain_read(past), role="floor", calls=20),
        ]
        title = f"join of {_ROWS:,} rows with {_FEATURE_ROWS:,} feature rows; feast {found[0]}; only known {found[1]}"
        return [measure(title, contenders, rounds=3 if quick else 7, warmup=1)]


def tables() -> tuple[pa.Table, pa.Table]:
    """Return the feature rows and the training rows, times in whole minutes."""
    rng = np.random.default_rng(17)
    users, asked = rng.integers(0, _KEYS, _ROWS), rng.integers(1_000, 9_000, _ROWS)
    twins = rng.permutation(_ROWS)[:2_000]
    users[twins[:1_000]], asked[twins[:1_000]] = users[twins[1_000:]], asked[twins[1_000:]]
    event, of = rng.integers(0, 10_000, _FEATURE_ROWS), rng.integers(0, _KEYS, _FEATURE_ROWS)
    event[of % 50 == 0] += 10_000
    known = event + rng.exponential(300, _FEATURE_ROWS).astype(np.int64)
    times = {"event_timestamp": _times(event), "created": _times(known)}
    past = pa.table({"user": of, **times, "value": np.arange(_FEATURE_ROWS, dtype=np.float64)})
    return past, pa.table({"user": users, "event_timestamp": _times(asked), "label": np.arange(_ROWS)})


def _times(minutes: np.ndarray) -> pa.Array:
    return pa.array(minutes * _MINUTE_US + _START_US).cast(pa.timestamp("us", "UTC"))


def _wrong(feast: PeerProcess, table: FeatureTable, folder: Path, *, only_known: bool) -> str:
    """Return how many rows Feast returned and how many of those saw the future."""
    rows = feast.call("join", only_known=only_known)
    feast.call("save", path=str(folder / "joined.parquet"))
    joined = pq.read_table(folder / "joined.parquet")
    report = find_leaks(joined, [table], entity_time="event_timestamp")
    assert report.checked == rows
    return f"{rows:,} rows out, {report.leaks:,} saw the future"


if __name__ == "__main__":
    benchmark_main("join_feast", run, packages=("pyarrow",))
