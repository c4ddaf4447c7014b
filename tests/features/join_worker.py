"""Run by test_join_process.py: joins a folder's entity rows to its feature table, and says the peak of memory."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from mlops_runtime.data import open_source
from mlops_runtime.features.join import join_to_file
from mlops_runtime.features.tables import FeatureTable


def main(folder: Path, block_rows: int) -> None:
    """Print {"rows", "matched", "before_bytes", "peak_bytes"}; and what is being read, on stderr."""
    table = FeatureTable("past", open_source(folder / "past"), ("k",), "at")
    entities = open_source(folder / "entities.parquet")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    out = folder / "joined.parquet"
    report = join_to_file(
        out,
        entities,
        [table],
        entity_time="t",
        block_rows=block_rows,
        progress=lambda stage, _: print(stage, file=sys.stderr, flush=True),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    matched = report.table("past").matched
    print(json.dumps({"rows": report.rows, "matched": matched, "before_bytes": before, "peak_bytes": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
