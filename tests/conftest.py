"""What every test shares: a home of its own, the real data sets, and one switch that lengthens the seeded campaigns."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa

from mlops_runtime.core.db import engine
from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.ids import new_id
from mlops_runtime.core.lineage import Edge, Node
from mlops_runtime.core.settings import settings
from mlops_runtime.data import Column, Schema
from mlops_runtime.registry import Bundle, BundleContents, write_bundle

REPOSITORY = Path(__file__).resolve().parent.parent
SOAK_FACTOR = int(os.environ.get("MLRT_SOAK", "1"))
_EXAMPLES = 50
_POSTGRESQL = Path("/usr/lib/postgresql/15/bin")

hypothesis.settings.register_profile(
    "mlrt", max_examples=_EXAMPLES * SOAK_FACTOR, deadline=None, derandomize=SOAK_FACTOR == 1, print_blob=True
)
hypothesis.settings.load_profile("mlrt")


def pytest_configure(config: pytest.Config) -> None:
    """Point the whole run, doctests and child processes included, at a home that is thrown away."""
    home = tempfile.mkdtemp(prefix="mlrt-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in [name for name in os.environ if name.startswith("MLRT_") and name != "MLRT_ISA"]:
        if name not in {"MLRT_SOAK", "MLRT_TEST_DATA"}:
            del os.environ[name]
    os.environ["MLRT_HOME"] = home
    os.environ["COLUMNS"] = "200"  # what is printed does not depend on the terminal, nor on the length of a path
    settings.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `soak` each test whose length `MLRT_SOAK` multiplies."""
    for item in items:
        if "soak_factor" in getattr(item, "fixturenames", ()) or item.get_closest_marker("hypothesis"):
            item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def soak_factor() -> int:
    """How many times longer than usual a seeded campaign runs: 1, or what `MLRT_SOAK` says."""
    return SOAK_FACTOR


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data sets (`adult/`, `elec/`), which are not part of the source: `$MLRT_TEST_DATA` or beside it."""
    named = os.environ.get("MLRT_TEST_DATA")
    candidates = [Path(named)] if named else [REPOSITORY / "shared" / "data", REPOSITORY.parent / "shared" / "data"]
    for folder in candidates:
        if (folder / "adult" / "train.csv").is_file():
            return folder
    pytest.skip(
        f"no data sets at {' or '.join(map(str, candidates))} — set MLRT_TEST_DATA to the folder that holds adult/"
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An `MLRT_HOME` of this test alone, with settings read afresh before and after."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MLRT_HOME", str(folder))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


def _as_postgres(*command: str | Path) -> None:
    """Run one of PostgreSQL's programs; it refuses to run as root, so root hands over to the user `postgres`."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """A real PostgreSQL server on a free loopback port, thrown away afterwards."""
    if not (_POSTGRESQL / "initdb").is_file():
        pytest.skip("no PostgreSQL 15 — apt-get install -y --no-install-recommends postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="mlrt-postgresql-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    try:
        _as_postgres(
            _POSTGRESQL / "initdb", "-D", folder / "data", "-U", "mlrt", "-A", "trust", "--encoding=UTF8", "-N"
        )
        control = (_POSTGRESQL / "pg_ctl", "-D", folder / "data", "-w")
        _as_postgres(*control, "-l", folder / "log", "-o", options, "start")
        yield sa.URL.create("postgresql+psycopg", "mlrt", host="127.0.0.1", port=port, database="postgres")
        _as_postgres(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class RedisServer:
    """A real redis-server with an append-only file on a Unix socket; it can be killed and started again on its data."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", folder, "--save", ""]
        self._command += ["--appendonly", "yes", "--logfile", folder / "log", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, patience_s: float = 30.0) -> None:
        """Start it and wait until it answers: then its data are loaded."""
        self._process = subprocess.Popen([*map(str, self._command)], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + patience_s
        while not self._answers():
            assert self._process.poll() is None, f"redis-server ended: {self.socket.with_name('log').read_text()}"
            assert time.monotonic() < deadline, f"redis-server did not answer within {patience_s:g} s"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
            except OSError:
                return False


@pytest.fixture
def make_redis() -> Iterator[Callable[..., RedisServer]]:
    """Start Redis servers, each in a folder of its own, that end with the test. Arguments: more options."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server — apt-get install -y --no-install-recommends redis-server")
    with ExitStack() as stack:

        def make(*options: str) -> RedisServer:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrt-redis-")))
            server = RedisServer(folder, *options)
            stack.callback(server.kill)
            server.start()
            return server

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh home and database for this test, once on SQLite and once on PostgreSQL; gives the backend's name."""
    if request.param == "postgresql":
        server: sa.URL = request.getfixturevalue("postgresql")
        url = server.set(database=new_id("test"))
        admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {url.database}")
        admin.dispose()
        monkeypatch.setenv("MLRT_DATABASE_URL", url.render_as_string(hide_password=False))
        settings.cache_clear()
    yield request.param
    engine().dispose()


@dataclass(frozen=True)
class OpaqueFiles:
    """The program or baseline of a bundle whose test does not look inside."""

    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        return sha256_bytes(b"".join(self.files.values()))

    def to_files(self) -> dict[str, bytes]:
        return dict(self.files)


def _contents() -> BundleContents:
    dataset, model = Node("dataset", "claims.csv", "d" * 64), Node("model", "claims", "e" * 64)
    return BundleContents(
        name="claims",
        task="binary",
        model_kind="linear",
        target="fraud",
        classes=("no", "yes"),
        threshold=0.3,
        schema=Schema((Column("amount", "number"), Column("policy", "integer"), Column("city", "string"))),
        model_onnx=b"model bytes",
        program=OpaqueFiles({"program.json": b"{}", "tables/city.arrow": b"arrow bytes"}),
        baseline=OpaqueFiles({"baseline.json": b"{}"}),
        metrics={"roc_auc": 0.9},
        gates={"passed": True},
        card="# claims",
        lineage=(Edge(dataset, model, "train"),),
    )


@pytest.fixture
def make_bundle(home: Path, tmp_path: Path) -> Callable[..., Bundle]:
    """Write a signed bundle; every call makes another one. Keywords replace fields of its `BundleContents`."""

    def make(**changes: Any) -> Bundle:
        number = len(list(tmp_path.glob("bundle-*")))
        changes.setdefault("card", f"# claims, bundle {number}")
        return write_bundle(tmp_path / f"bundle-{number}", replace(_contents(), **changes))

    return make
