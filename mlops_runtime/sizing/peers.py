"""Peers that cannot live in our environment: a virtual environment each, and a process that answers calls."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import CapacityError, ConfigError
from mlops_runtime.sizing.measure import Contender

__all__ = ["PeerProcess", "peer_environment"]

_WORKER = Path(__file__).with_name("peer_worker.py")


def peer_environment(name: str, requirements: Sequence[str], *, root: Path = Path(".peers")) -> Path:
    """Return the Python of virtual environment `root/name`, built with `pip install` when it is not there yet.

    A changed list of requirements is installed over the old one. Raises ConfigError with pip's last line on failure.
    """
    home = root / name
    python, stamp = home / "bin" / "python", home / "requirements.json"
    wanted = canonical_json(sorted(requirements))
    if stamp.is_file() and stamp.read_bytes() == wanted:
        return python
    if not python.is_file():
        venv.create(home, with_pip=True, symlinks=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise ConfigError(
            f"{home}: pip could not install {', '.join(requirements)}: {last} — check the index and the pins"
        )
    durable_write(stamp, wanted)
    return python


class PeerProcess:
    """A script running under another Python; its functions are called by name, one JSON line each way.

    Imports and data preparation happen before the timed call, so only the work is measured (plus one pipe round trip,
    about 50 us). Use as a context manager: leaving it ends the process.
    """

    def __init__(self, python: Path | str, script: Path, *, environment: Mapping[str, str] | None = None) -> None:
        """python: of `peer_environment`, or `sys.executable`. environment: variables set over our own."""
        self._script = script
        self._process = subprocess.Popen(
            [str(python), str(_WORKER), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of the script and return its JSON result. Raises CapacityError when it fails or dies."""
        return self._ask({"call": function, "arguments": arguments})["result"]

    def cpu_s(self) -> float:
        """CPU seconds of the process so far, all threads."""
        return float(self._ask({"call": None, "arguments": {}})["cpu_s"])

    def contender(self, name: str, function: str, *, threads: int = 1, **arguments: Any) -> Contender:
        """Return a contender whose timed call is `function(**arguments)` in this process."""
        return Contender(name, lambda: self.call(function, **arguments), threads, "peer", self.cpu_s)

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise ConfigError(f"{self._script}: the peer process is closed — open a new one")
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise CapacityError(
                f"{self._script}: expected an answer, got the end of the process — see its stderr above"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CapacityError(f"{self._script}: {message['call']} failed: {answer['error']} — run the script by hand")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)
