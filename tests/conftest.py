"""What every test shares: a home of its own, the real data sets, and one switch that lengthens the seeded campaigns."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from mlops_runtime.core.settings import settings

REPOSITORY = Path(__file__).resolve().parent.parent
SOAK_FACTOR = int(os.environ.get("MLRT_SOAK", "1"))
_EXAMPLES = 50

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
