"""Identifiers: unique, of a fixed form, sorted by time."""

from __future__ import annotations

import re
import time

from mlops_runtime.core.ids import new_id


def test_ids_are_unique_and_version_7() -> None:
    made = {new_id("run") for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"run_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", one) for one in made)


def test_ids_sort_by_the_millisecond_they_were_made_in() -> None:
    made = []
    for _ in range(20):
        made.append(new_id("run"))
        time.sleep(0.0015)
    assert made == sorted(made)
