"""Feature specifications: strict, and the same in Python and YAML."""

import pytest
from pydantic import ValidationError

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.features.spec import (
    FEATURE_KINDS,
    BucketFeature,
    CategoryFeature,
    Combination,
    DateFeature,
    FeatureSpec,
    FrequencyFeature,
    HashFeature,
    ListFeature,
    NgramFeature,
    NumericFeature,
    OneHotFeature,
    TargetFeature,
)

EVERY_KIND = (
    NumericFeature(combine=Combination(left="a", operation="divide", right="b"), clip=(0.0, 1.0), winsorise=(0.0, 0.9)),
    CategoryFeature(column="c"),
    OneHotFeature(column="c", name="colour"),
    FrequencyFeature(column="c", scale="standard"),
    TargetFeature(column="c", target="y", positive="yes"),
    HashFeature(columns=("a", "c"), buckets=7, seed=2**53 - 1),
    BucketFeature(column="a", method="edges", edges=(0.0, 1.0)),
    DateFeature(column="t", parts=("year", "hour"), zone="Asia/Dubai", cyclic=True),
    NgramFeature(column="c", tokens="characters", shortest=2, longest=3, output="bag"),
    ListFeature(column="l", output="counts"),
)


def test_a_specification_survives_yaml():
    spec = FeatureSpec(
        features=(
            NumericFeature(column="age", impute="constant", constant=-1.5, indicator=True),
            CategoryFeature(column="Straße: \n x", min_count=3),
        )
    )
    assert FeatureSpec.from_yaml(spec.to_yaml()) == spec


@pytest.mark.parametrize("feature", EVERY_KIND, ids=lambda feature: feature.kind)
def test_every_kind_survives_yaml(feature):
    spec = FeatureSpec(features=(feature,))
    assert FeatureSpec.from_yaml(spec.to_yaml()) == spec


def test_every_kind_is_tested_here():
    assert {feature.kind for feature in EVERY_KIND} == set(FEATURE_KINDS)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("features: [{kind: numeric, column: a, typo: 1}]", r"entry 1 \(numeric of `a`\), `typo`"),
        ("features: [{kind: list, column: t}, {kind: numeric, column: a, impute: foo}]", "entry 2 .*, `impute`"),
        ("features: [{kind: category, column: a, min_count: 0}]", "`min_count`"),
        ("features: [{kind: numeric, column: a, constant: .nan}]", "`constant`"),
        ("features: [{kind: numeric}]", "either `column` or `combine`"),
        ("features: [{kind: numeric, column: a, combine: {left: a, operation: add, right: b}}]", "either `column`"),
        ("features: [{kind: numeric, combine: {left: a, operation: power, right: b}}]", "`combine`, `operation`"),
        ("features: [{kind: numeric, column: a, clip: [2, 1]}]", "`clip` has its lower bound first"),
        ("features: [{kind: numeric, column: a, winsorise: [0.5, 1.5]}]", "two quantiles"),
        ("features: [{kind: target, column: a, target: a}]", "another column"),
        ("features: [{kind: hash, columns: []}]", "`columns`"),
        ("features: [{kind: hash, columns: [a, a]}]", "a column twice"),
        ("features: [{kind: hash, columns: [a], seed: -1}]", "`seed`"),
        ("features: [{kind: bucket, column: a, method: edges}]", "`edges`"),
        ("features: [{kind: bucket, column: a, edges: [1]}]", "and only then"),
        ("features: [{kind: bucket, column: a, method: edges, edges: [1, 1]}]", "increase strictly"),
        ("features: [{kind: date, column: a, parts: [month, moon]}]", "`parts`"),
        ("features: [{kind: date, column: a, parts: [day, day]}]", "a part twice"),
        ("features: [{kind: date, column: a, zone: Mars/Olympus}]", "IANA"),
        ("features: [{kind: date, column: a, zone: /etc/passwd}]", "IANA"),
        ("features: [{kind: ngram, column: a, shortest: 3, longest: 2}]", "`shortest` is at most"),
        ("features: [{kind: ngram, column: a, buckets: 100000}]", 'need output "bag"'),
        ("features: [{kind: list, column: a, max_size: 100000}]", 'needs output "bag"'),
        ("features: [{kind: hashed, column: a}]", "entry 1 .hashed of `a`.*'bucket', 'category'"),
        ("features: [{column: a}]", r"entry 1 \(of `a`\)"),
        ("features: [7]", "entry 1: "),
        (
            "features: [{kind: category, column: a}, {kind: numeric, column: a}]",
            "features make `a`: give .* `name`",
        ),
        ("features: []", "features"),
        ("features: 1", "features"),
        ("[1, 2", "expected"),
        ("42", "the document"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, place):
    with pytest.raises(ConfigError, match=rf"my\.yaml: expected `features:` .*numeric, one_hot.*{place}"):
        FeatureSpec.from_yaml(text, where="my.yaml")


def test_several_features_read_one_column_under_names_of_their_own():
    spec = FeatureSpec(
        features=(
            NumericFeature(column="age"),
            NumericFeature(column="age", name="age, ranked", scale="rank_gauss"),
            BucketFeature(column="age"),
            DateFeature(column="age"),
            TargetFeature(column="city", target="y"),
        )
    )
    assert [feature.output_name for feature in spec.features][:4] == ["age", "age, ranked", "age:bucket", "age"]
    assert (spec.columns, spec.target_columns) == (("age", "city"), ("y",))


def test_yaml_cannot_make_python_objects():
    with pytest.raises(ConfigError, match="constructor"):
        FeatureSpec.from_yaml("features: !!python/object/apply:os.getcwd []")


def test_a_specification_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        NumericFeature(column="a").column = "b"


def test_an_unreadable_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        FeatureSpec.load(tmp_path / "absent.yaml")
