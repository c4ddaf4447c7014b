"""Models learn from every kind of feature that makes a matrix, and target encodings do not leak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.features import FeatureSpec, ListFeature, NgramFeature, TargetFeature
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.training import TrainConfig, train
from mlops_runtime.training.prepare import prepare

EVERY_MATRIX_KIND = """
features:
  - {kind: numeric, column: amount, transform: yeo_johnson, winsorise: [0.01, 0.99]}
  - {kind: numeric, combine: {left: amount, operation: divide, right: number}, scale: rank_gauss}
  - {kind: category, column: city}
  - {kind: one_hot, column: city}
  - {kind: frequency, column: city}
  - {kind: target, column: city, target: fraud, positive: "yes"}
  - {kind: hash, columns: [city, sex], buckets: 16}
  - {kind: bucket, column: amount, bins: 4}
  - {kind: ngram, column: city, tokens: characters, buckets: 8}
  - {kind: list, column: tags}
"""


@pytest.fixture
def data(claims: pa.Table, tmp_path: Path) -> Path:
    tags = [["a", "b", "c"][: position % 4] for position in range(len(claims))]
    pa.parquet.write_table(claims.append_column("tags", pa.array(tags)), tmp_path / "claims.parquet")
    return tmp_path / "claims.parquet"


@pytest.mark.parametrize("kind", ["gbdt", "linear", "mlp"])
def test_a_model_learns_from_every_kind_of_feature(kind: str, data: Path, home: Path, tmp_path: Path) -> None:
    spec = FeatureSpec.from_yaml(EVERY_MATRIX_KIND)
    config = TrainConfig(data=data, target="fraud", output=tmp_path / "b", model=kind, spec=spec)
    bundle = Bundle.open(train(config).bundle_path)
    rows = pa.parquet.read_table(data)
    scores = Model.load(bundle).score(rows)
    assert scores.probability.shape == (len(rows), 2)
    assert bundle.schema.names == ("amount", "number", "city", "sex", "tags")
    sources = {
        feature["name"]: feature["columns"] for feature in json.loads(bundle.read("lineage.json"))["facts"]["features"]
    }
    assert sources["amount / number"] == ["amount", "number"]


def test_a_target_encoding_tells_no_training_row_its_own_target(home: Path, tmp_path: Path) -> None:
    rows = 400
    target = np.random.default_rng(3).permutation(rows) % 2
    table = pa.table({"key": [f"k{position}" for position in range(rows)], "target": target})
    pa.parquet.write_table(table, tmp_path / "keys.parquet")
    spec = FeatureSpec(features=(TargetFeature(column="key", target="target", smoothing=0.0),))
    config = TrainConfig(data=tmp_path / "keys.parquet", target="target", output=tmp_path / "b", spec=spec)
    prepared = prepare(config, lambda stage, fraction: None)
    learned = prepared.samples(prepared.split.train)
    full = prepared.program.transform(prepared.table).dense[prepared.split.train, 0]
    np.testing.assert_array_equal(full, learned.target)  # keys seen once: the full encoding is the target itself
    for encoded in np.unique(learned.dense):
        assert set(learned.target[learned.dense[:, 0] == encoded]) == {0.0, 1.0}


@pytest.mark.parametrize(
    "feature", [ListFeature(column="tags", output="bag"), NgramFeature(column="city", output="bag")]
)
def test_bags_are_refused_before_anything_is_fitted(
    feature: ListFeature | NgramFeature, data: Path, home: Path, tmp_path: Path
) -> None:
    config = TrainConfig(data=data, target="fraud", output=tmp_path / "b", spec=FeatureSpec(features=(feature,)))
    with pytest.raises(ConfigError, match=f"bags of ids: `{feature.output_name}` — no model kind reads bags"):
        train(config)
    assert not (tmp_path / "b").exists()
