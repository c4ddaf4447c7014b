"""What benchmarks leave behind: records, the README's table, and the machine's roofline."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.core.machine import measured_record
from mlops_runtime.sizing import Contender, Measurement, Noise, Timing, benchmark_main, measure, write_result
from mlops_runtime.sizing.roofline import bandwidth_gb_s, measure_bandwidth, write_machine_record

QUIET = Noise(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0)


def measurement(ours: float = 0.001) -> Measurement:
    timings = (
        Timing("ours", "subject", 2, 1, (ours,) * 3, (ours,) * 3),
        Timing("theirs", "peer", 1, 1, (0.02,) * 3, (0.02,) * 3),
    )
    return Measurement("sorting", timings, QUIET, 1)


def script(repository: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", repository / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_record_says_machine_commit_versions_and_time(tmp_path: Path) -> None:
    path = write_result("sorting", [measurement()], packages=("polars",), folder=tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "sorting.json"
    assert {"cpu", "usable_cores", "isa", "python"} <= record["machine"].keys()
    assert {"numpy", "polars", "pyarrow"} == record["packages"].keys()
    assert record["utc"].endswith("Z")
    assert record["measurements"][0]["ratios"][0]["value"] == 20.0


def test_the_readme_table_is_made_from_the_records_and_quotes_nothing_noisy(tmp_path: Path, repository: Path) -> None:
    noisy = Measurement("noisy", measurement().timings, Noise(1.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0), 1)
    record = json.loads(write_result("sorting", [measurement(), noisy], folder=tmp_path).read_text(encoding="utf-8"))
    section = script(repository, "report").section([record])
    assert "| sorting | 1 ms | theirs 20.0 (20.0 .. 20.0) |  |" in section
    assert "| noisy |" not in section
    assert "Measured, but on too noisy a machine to be reported: noisy." in section


def test_every_headline_of_the_readme_is_a_measurement(repository: Path) -> None:
    report = script(repository, "report")
    results = sorted((repository / "benchmarks" / "results").glob("*.json"))
    records = [json.loads(path.read_text(encoding="utf-8")) for path in results]
    names = {measurement["name"] for record in records for measurement in record["measurements"]}
    assert set(report._HEADLINES) <= names
    assert "too noisy" not in report.section(records, headlines=True)


def test_every_benchmark_script_belongs_to_one_group(repository: Path) -> None:
    runner = script(repository, "run")
    groups = ("kernels", *runner._OWN_GROUPS)
    assert sorted(path for group in groups for path in runner.scripts(group)) == runner.scripts("all")
    reports = ["bench_drift_report", "bench_drift_report_evidently", "bench_drift_report_nannyml"]
    assert [path.stem for path in runner.scripts("drift")] == [*reports, "bench_drift_update"]


def test_a_quick_benchmark_prints_its_table_and_writes_no_record(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_absent.py", "--quick"])
    benchmark_main("absent", lambda quick: [measurement(0.001 if quick else 1.0)])
    assert "sorting — VALID" in capsys.readouterr().out
    assert not (repository / "benchmarks" / "results" / "absent.json").exists()


def test_the_roofline_is_measured_and_kept_for_lower_floors(home: Path) -> None:
    result = measure_bandwidth(mib=64, rounds=3)
    rates = bandwidth_gb_s(result, mib=64)
    assert rates.keys() == {"read", "copy"}
    assert all(rate > 0.1 for by_threads in rates.values() for rate in by_threads.values())
    assert write_machine_record(result) == home / "machine.json"
    record = measured_record()
    assert record is not None
    assert record["bandwidth_gb_s"].keys() == {"read", "copy"}


def test_the_command_measures_the_machine_as_one_json_object(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "machine", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert Path(document["path"]) == home / "machine.json"
    assert document["measurement"]["verdict"] in ("VALID", "NOISY")


def test_without_a_checkout_the_command_says_what_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mlops_runtime.sizing.results._CHECKOUT", tmp_path)
    with pytest.raises(Exception, match="mlrt bench machine` works anywhere"):
        write_result("sorting", [measurement()])
    assert run(["bench", "drift"]) == 2


def test_a_contender_that_raises_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        measure("broken", [Contender("broken", lambda: 1 / 0)], rounds=3)
