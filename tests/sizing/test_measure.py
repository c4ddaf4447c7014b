"""The measurement core: rounds, ratios, verdicts and peers."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import time
import zipfile
from pathlib import Path

import pytest

from mlops_runtime.core.errors import CapacityError, ConfigError
from mlops_runtime.sizing import Contender, Measurement, Noise, PeerProcess, Timing, measure, peer_environment

QUIET = Noise(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0)


def measured(noise: Noise = QUIET, **walls: tuple[float, ...]) -> Measurement:
    timings = tuple(Timing(name, "peer", 1, 1, wall, wall) for name, wall in walls.items())
    return Measurement("case", timings, noise, 0)


def test_each_contender_runs_first_in_turn() -> None:
    order: list[str] = []
    contenders = [Contender(name, lambda name=name: order.append(name)) for name in "abc"]
    measure("order", contenders, rounds=3, patience=1, warmup=0)
    assert "".join(order) == "abcbcacab"


def test_setup_runs_before_every_turn_and_is_not_timed() -> None:
    result = measure("setup", [Contender("nothing", lambda: None)], rounds=3, warmup=1, setup=lambda: time.sleep(0.02))
    assert result.timing("nothing").median_s < 0.01


def test_sleeping_costs_wall_time_but_no_cpu_time() -> None:
    timing = measure("sleep", [Contender("sleep", lambda: time.sleep(0.02))], rounds=3, warmup=0).timing("sleep")
    assert timing.median_s >= 0.02
    assert timing.median_cpu_s < 0.01


def test_a_ratio_above_one_means_the_subject_is_faster() -> None:
    ratio = measured(ours=(1.0, 1.1, 0.9, 1.0), theirs=(3.0, 3.3, 2.7, 3.0)).ratio("ours", "theirs")
    assert ratio.value == pytest.approx(3.0)
    assert ratio.low <= ratio.value <= ratio.high


def test_rounds_are_resampled_in_pairs_so_shared_noise_cancels() -> None:
    ratio = measured(ours=(1.0, 2.0, 5.0, 9.0), theirs=(2.0, 4.0, 10.0, 18.0)).ratio("ours", "theirs")
    assert (ratio.low, ratio.high) == (2.0, 2.0)


def test_a_steady_run_on_a_quiet_machine_is_valid() -> None:
    result = measured(ours=(1.0, 1.01, 0.99, 1.0, 1.0))
    assert (result.verdict, result.complaint) == ("VALID", None)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"foreign_share": 0.2}, "other processes"),
        ({"steal_share": 0.1}, "hypervisor"),
        ({"stalled_share": 0.5}, "waited"),
    ],
)
def test_a_busy_machine_makes_a_run_noisy_and_says_why(change: dict[str, float], word: str) -> None:
    result = measured(dataclasses.replace(QUIET, **change), ours=(1.0, 1.0, 1.0))
    assert result.verdict == "NOISY"
    assert word in (result.complaint or "")


def test_an_uncertain_median_makes_a_run_noisy() -> None:
    result = measured(ours=(1.0, 2.0, 1.0, 2.0, 3.0))
    assert result.verdict == "NOISY"
    assert "median of ours is uncertain" in (result.complaint or "")


def test_the_record_is_strict_json_with_ratios_of_the_subject() -> None:
    contenders = [Contender("peer", lambda: None), Contender("ours", lambda: None, role="subject", threads=2, calls=10)]
    record = json.loads(json.dumps(measure("record", contenders, rounds=3).to_dict(), allow_nan=False))
    assert [(ratio["subject"], ratio["peer"]) for ratio in record["ratios"]] == [("ours", "peer")]
    assert [(one["threads"], one["calls"]) for one in record["contenders"]] == [(1, 1), (2, 10)]


def test_short_calls_are_repeated_and_reported_per_call() -> None:
    ran = []
    timing = measure(
        "short", [Contender("nap", lambda: ran.append(time.sleep(0.002)), calls=20)], rounds=3, patience=1, warmup=0
    )
    assert len(ran) == 60
    assert 0.002 <= timing.timing("nap").median_s < 0.02


def test_an_uncertain_median_gets_more_rounds_and_no_more_than_asked_for() -> None:
    naps = itertools.cycle((0.0, 0.01, 0.0))
    result = measure("erratic", [Contender("nap", lambda: time.sleep(next(naps)))], rounds=3, patience=2, warmup=0)
    assert len(result.timing("nap").wall_s) == 6


def test_doubled_names_and_too_few_rounds_are_refused() -> None:
    one = Contender("one", lambda: None)
    with pytest.raises(ConfigError, match="distinct names"):
        measure("twice", [one, one])
    with pytest.raises(ConfigError, match="rounds >= 3"):
        measure("short", [one], rounds=2)


def test_a_peer_process_answers_calls_and_counts_its_own_cpu_time(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text("print('loading')\ndef burn(n):\n    return sum(range(n))\n", encoding="utf-8")
    with PeerProcess(sys.executable, script) as peer:
        assert peer.call("burn", n=10) == 45
        timing = measure("peer", [peer.contender("burn", "burn", n=2_000_000)], rounds=3, warmup=0).timing("burn")
        assert timing.median_cpu_s > 0.005
        with pytest.raises(CapacityError, match="KeyError"):
            peer.call("absent")


def write_wheel(folder: Path) -> Path:
    """Make the smallest installable wheel, so that the test needs no index."""
    path = folder / "tinypeer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tinypeer.py", "def answer():\n    return 42\n")
        wheel.writestr("tinypeer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinypeer\nVersion: 1.0\n")
        wheel.writestr("tinypeer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tinypeer-1.0.dist-info/RECORD", "")
    return path


def test_a_peer_environment_is_built_once_and_a_failed_build_can_be_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pip could not install"):
        peer_environment("tiny", [str(tmp_path / "absent-1.0-py3-none-any.whl")], root=tmp_path / "peers")
    requirements = [str(write_wheel(tmp_path))]
    python = peer_environment("tiny", requirements, root=tmp_path / "peers")
    stamp = tmp_path / "peers" / "tiny" / "requirements.json"
    built = stamp.stat().st_mtime_ns
    assert peer_environment("tiny", requirements, root=tmp_path / "peers") == python
    assert stamp.stat().st_mtime_ns == built
    script = tmp_path / "peer.py"
    script.write_text("from tinypeer import answer\n", encoding="utf-8")
    with PeerProcess(python, script) as peer:
        assert peer.call("answer") == 42
