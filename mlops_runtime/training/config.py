"""What a training job is asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data import DataPath
from mlops_runtime.features import FeatureSpec
from mlops_runtime.training.gates import Gate
from mlops_runtime.training.models import ModelKind

__all__ = ["ROW_ORDER", "TrainConfig"]

ROW_ORDER = "@row"  # `time` for files whose rows are in time order already


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training job: data, a target column, and where the bundle goes.

    data: a file, folder, glob or URL, as for `open_source`. model: a kind, or "auto" for the one with the least
    validation loss. time: the column that orders rows, or "@row"; without it the split is random. ids, exclude: columns
    that are no features (nor are target, weight and time). sensitive: columns to report by group; they stay features
    unless excluded. threshold: of the positive class; by default the one with the best macro F1 on the validation rows.
    spec: features as declared instead of inferred. gates: limits to keep, () for none; by default the model must be
    better than guessing.
    Raises ConfigError for options that contradict each other.
    """

    data: DataPath
    target: str
    output: Path
    model: ModelKind | Literal["auto"] = "gbdt"
    name: str = ""
    task: Literal["auto", "classification", "regression"] = "auto"
    time: str | None = None
    ids: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    weight: str | None = None
    class_weight: Literal["balanced"] | None = None
    threshold: float | None = None
    spec: FeatureSpec | None = None
    gates: tuple[Gate, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            raise ConfigError(
                f"threshold: expected a probability in 0..1, got {self.threshold:g} — pass 0.5, for example"
            )
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"seed: expected 0 <= seed < 2^31, got {self.seed} — pass a small whole number")
        if self.target in (self.weight, self.time, *self.ids, *self.exclude, *self.sensitive):
            raise ConfigError(
                problem(
                    expected="the target in no other role",
                    got=f"`{self.target}` as id, weight, time, sensitive or excluded column too",
                    where="training options",
                    next_step="leave it out there",
                )
            )
        if self.output.exists():
            raise ConfigError(f"{self.output}: exists already — choose another place or remove it first")

    @property
    def bundle_name(self) -> str:
        """The model's name in the registry: `name`, or one made from the output folder's."""
        made = re.sub(r"[^A-Za-z0-9._-]+", "-", self.output.name).lstrip("-._")
        return self.name or made or "model"

    @property
    def not_features(self) -> tuple[str, ...]:
        """Columns that have another role than feature."""
        roles = (*self.exclude, *self.ids, self.weight, None if self.time == ROW_ORDER else self.time)
        return tuple(dict.fromkeys(name for name in roles if name is not None))
