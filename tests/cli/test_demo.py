"""The tour is run as a newcomer runs it: a process of its own, a real server, real files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from mlops_runtime.registry import Bundle


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlops_runtime.cli", "demo", "--folder", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "tour"
    return folder, run_demo(folder, "--json")


def test_the_demo_ends_well_and_prints_one_json_object(played):
    _, process = played
    assert process.returncode == 0, process.stderr
    outcome = json.loads(process.stdout)
    assert outcome["champion"]["metrics"]["roc_auc"]["value"] > 0.8


def test_the_demo_shows_the_planted_drift_and_nothing_else(played):
    inputs = {name for name in json.loads(played[1].stdout)["drifted"] if not name.startswith("score:")}
    assert inputs == {"amount", "channel", "report_days"}


def test_the_canary_gets_its_share_of_the_requests(played):
    versions = json.loads(played[1].stdout)["canary"]
    assert versions["2"] / sum(versions.values()) == pytest.approx(0.25, abs=0.02)


def test_the_history_ends_where_it_began(played):
    history = json.loads(played[1].stdout)["history"]
    assert [(move["from_version"], move["to_version"]) for move in history] == [(None, 1), (1, 2), (2, 1)]


def test_every_printed_command_is_shown_before_its_result(played):
    _, process = played
    for command in json.loads(process.stdout)["commands"]:
        assert f"$ {command}" in process.stderr


def test_the_demo_leaves_a_report_and_whole_bundles_but_no_server(played):
    folder, process = played
    outcome = json.loads(process.stdout)
    page = Path(outcome["report"]).read_text(encoding="utf-8")
    assert outcome["audit_root"] in page
    assert "http://" not in page
    assert "https://" not in page
    Bundle.open(folder / "champion").verify()
    children = subprocess.run(["pgrep", "-f", f"serve.*{folder.parent}"], capture_output=True, text=True, check=False)
    assert children.stdout == ""


def test_the_demo_takes_somebodys_own_file(tmp_path):
    random = np.random.default_rng(5)
    size = random.normal(size=3000)
    colour = random.choice(["red", "green", "blue"], size=3000)
    price = 3 * size + (colour == "red") + 0.1 * random.normal(size=3000)
    pyarrow.csv.write_csv(pa.table({"size": size, "colour": colour, "price": price}), tmp_path / "houses.csv")
    process = run_demo(tmp_path / "tour", "--data", str(tmp_path / "houses.csv"), "--target", "price", "--json")
    assert process.returncode == 0, process.stderr
    assert "size" in json.loads(process.stdout)["drifted"]


def test_half_of_the_own_data_options_is_refused(tmp_path):
    process = run_demo(tmp_path / "tour", "--data", "houses.csv")
    assert process.returncode == 2
    assert "--target" in process.stderr
    assert not (tmp_path / "tour").exists()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    done = run_demo(tmp_path / "file" / "demo")
    assert done.returncode == 2
    assert done.stderr.startswith(f"ConfigError: {tmp_path}/file/demo: cannot be made (Not a directory)")
