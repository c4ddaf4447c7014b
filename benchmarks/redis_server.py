"""A Redis server for benchmarks, on a Unix socket, thrown away afterwards."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_runtime.core.errors import ConfigError

_START_S = 10.0


@contextmanager
def redis_server() -> Iterator[str]:
    """A server of our own, without persistence: reads do not need any."""
    if shutil.which("redis-server") is None:
        raise ConfigError("expected redis-server, got none — apt-get install -y --no-install-recommends redis-server")
    with tempfile.TemporaryDirectory(prefix="mlrt-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + _START_S
            while not socket.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            yield f"unix://{socket}"
            process.terminate()
