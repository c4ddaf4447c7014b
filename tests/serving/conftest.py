"""Real bundles, trained once a session, and real `mlrt serve` processes on free loopback ports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from mlops_runtime.registry import Bundle, Model

MLRT = (sys.executable, "-m", "mlops_runtime.cli")
PATIENCE_S = 60


@dataclass(frozen=True)
class Running:
    """One server process."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def peak_bytes(self) -> int:
        """The most memory the process ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


Serve = Callable[..., Running]


@contextmanager
def _process(arguments: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    command = [*MLRT, "serve", *arguments, "--http", "127.0.0.1:0", "--json"]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=os.environ | environment) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Running(json.loads(line)["url"], process, log)
        finally:
            process.kill()


def _server_factory(folder: Path) -> Iterator[Serve]:
    with ExitStack() as stack:
        count = iter(range(1000))

        def start(*arguments: str, **environment: str) -> Running:
            log = folder / f"server-{next(count)}.log"
            return stack.enter_context(_process(arguments, log, environment))

        yield start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers that end with the test."""
    yield from _server_factory(tmp_path)


@pytest.fixture(scope="module")
def shared_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers that end with the module."""
    yield from _server_factory(tmp_path_factory.mktemp("servers"))


def people(rows: int, *, seed: int, age: float = 40.0) -> pa.Table:
    """Synthetic rows with every kind of column, missing values and a target that depends on them."""
    rng = np.random.default_rng(seed)
    ages = rng.normal(age, 10, rows).round(1)
    hours = rng.gamma(4, 10, rows).round(2)
    city = rng.choice(["Dubai", "Abu Dhabi", "Sharjah", "Ajman"], rows, p=[0.4, 0.3, 0.2, 0.1])
    risk = (ages - 40) / 10 + (hours - 40) / 30 + (city == "Dubai") + rng.normal(0, 0.7, rows)
    return pa.table(
        {
            "age": pa.array(ages, mask=rng.random(rows) < 0.1),
            "hours": hours,
            "city": pa.array(city.tolist(), mask=rng.random(rows) < 0.1),
            "joined": pa.array(1_500_000_000 + rng.integers(0, 10**8, rows), pa.timestamp("s")),
            "claim": np.where(risk > 0.7, "yes", "no").tolist(),
        }
    )


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two trained bundles of the same inputs that score differently."""
    folder = tmp_path_factory.mktemp("bundles")
    file = folder / "people.csv"
    csv.write_csv(people(4000, seed=1), file)
    for kind in ("linear", "gbdt"):
        options = ["--target", "claim", "--name", "claims", "--model", kind, "--seed", "1", "-o", str(folder / kind)]
        subprocess.run([*MLRT, "train", str(file), *options, "--json"], check=True, stdout=subprocess.DEVNULL)
    return folder / "linear", folder / "gbdt"


@pytest.fixture(scope="session")
def models(bundles: tuple[Path, Path]) -> tuple[Model, Model]:
    """The same two bundles, loaded in this process: what a served score must equal, bit for bit."""
    return Model.load(Bundle.open(bundles[0])), Model.load(Bundle.open(bundles[1]))


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    """Fresh rows of the inputs, missing values included."""
    return people(512, seed=2).drop_columns(["claim"])


@pytest.fixture(scope="module")
def server(shared_serve: Serve, bundles: tuple[Path, Path]) -> Running:
    """One server of the linear bundle for a whole module."""
    return shared_serve(str(bundles[0]))


@pytest.fixture(scope="session")
def make_people() -> Callable[..., pa.Table]:
    """More rows, with a mean age of one's choice."""
    return people
