"""The main job through the Python API: what a bundle holds, what is fitted on what, and that it repeats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from mlops_runtime.core.errors import ConfigError, DataError
from mlops_runtime.features import CategoryFeature, FeatureSpec, NumericFeature
from mlops_runtime.monitoring.multivariate import MultivariateMonitor
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.training import TrainConfig, evaluate, predict, read_labelled, train

OTHER_TARGETS = ("fraud", "grade", "cost")


def config_for(data: Path, output: Path, target: str = "fraud", **options: object) -> TrainConfig:
    others = tuple(name for name in OTHER_TARGETS if name != target)
    defaults: dict[str, object] = {"exclude": others, "ids": ("number",), "model": "linear"}
    return TrainConfig(data=data, target=target, output=output, **(defaults | options))


@pytest.mark.parametrize(
    ("target", "task", "width"), [("fraud", "binary", 2), ("grade", "multiclass", 3), ("cost", "regression", 1)]
)
@pytest.mark.parametrize("kind", ["gbdt", "linear", "mlp"])
def test_every_kind_learns_every_task(
    kind: str, target: str, task: str, width: int, claims_csv: Path, claims: pa.Table, home: Path, tmp_path: Path
) -> None:
    result = train(config_for(claims_csv, tmp_path / "b", target, model=kind, sensitive=("sex",)))
    bundle = Bundle.open(result.bundle_path)
    assert (bundle.manifest.task, bundle.manifest.model_kind) == (task, kind)
    assert bundle.schema.names == ("amount", "city", "sex", "trust")
    assert Model.load(bundle).score(claims).probability.shape == (len(claims), width)
    assert result.gates.passed, result.metrics
    assert set(result.evaluation.groups["sex"]["groups"]) == {"F", "M"}


def test_the_same_job_twice_gives_the_same_model_program_and_baseline(
    claims_csv: Path, home: Path, tmp_path: Path
) -> None:
    first, again = (train(config_for(claims_csv, tmp_path / name, model="gbdt")).bundle for name in ("first", "again"))
    statistics = ("baseline/baseline.json", "baseline/estimator.json", "baseline/multivariate.json", "metrics.json")
    for file in ("model.onnx", "program/program.json", *statistics):
        assert first.read(file) == again.read(file), file
    other = train(config_for(claims_csv, tmp_path / "other", model="gbdt", seed=1)).bundle
    assert other.read("model.onnx") != first.read("model.onnx")


def test_auto_keeps_the_kind_with_the_least_validation_loss(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    result = train(config_for(claims_csv, tmp_path / "b", model="auto"))
    assert set(result.candidates) == {"gbdt", "linear", "mlp"}
    assert result.model_kind == min(result.candidates, key=result.candidates.get)


def test_the_program_never_sees_held_out_rows(claims: pa.Table, home: Path, tmp_path: Path) -> None:
    late = np.where(np.arange(len(claims)) >= 280, "NEW", claims["city"].to_pylist())
    data = tmp_path / "late.parquet"
    pa.parquet.write_table(claims.set_column(3, "city", pa.array(late)), data)
    result = train(config_for(data, tmp_path / "b", time="day"))
    bundle = result.bundle
    assert all(b"NEW" not in content for content in bundle.program.to_files().values())
    assert "day" not in bundle.schema.names
    assert "column `day` orders the rows and is no feature" in result.notes


def test_what_a_bundle_cannot_know_of_its_inputs_together_is_noted(home: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    columns = {f"x{place}": rng.normal(size=300) for place in range(257)}
    columns["label"] = columns["x0"] + rng.normal(size=300)
    pa.parquet.write_table(pa.table(columns), tmp_path / "wide.parquet")
    config = TrainConfig(data=tmp_path / "wide.parquet", target="label", output=tmp_path / "b", model="linear")
    result = train(config)
    (note,) = [note for note in result.notes if "together" in note]
    assert "257 columns that take 257" in note
    assert "does not know its inputs together" in result.bundle.read("card.md").decode()
    assert result.bundle.multivariate is None


def test_the_baseline_knows_the_inputs_and_the_scores(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    bundle = train(config_for(claims_csv, tmp_path / "b")).bundle
    assert bundle.baseline.names == (*bundle.schema.names, "score:no", "score:yes")
    columns = bundle.baseline.columns
    assert (columns["amount"].rows, columns["score:yes"].rows) == (280, 120)


@pytest.mark.parametrize(("target", "metric"), [("fraud", "accuracy"), ("grade", "accuracy"), ("cost", "rmse")])
def test_a_bundle_estimates_what_it_measured_on_the_test_rows(
    target: str, metric: str, claims: pa.Table, claims_csv: Path, home: Path, tmp_path: Path
) -> None:
    result = train(config_for(claims_csv, tmp_path / "b", target))
    bundle = Bundle.open(result.bundle_path)
    assert bundle.estimator is not None
    assert bundle.manifest.entry("baseline/estimator.json").kind == "baseline"
    scores = Model.load(bundle).score(claims).probability.astype(np.float64)
    inputs = claims.select(list(bundle.schema.names)).append_column("score", pa.array(scores[:, 0]))
    rows = {"fraud": scores[:, -1], "grade": scores, "cost": inputs}[target]
    found = next(each for each in bundle.estimator.estimate(rows) if each.metric == metric)
    measured = result.metrics[metric]
    assert found.low <= measured.high
    assert found.high >= measured.low


def test_too_few_held_out_rows_make_a_bundle_without_an_estimator(claims: pa.Table, home: Path, tmp_path: Path) -> None:
    data = tmp_path / "few.parquet"
    pa.parquet.write_table(claims.slice(0, 200), data)
    assert train(config_for(data, tmp_path / "b", "cost")).bundle.estimator is None


def test_a_bundle_knows_its_inputs_together(claims: pa.Table, claims_csv: Path, home: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(train(config_for(claims_csv, tmp_path / "b")).bundle_path)
    reference = bundle.multivariate
    assert reference is not None
    assert bundle.manifest.entry("baseline/multivariate.json").kind == "baseline"
    assert {column.name for column in reference.encoding.columns} == set(bundle.schema.names)
    assert reference.rows == 280
    assert not MultivariateMonitor(reference).update(claims).report().drifted


def test_inputs_too_many_to_be_taken_together_make_no_reference(claims: pa.Table, home: Path, tmp_path: Path) -> None:
    data, rng = tmp_path / "wide.parquet", np.random.default_rng(1)
    for place in range(257):
        claims = claims.append_column(f"x{place}", pa.array(rng.normal(size=len(claims))))
    pa.parquet.write_table(claims, data)
    assert train(config_for(data, tmp_path / "b", model="linear")).bundle.multivariate is None


def test_lineage_leads_from_the_source_to_the_model(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    bundle = train(config_for(claims_csv, tmp_path / "b")).bundle
    lineage = bundle.read_json("lineage.json")
    assert {(edge["input"]["kind"], edge["output"]["kind"]) for edge in lineage["edges"]} == {
        ("dataset", "program"),
        ("program", "model"),
        ("dataset", "model"),
    }
    facts = lineage["facts"]
    assert facts["sources"]["files"][0]["name"] == claims_csv.name
    assert facts["split"] == {"method": "random, stratified, seed 0", "train": 280, "validation": 60, "test": 60}
    assert {column for feature in facts["features"] for column in feature["columns"]} == set(bundle.schema.names)
    assert facts["versions"]["onnxruntime"]


def test_the_card_tells_what_a_reader_must_know(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    config = config_for(claims_csv, tmp_path / "b", sensitive=("sex",), weight="trust", class_weight="balanced")
    card = train(config).bundle.read("card.md").decode()
    for text in (
        "`sex` is sensitive and a feature of the model",
        "Rows are weighted by `trust` in training",
        "Classes have equal total weight",
        "column `nothing` is left out",
        "| F (few rows) | ",
        "demographic_parity_difference",
    ):
        assert text in card
    assert "\n\n| F " not in card


def test_a_sensitive_column_can_be_kept_out_of_the_features(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    result = train(config_for(claims_csv, tmp_path / "b", sensitive=("sex",), exclude=("sex", "grade", "cost")))
    assert "sex" not in result.bundle.schema.names
    assert "`sex` is sensitive and not a feature of the model" in result.bundle.read("card.md").decode()
    model = Model.load(result.bundle)
    again = evaluate(model, read_labelled(claims_csv, model, sensitive=("sex",)), sensitive=("sex",))
    assert set(again.groups["sex"]["groups"]) == {"F", "M"}


def test_weights_change_the_model_and_a_weight_of_one_does_not(claims: pa.Table, home: Path, tmp_path: Path) -> None:
    ones = tmp_path / "ones.parquet"
    pa.parquet.write_table(claims.append_column("one", pa.array(np.full(len(claims), 3.0))), ones)
    plain, constant, weighted = (
        train(config_for(ones, tmp_path / str(weight), exclude=("grade", "cost", "one", "trust"), weight=weight)).bundle
        for weight in (None, "one", "trust")
    )
    assert plain.read("model.onnx") == constant.read("model.onnx")
    assert plain.read("model.onnx") != weighted.read("model.onnx")


def test_balanced_classes_raise_the_scores_of_the_rare_class(claims: pa.Table, home: Path, tmp_path: Path) -> None:
    rare = claims.filter(pa.array((np.array(claims["fraud"]) == "no") | (np.arange(len(claims)) % 5 == 0)))
    data = tmp_path / "rare.parquet"
    pa.parquet.write_table(rare, data)
    plain, balanced = (
        Model.load(train(config_for(data, tmp_path / str(mode), class_weight=mode)).bundle).score(rare).probability
        for mode in (None, "balanced")
    )
    assert balanced[:, 1].mean() > plain[:, 1].mean() + 0.1


def test_a_given_threshold_decides_the_labels(claims_csv: Path, claims: pa.Table, home: Path, tmp_path: Path) -> None:
    model = Model.load(train(config_for(claims_csv, tmp_path / "b", threshold=0.9)).bundle)
    scores = model.score(claims)
    assert model.threshold == 0.9
    assert [label == "yes" for label in scores.label] == (scores.probability[:, 1] >= 0.9).tolist()


def test_a_feature_spec_replaces_inference(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    spec = FeatureSpec(features=(NumericFeature(column="amount"), CategoryFeature(column="city")))
    assert train(config_for(claims_csv, tmp_path / "b", spec=spec)).bundle.schema.names == ("amount", "city")
    leaking = FeatureSpec(features=(NumericFeature(column="amount"), CategoryFeature(column="fraud")))
    with pytest.raises(DataError, match=r"without the target.*`fraud`"):
        train(config_for(claims_csv, tmp_path / "leak", spec=leaking))


def test_evaluation_of_the_test_rows_is_what_evaluate_says_of_them(
    claims: pa.Table, home: Path, tmp_path: Path
) -> None:
    data, late = tmp_path / "all.parquet", tmp_path / "late.parquet"
    pa.parquet.write_table(claims, data)
    result = train(config_for(data, tmp_path / "b", time="@row"))
    pa.parquet.write_table(claims.slice(len(claims) - result.evaluation.n), late)
    model = Model.load(result.bundle)
    again = evaluate(model, read_labelled(late, model))
    assert again.metrics == result.metrics
    assert again.confusion == result.evaluation.confusion


def test_progress_rises_from_nothing_to_done(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    train(config_for(claims_csv, tmp_path / "b"), progress=lambda stage, fraction: seen.append((stage, fraction)))
    fractions = [fraction for _, fraction in seen]
    assert (seen[0], seen[-1]) == (("read", 0.0), ("done", 1.0))
    assert fractions == sorted(fractions)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predictions_are_the_models_scores_in_file_order(
    suffix: str, claims_csv: Path, claims: pa.Table, home: Path, tmp_path: Path
) -> None:
    model = Model.load(train(config_for(claims_csv, tmp_path / "b")).bundle)
    output = tmp_path / f"out.{suffix}"
    result = predict(model, claims_csv, output, ids=("number",), block_rows=64)
    read = pa.csv.read_csv(output) if suffix == "csv" else pa.parquet.read_table(output)
    scores = model.score(claims)
    assert read.column_names == ["number", "label", "probability:no", "probability:yes"]
    assert read["number"].equals(claims["number"])
    assert read["label"].to_pylist() == scores.label
    assert np.array_equal(np.asarray(read["probability:yes"], np.float32), scores.probability[:, 1])
    assert (result.rows, sum(result.labels.values())) == (len(claims), len(claims))


def test_predictions_go_to_csv_or_parquet_only(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    model = Model.load(train(config_for(claims_csv, tmp_path / "b")).bundle)
    with pytest.raises(ConfigError, match=r"expected a name ending in \.csv or \.parquet"):
        predict(model, claims_csv, tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()


def test_options_that_contradict_each_other_are_refused(claims_csv: Path, tmp_path: Path) -> None:
    good = config_for(claims_csv, tmp_path / "b")
    for change in ({"threshold": 1.5}, {"seed": -1}, {"weight": "fraud"}, {"ids": ("fraud",)}, {"output": tmp_path}):
        with pytest.raises(ConfigError):
            replace(good, **change)
