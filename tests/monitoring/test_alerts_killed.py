"""A monitor that is killed at any instant goes on without losing a firing; repetitions have the ids of the first."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import alert_worker

WORKER = Path(alert_worker.__file__)
KILLS = 4


def _told(folder: Path) -> list[dict]:
    lines = (folder / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    whole = []
    for line in lines:
        try:
            whole.append(json.loads(line))
        except ValueError:
            continue  # a line that a kill cut off: it was sent again
    return whole


def _version(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def test_killed_anywhere_no_firing_is_lost_and_none_is_invented(tmp_path, soak_factor):
    alert_worker.run(tmp_path / "whole")
    expected = {note["id"]: note for note in _told(tmp_path / "whole")}
    assert len(expected) > 40
    chance = random.Random(soak_factor)
    for campaign in range(soak_factor):
        folder = tmp_path / str(campaign)
        for _ in range(KILLS):
            process = subprocess.Popen([sys.executable, str(WORKER), str(folder)])
            before = _version(folder / "board.json")
            while process.poll() is None and _version(folder / "board.json") == before:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            process.wait()
        subprocess.run([sys.executable, str(WORKER), str(folder)], check=True)
        told = _told(folder)
        assert {note["id"] for note in told} == set(expected)
        assert all(note == expected[note["id"]] for note in told)
