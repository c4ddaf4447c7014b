"""`mlrt drift --multivariate` and `--exact`: what takes rows, and not only counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from report_cases import check
from scipy import stats

from mlops_runtime.cli.main import run
from mlops_runtime.data import open_source
from mlops_runtime.features import FitState, infer_spec
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.registry import Bundle

NAMES = {"reconstruction_error", "mmd", "domain_auc"}


def claims(rows: int, *, sign: float = 1.0, seed: int) -> pa.Table:
    """Two columns that move together, or, with the other sign, against each other; neither shows it alone."""
    rng = np.random.default_rng(seed)
    severity, noise = rng.normal(size=(2, rows))
    day = np.datetime64("2026-01-01") + np.sort(rng.integers(0, 7 * 86_400, rows)).astype("timedelta64[s]")
    columns = {"severity": severity, "paid": sign * 0.6 * severity + 0.8 * noise, "code": rng.integers(0, 4, rows)}
    return pa.table({**columns, "branch": np.where(rng.random(rows) < 0.3, "n", "s"), "filed": pa.array(day)})


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "before.csv"
    pyarrow.csv.write_csv(claims(3000, seed=1), path)
    return path


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    path = tmp_path / "turned.parquet"
    pyarrow.parquet.write_table(claims(1500, sign=-1.0, seed=2), path, row_group_size=400)
    return path


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def found(*arguments: object) -> dict[str, Any]:
        assert run(["drift", *map(str, arguments), "--json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        check(document)
        return document

    return found


def test_a_relation_that_turns_is_drift_of_all_columns_together_and_of_none_alone(
    before: Path, turned: Path, report: Callable[..., dict[str, Any]]
) -> None:
    found = report(before, turned, "--multivariate", "--categorical", "code")
    assert not found["dataset"]["drifted"]
    assert set(found["multivariate"]["reasons"]) == set(found["multivariate"]["statistics"]) == NAMES
    assert report(before, turned)["multivariate"] is None
    assert not report(before, before, "--multivariate")["multivariate"]["drifted"]
    assert run(["drift", str(before), str(turned), "--fail-on-drift"]) == 0
    assert run(["drift", str(before), str(turned), "--multivariate", "--fail-on-drift"]) == 3


def test_every_form_of_the_report_says_it(
    before: Path, turned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = tmp_path / "page.html", tmp_path / "report.md"
    assert (
        run(["drift", *map(str, (before, turned)), "--multivariate", "--html", str(page), "--markdown", str(text)]) == 0
    )
    written = capsys.readouterr().out
    for found in (written, page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")):
        assert "All columns together" in found
        assert "AUC of a domain classifier" in found
    assert "0 of 5 columns drifted, and all together" in written
    assert "**and all together**" in text.read_text(encoding="utf-8")


def test_windows_segments_and_absent_columns_go_with_it(
    before: Path, tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    now = tmp_path / "now.parquet"
    pyarrow.parquet.write_table(claims(1500, seed=3).drop_columns(["code"]), now)
    found = report(before, now, "--multivariate", "--time", "filed", "--segment", "branch")
    assert (len(found["windows"]), found["multivariate"]["rows"]) == (7, 1500)
    assert set(found["multivariate"]["statistics"]) == NAMES
    assert not found["multivariate"]["drifted"]


def test_an_unreadable_column_is_left_out_of_what_is_taken_together(
    before: Path, tmp_path: Path, report: Callable[..., dict[str, Any]]
) -> None:
    now, table = tmp_path / "now.csv", claims(1500, seed=3)
    words = pa.array(["many" if place == 700 else "1" for place in range(1500)])
    pyarrow.csv.write_csv(table.set_column(2, "code", words), now)
    found = report(before, now, "--multivariate", "--exact")
    assert any("many" in note for note in found["notes"])
    assert not found["multivariate"]["drifted"]
    assert found["columns"]["paid"]["statistics"]["ks"]["limits"] == "exact"
    assert "ks" not in found["columns"]["code"]["statistics"]


def bundle_of(before: Path, make_bundle: Callable[..., Bundle], *, joint: bool) -> Bundle:
    source = open_source(str(before), columns=["severity", "paid", "code", "branch"])
    table = source.read().table
    state = FitState(infer_spec([table], source.schema, target=None).spec, source.schema)
    state.update(table, first_row=0)
    together = MultivariateReference.fit(table) if joint else None
    program, baseline = state.finish(), Baseline.fit(table)
    return make_bundle(schema=source.schema, program=program, baseline=baseline, multivariate=together)


def test_a_bundle_that_knows_its_inputs_together_is_a_reference(
    before: Path, turned: Path, make_bundle: Callable[..., Bundle], report: Callable[..., dict[str, Any]]
) -> None:
    knows = bundle_of(before, make_bundle, joint=True)
    assert set(report(knows.path, turned, "--multivariate")["multivariate"]["reasons"]) == NAMES
    fewer = report(knows.path, turned, "--multivariate", "--columns", "severity,paid")
    assert fewer["multivariate"] is None
    assert "no code, branch" in "".join(fewer["notes"])


def test_what_is_stored_without_rows_is_refused(
    before: Path,
    turned: Path,
    tmp_path: Path,
    make_bundle: Callable[..., Bundle],
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored = tmp_path / "baseline.json"
    assert run(["monitor", "fit", str(before), "-o", str(stored)]) == 0
    old = bundle_of(before, make_bundle, joint=False)
    for reference, option in ((stored, "--exact"), (stored, "--multivariate"), (old.path, "--multivariate")):
        assert run(["drift", str(reference), str(turned), option]) != 0
        assert "give the data as the reference" in capsys.readouterr().err


def test_too_few_rows_say_so(tmp_path: Path, before: Path, report: Callable[..., dict[str, Any]]) -> None:
    few = tmp_path / "few.parquet"
    pyarrow.parquet.write_table(claims(20, seed=3), few)
    assert report(before, few, "--multivariate")["multivariate"]["statistics"] == {}
    assert "30 reference rows or more" in "".join(report(few, before, "--multivariate")["notes"])


def test_exact_distances_are_those_of_scipy_and_change_no_verdict(
    before: Path, turned: Path, report: Callable[..., dict[str, Any]]
) -> None:
    sides = [table.column("paid").to_numpy() for table in (claims(3000, seed=1), claims(1500, sign=-1.0, seed=2))]
    sides[1] = sides[1] + 0.3
    moved = claims(1500, sign=-1.0, seed=2)
    pyarrow.parquet.write_table(moved.set_column(1, "paid", pa.array(sides[1])), turned)
    exact, binned = report(before, turned, "--exact"), report(before, turned)
    found = exact["columns"]["paid"]
    ks, wasserstein = found["statistics"]["ks"], found["statistics"]["wasserstein"]
    expected = stats.ks_2samp(*sides, method="asymp")
    assert found["ks"] == ks["value"] == ks["low"] == ks["high"] == pytest.approx(expected.statistic, rel=1e-12)
    assert ks["p_value"] == pytest.approx(expected.pvalue, rel=0.3)
    low, high = (binned["columns"]["paid"]["statistics"]["wasserstein"][end] for end in ("low", "high"))
    assert low <= wasserstein["value"] <= high
    spread = binned["columns"]["paid"]["wasserstein"] / wasserstein["value"]
    assert spread == pytest.approx(1.0, rel=0.05)
    assert found["statistics"]["anderson_darling"]["limits"] == "exact"
    verdict = ("drifted", "p_value", "reason", "strength")
    for name, column in exact["columns"].items():
        assert [column[key] for key in verdict] == [binned["columns"][name][key] for key in verdict]
