"""A training process for test_loader_killed: consumes steps of all shards, and checkpoints after each, until killed.

Its checkpoint holds the loader's state and the rows that "training" has seen, written as one durable file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from loader_cases import table_of

from mlops_runtime.core.durable import durable_write
from mlops_runtime.data.loader import Loader, LoaderState


def main(rows: int, checkpoint: Path, options: dict[str, int]) -> None:
    saved = json.loads(checkpoint.read_text()) if checkpoint.is_file() else {"epoch": 0, "rows": {}, "state": None}
    state = saved["state"] and LoaderState.from_json(saved["state"])
    epochs, shards = options.pop("epochs"), options["shards"]
    table = table_of(rows)
    world = [Loader(table, **options, shard=shard, seed=6, state=state) for shard in range(shards)]
    print("begun", flush=True)
    while world[0].epoch < epochs:
        epoch = world[0].epoch
        step = [next(iter(loader)) for loader in world]
        seen = saved["rows"].setdefault(str(epoch), [])
        for batch in step:
            seen.extend(batch.rows.tolist())
        saved["state"], saved["epoch"] = world[0].state.to_json(), world[0].epoch
        durable_write(checkpoint, json.dumps(saved).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
