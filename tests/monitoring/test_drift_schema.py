"""The JSON of a report is what its schema says, no key more and none less."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from report_cases import SCHEMA, check, files, hostile

from mlops_runtime.cli.main import run
from mlops_runtime.monitoring import DriftReport, compare
from mlops_runtime.monitoring.report.timeline import Timeline


def empty() -> DriftReport:
    return compare(pa.table({"x": [1.0] * 40, "y": ["a"] * 40}), pa.table({"x": pa.array([], pa.float64())}))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "report", [compare(hostile(200, shift=0, seed=1), hostile(200, shift=1, seed=2)), empty()], ids=["full", "empty"]
)
def test_a_report_of_every_kind_of_column_fits(report: DriftReport) -> None:
    check(Timeline(report).to_dict())


def test_what_the_command_prints_fits_with_windows_and_segments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drift", *files(tmp_path), "--time", "filed", "--segment", "region", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    check(document)
    assert document["windows"]
    assert document["contributions"]


def test_a_key_that_is_not_described_or_missing_is_noticed() -> None:
    document = Timeline(empty()).to_dict()
    with pytest.raises(jsonschema.ValidationError):
        check({**document, "surprise": 1})
    del document["columns"]["x"]["psi"]
    with pytest.raises(jsonschema.ValidationError):
        check(document)
