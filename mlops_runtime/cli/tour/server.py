"""A real `mlrt serve` process on a free loopback port, stopped by SIGTERM whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_runtime.core.errors import MlrtError

__all__ = ["running_server"]

_STOP_S = 20


@contextmanager
def running_server(reference: str, log: Path) -> Iterator[str]:
    """Serve `reference` and yield the base URL, for example `http://127.0.0.1:45123`.

    The server announces itself with one JSON line on stdout once it is ready; its log goes to the file `log`.
    Raises MlrtError when it ends before that.
    """
    arguments = [sys.executable, "-m", "mlops_runtime.cli", "serve", reference, "--http", "127.0.0.1:0", "--json"]
    with log.open("wb") as stderr, subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ready = json.loads(line or b"{}")
            if "url" not in ready:
                reason = ready.get("error", {}).get("message", "no reason given")
                raise MlrtError(f"demo: the server ended before it was ready: {reason} — read {log}")
            yield str(ready["url"])
        finally:
            process.terminate()
            try:
                process.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
