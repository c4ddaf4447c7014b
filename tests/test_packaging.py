"""What a user gets: a small base install, and a wheel that holds everything it needs and nothing it does not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS_LIMIT = 40
SIZE_LIMIT_MB = 450
pytestmark = pytest.mark.timeout(900)  # whichever test comes first compiles the wheel
EXTRAS_OUTSIDE_ALL = {"all", "bench", "gpu", "test"}  # tools, and what needs a GPU


def _base_install() -> dict[str, metadata.Distribution]:
    """Every distribution that `pip install mlops_runtime` brings, found by following requirements without extras."""
    found: dict[str, metadata.Distribution] = {}
    open_requirements = [Requirement("mlops_runtime")]
    while open_requirements:
        requirement = open_requirements.pop()
        name = canonicalize_name(requirement.name)
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        for text in found[name].requires or []:
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in requirement.extras or {""}]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                open_requirements.append(needed)
    return found


def _size_mb(distribution: metadata.Distribution) -> float:
    files = [file for file in distribution.files or [] if "__pycache__" not in file.parts]
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file()) / 1e6


def test_the_base_install_is_small() -> None:
    base = _base_install()
    assert "mlops-runtime" in base
    assert len(base) <= DISTRIBUTIONS_LIMIT, sorted(base)
    sizes = {name: round(_size_mb(distribution), 1) for name, distribution in base.items()}
    assert sum(sizes.values()) <= SIZE_LIMIT_MB, dict(sorted(sizes.items(), key=lambda item: -item[1])[:8])


@pytest.mark.parametrize("heavy", ["lightgbm", "pandas", "ray", "scikit-learn", "scipy", "torch"])
def test_the_base_install_serves_without(heavy: str) -> None:
    assert heavy not in _base_install()


def test_the_extra_named_all_holds_every_other_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert Requirement(extras["all"][0]).extras == set(extras) - EXTRAS_OUTSIDE_ALL


def test_torch_is_pinned_for_whoever_runs_the_two_commands() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run([sys.executable, *build], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return {entry.filename for entry in wheel.infolist() if entry.file_size or entry.filename.endswith("py.typed")}


def test_the_wheel_holds_the_kernels_as_files(wheel_names: set[str]) -> None:
    oracles = {f"mlops_runtime/{path.relative_to(ROOT)}" for path in (ROOT / "kernels").glob("*/reference.py")}
    assert oracles
    assert oracles <= wheel_names


def test_the_wheel_holds_the_native_module_and_its_types(wheel_names: set[str]) -> None:
    assert {"mlops_runtime/py.typed", "mlops_runtime/_native.pyi"} <= wheel_names
    assert any(name.startswith("mlops_runtime/_native.") and name.endswith(".so") for name in wheel_names)


def test_the_wheel_holds_no_source_that_needs_a_compiler(wheel_names: set[str]) -> None:
    assert [name for name in wheel_names if name.endswith((".cu", ".cpp", ".hpp"))] == []


def test_the_wheel_holds_the_templates_and_migrations_beside_the_code(wheel_names: set[str]) -> None:
    listed = subprocess.run(["git", "ls-files", "mlops_runtime"], cwd=ROOT, capture_output=True, text=True, check=True)
    in_source = {name for name in listed.stdout.split() if (ROOT / name).is_file() and (ROOT / name).stat().st_size}
    assert in_source - wheel_names == set()
