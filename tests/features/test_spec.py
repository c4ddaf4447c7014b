"""Feature specifications: strict, and the same in Python and YAML."""

import pytest
from pydantic import ValidationError

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.features import CategoryFeature, FeatureSpec, NumericFeature


def test_a_specification_survives_yaml():
    spec = FeatureSpec(
        features=(
            NumericFeature(column="age", impute="constant", constant=-1.5, indicator=True),
            CategoryFeature(column="Straße: \n x", min_count=3),
        )
    )
    assert FeatureSpec.from_yaml(spec.to_yaml()) == spec


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("features: [{kind: numeric, column: a, typo: 1}]", r"features\.0\.numeric\.typo"),
        ("features: [{kind: numeric, column: a, impute: mode}]", r"features\.0\.numeric\.impute"),
        ("features: [{kind: category, column: a, min_count: 0}]", r"features\.0\.category\.min_count"),
        ("features: [{kind: numeric, column: a, constant: .nan}]", r"features\.0\.numeric\.constant"),
        ("features: [{kind: hashed, column: a}]", r"features\.0"),
        ("features: [{kind: category, column: a}, {kind: numeric, column: a}]", "'a' is used more than once"),
        ("features: []", "features"),
        ("[1, 2", "expected"),
        ("42", "the document"),
    ],
)
def test_a_mistake_is_named_with_its_place(text, place):
    with pytest.raises(ConfigError, match=rf"my\.yaml: .*{place}"):
        FeatureSpec.from_yaml(text, where="my.yaml")


def test_yaml_cannot_make_python_objects():
    with pytest.raises(ConfigError, match="constructor"):
        FeatureSpec.from_yaml("features: !!python/object/apply:os.getcwd []")


def test_a_specification_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        NumericFeature(column="a").column = "b"


def test_an_unreadable_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        FeatureSpec.load(tmp_path / "absent.yaml")
