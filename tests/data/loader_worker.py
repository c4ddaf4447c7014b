"""A training process for test_loader_killed: consumes steps of all shards, and checkpoints after each, until killed.

Its checkpoint is one durable file: the loader's state, the rows that "training" has seen of this epoch, and a digest of
those of every epoch before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from loader_cases import digest_of, table_of

from mlops_runtime.core.durable import durable_write
from mlops_runtime.data.loader import Loader, LoaderState


def main(rows: int, checkpoint: Path, options: dict[str, int]) -> None:
    saved = json.loads(checkpoint.read_text()) if checkpoint.is_file() else {"rows": [], "digests": [], "state": None}
    state = saved["state"] and LoaderState.from_json(saved["state"])
    epochs, shards = options.pop("epochs"), options["shards"]
    table = table_of(rows)
    world = [Loader(table, **options, shard=shard, seed=6, state=state) for shard in range(shards)]
    print("begun", flush=True)
    while world[0].epoch < epochs:
        for batch in [next(iter(loader)) for loader in world]:
            saved["rows"].extend(batch.rows.tolist())
        if world[0].epoch > len(saved["digests"]):
            saved["digests"].append(digest_of(saved["rows"]))
            saved["rows"] = []
        saved["state"] = world[0].state.to_json()
        durable_write(checkpoint, json.dumps(saved).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
