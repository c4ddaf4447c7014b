"""The main job: from a data file to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.features import FeatureProgram
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.performance.metrics import Interval, choose_threshold, read_groups
from mlops_runtime.monitoring.performance.score_columns import score_columns
from mlops_runtime.registry import Bundle, BundleContents, Scorer, write_bundle
from mlops_runtime.training.candidates import Candidate, fit_candidate
from mlops_runtime.training.card import write_card
from mlops_runtime.training.config import TrainConfig
from mlops_runtime.training.estimator import fit_estimator
from mlops_runtime.training.evaluation import Evaluation, Judged, judge
from mlops_runtime.training.gates import GateReport, check_gates, default_gates
from mlops_runtime.training.lineage import training_edges, training_facts
from mlops_runtime.training.models import ModelKind, kinds_to_try
from mlops_runtime.training.multivariate import fit_multivariate
from mlops_runtime.training.outcome import Outcome
from mlops_runtime.training.prepare import Prepared, prepare

__all__ = ["TrainResult", "train"]

Progress = Callable[[str, float], None]

_FIT_FROM, _FIT_TO = 0.35, 0.8


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A finished job. candidates: validation loss (log loss or RMSE) of each model kind tried; the least was kept."""

    bundle: Bundle
    model_kind: ModelKind
    evaluation: Evaluation
    gates: GateReport
    candidates: dict[ModelKind, float]
    notes: tuple[str, ...]
    timings_s: dict[str, float]

    @property
    def bundle_path(self) -> Path:
        """Where the bundle was written."""
        return self.bundle.path

    @property
    def metrics(self) -> dict[str, Interval]:
        """Metrics on the test rows."""
        return self.evaluation.metrics

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "bundle": str(self.bundle.path),
            "digest": self.bundle.digest,
            "name": self.bundle.manifest.name,
            "model": self.model_kind,
            "candidates": self.candidates,
            "gates": self.gates.to_dict(),
            "timings_s": self.timings_s,
            **self.evaluation.to_dict(),
            "notes": list(self.notes),
        }


class _Stages:
    """Passes progress on and keeps the seconds each stage took."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._name = ""
        self._since_s = monotonic_s()
        self.timings_s: dict[str, float] = {}

    def __call__(self, name: str, fraction: float) -> None:
        if self._name:
            self.timings_s[self._name] = round(monotonic_s() - self._since_s, 3)
        self._name, self._since_s = name, monotonic_s()
        if self._progress is not None:
            self._progress(name, fraction)


def train(config: TrainConfig, *, progress: Progress | None = None) -> TrainResult:
    """Read, split, fit the feature program and the model, evaluate on the test rows, and write the bundle.

    progress: called with a stage's name and the fraction of the whole done so far. A failed gate does not raise: see
    `TrainResult.gates`. Raises DataError for data no model can be fitted on, ConfigError when the output exists or a
    library is missing; nothing is written then.
    """
    stages = _Stages(progress)
    kinds = kinds_to_try(config.model)
    prepared = prepare(config, stages)
    candidates = _fit(kinds, prepared, stages)
    chosen = min(candidates, key=lambda candidate: candidate.validation_loss)
    stages("evaluate", _FIT_TO)
    score = Scorer(chosen.onnx).run(prepared.matrices.dense, prepared.matrices.sparse)
    evaluation = _evaluate(config, prepared, score)
    limits = default_gates(evaluation.task) if config.gates is None else config.gates
    gates = check_gates(limits, evaluation)
    stages("baseline", 0.9)
    baseline = _baseline(prepared, score)
    estimator = fit_estimator(prepared, score, evaluation.threshold, seed=config.seed)
    together = fit_multivariate(prepared, baseline, seed=config.seed)
    notes = (*prepared.notes, *together.notes)
    stages("write", 0.95)
    losses = {candidate.kind: candidate.validation_loss for candidate in candidates}
    facts = training_facts(config, prepared, stages.timings_s)
    outcome = Outcome(config, prepared, chosen, losses, evaluation, gates, facts, notes)
    contents = _contents(outcome, baseline)
    bundle = write_bundle(config.output, replace(contents, estimator=estimator, multivariate=together.reference))
    stages("done", 1.0)
    return TrainResult(bundle, chosen.kind, evaluation, gates, losses, notes, stages.timings_s)


def _fit(kinds: Sequence[ModelKind], prepared: Prepared, stages: _Stages) -> list[Candidate]:
    train_samples = prepared.samples(prepared.split.train)
    validation = prepared.samples(prepared.split.validation)
    fitted = []
    for position, kind in enumerate(kinds):
        stages(f"fit {kind}", _FIT_FROM + (_FIT_TO - _FIT_FROM) * position / len(kinds))
        fitted.append(fit_candidate(kind, prepared.problem, train_samples, validation))
    return fitted


def _evaluate(config: TrainConfig, prepared: Prepared, score: NDArray[np.float32]) -> Evaluation:
    """Choose the threshold on the validation rows, then judge the test rows."""
    target, validation, test = prepared.target, prepared.split.validation, prepared.split.test
    threshold = None
    if target.task == "binary":
        threshold = config.threshold
        if threshold is None:
            threshold = choose_threshold(target.values[validation] == 1.0, score[validation, 1])
    judged = Judged(target.task, target.classes, threshold, target.values[test], score[test])
    rows = prepared.table.take(pa.array(test))
    groups = [read_groups(rows.column(name), column=name) for name in config.sensitive]
    return judge(judged, groups=groups, seed=config.seed, notes=prepared.notes)


def _baseline(prepared: Prepared, score: NDArray[np.float32]) -> Baseline:
    """Summarise the training rows' inputs, and the held-out rows' scores: on its training rows a model is too sure.

    Integers that the model knows as keys alone are categories.
    """
    inputs = prepared.table.select(list(prepared.program.schema.names)).take(pa.array(prepared.split.train))
    held_out = score[np.concatenate([prepared.split.validation, prepared.split.test])]
    scores = pa.table(score_columns(prepared.target.classes, held_out))
    of_inputs = Baseline.fit(inputs, categorical=_integer_keys(prepared.program))
    of_scores = Baseline.fit(scores)
    return Baseline({**of_inputs.columns, **of_scores.columns}, of_inputs.skipped)


def _integer_keys(program: FeatureProgram) -> list[str]:
    readings = [reading for output in program.outputs for reading in output.reads]
    values = {reading.column for reading in readings if reading.how != "code"}
    keys = {reading.column for reading in readings} - values
    return [column.name for column in program.schema.columns if column.kind == "integer" and column.name in keys]


def _contents(outcome: Outcome, baseline: Baseline) -> BundleContents:
    config, prepared, evaluation = outcome.config, outcome.prepared, outcome.evaluation
    return BundleContents(
        name=config.bundle_name,
        task=evaluation.task,
        model_kind=outcome.chosen.kind,
        target=config.target,
        classes=prepared.target.classes,
        threshold=evaluation.threshold,
        schema=prepared.program.schema,
        model_onnx=outcome.chosen.onnx,
        program=prepared.program,
        baseline=baseline,
        metrics=evaluation.to_dict(),
        gates=outcome.gates.to_dict(),
        card=write_card(outcome),
        lineage=training_edges(config, prepared, outcome.chosen),
        facts=outcome.facts,
    )
