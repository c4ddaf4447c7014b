"""Target encoding: exact sums in any order, the documented estimate, and no row that sees its own target."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import TargetEncoder

from mlops_runtime.core.errors import EmptyInputError, SchemaError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureSpec, FitState, fit_program, fit_transform
from mlops_runtime.features.fitting.folds import row_folds

SCHEMA = Schema((Column("key", "string"), Column("y", "number"), Column("label", "string")))


def spec(**options):
    entry = {"kind": "target", "column": "key", "target": "y", **options}
    return FeatureSpec.model_validate({"features": [entry]})


def encoded(program, keys):
    return program.transform(pa.table({"key": pa.array(keys, pa.utf8())})).dense[:, 0]


def estimate(rows, everything, smoothing):
    """(sum + m * mean) / (n + m) in exact arithmetic."""
    mean = Fraction(sum(map(Fraction, everything)), len(everything))
    return float((sum(map(Fraction, rows)) + Fraction(smoothing) * mean) / (len(rows) + Fraction(smoothing)))


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.floats(-1e300, 1e300)), min_size=1, max_size=30),
    st.floats(0.5, 100),
)
def test_a_key_is_drawn_to_the_mean_of_all_rows_as_by_smoothing_rows_of_it(rows, smoothing):
    keys, targets = zip(*rows, strict=True)
    table = pa.table({"key": pa.array(keys, pa.utf8()), "y": targets})
    program = fit_program(spec(smoothing=smoothing), table, SCHEMA.select(["key", "y"]))
    (values,) = (step.parameters for step in program.dense[0].expression.steps)
    ids = program.dense[0].expression.source.vocabulary
    scale = max(map(abs, targets)) * 1e-15
    for position, key in enumerate([None, "rare", "unseen", *ids.keys.to_pylist()]):
        own = [y for k, y in rows if k == key]
        assert values[position] == pytest.approx(estimate(own, targets, smoothing), rel=1e-14, abs=scale)


def test_unseen_keys_get_the_mean_and_missing_ones_are_a_key():
    table = pa.table({"key": ["a", "a", None, ""], "y": [1.0, 1.0, 0.0, 0.0]})
    program = fit_program(spec(smoothing=0.0), table, SCHEMA.select(["key", "y"]))
    assert encoded(program, ["a", "never", None, ""]).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_training_rows_get_the_estimate_of_the_other_folds():
    random = np.random.default_rng(4)
    keys, y = random.choice(["a", "b", "c"], 300), random.normal(size=300)
    table = pa.table({"key": keys, "y": y})
    _, matrices = fit_transform(spec(folds=4), table, SCHEMA.select(["key", "y"]), first_row=1000)
    folds = row_folds(np.arange(1000, 1300), 4)
    for row in range(0, 300, 7):
        rest = folds != folds[row]
        expected = estimate(y[rest & (keys == keys[row])].tolist(), y[rest].tolist(), 20.0)
        assert matrices.dense[row, 0] == np.float32(expected)


def test_a_key_without_meaning_tells_nothing_about_the_target_of_training_rows():
    random = np.random.default_rng(11)
    rows = 20_000
    table = pa.table({"key": random.integers(0, rows // 4, rows).astype(str), "y": random.normal(size=rows)})
    program, matrices = fit_transform(spec(smoothing=1.0), table, SCHEMA.select(["key", "y"]))
    y = table["y"].to_numpy()
    naive = np.corrcoef(program.transform(table).dense[:, 0], y)[0, 1]
    out_of_fold = np.corrcoef(matrices.dense[:, 0], y)[0, 1]
    assert naive > 0.4  # what a model would learn, and never see again
    assert abs(out_of_fold) < 4 / np.sqrt(rows)


def test_a_key_with_meaning_keeps_it():
    random = np.random.default_rng(12)
    keys = random.integers(0, 50, 20_000)
    table = pa.table({"key": keys.astype(str), "y": keys + random.normal(size=20_000)})
    _, matrices = fit_transform(spec(), table, SCHEMA.select(["key", "y"]))
    assert np.corrcoef(matrices.dense[:, 0], table["y"].to_numpy())[0, 1] > 0.99


def test_the_estimate_of_all_rows_is_the_one_of_scikit_learn():
    random = np.random.default_rng(13)
    keys, y = random.choice(["a", "b", "c", "d"], 1000, p=[0.7, 0.2, 0.09, 0.01]), random.normal(size=1000)
    peer = TargetEncoder(smooth=20.0, target_type="continuous").fit(keys[:, None], y)
    program = fit_program(spec(), pa.table({"key": keys, "y": y}), SCHEMA.select(["key", "y"]))
    expected = peer.transform(np.array([["a"], ["b"], ["c"], ["d"], ["never"]]))[:, 0]
    np.testing.assert_allclose(encoded(program, ["a", "b", "c", "d", "never"]), expected, rtol=1e-6)


def test_a_class_can_be_the_target():
    table = pa.table({"key": ["a", "a", "b", "b"], "label": ["yes", "no", "yes", None]})
    program = fit_program(spec(target="label", positive="yes", smoothing=0.0), table, SCHEMA.select(["key", "label"]))
    assert encoded(program, ["a", "b"]).tolist() == [0.5, 1.0]


@given(st.randoms(use_true_random=False))
def test_sums_of_any_targets_do_not_depend_on_their_order(random):
    generator = np.random.default_rng(random.randrange(2**32))
    y = generator.normal(size=200) * 10.0 ** generator.integers(-300, 300, 200)
    table = pa.table({"key": generator.choice(["a", "b", None], 200), "y": y})
    schema = SCHEMA.select(["key", "y"])
    states = []
    for begin in range(0, 200, 40):
        state = FitState(spec(), schema)
        state.update(table.slice(begin, 40), first_row=begin)
        states.append(state)
    random.shuffle(states)
    for state in states[1:]:
        states[0].merge(state)
    assert states[0].finish().document == fit_program(spec(), table, schema).document


@pytest.mark.parametrize("options", [{"target": "label"}, {"positive": "1"}])
def test_a_target_that_is_no_number_needs_its_positive_class(options):
    with pytest.raises(SchemaError, match="with `positive`: the one that counts as 1"):
        FitState(spec(**options), SCHEMA)


def test_rows_without_a_target_are_left_out_and_some_must_have_one():
    table = pa.table({"key": ["a", "a", "b"], "y": [1.0, None, np.inf]})
    schema = SCHEMA.select(["key", "y"])
    assert encoded(fit_program(spec(smoothing=0.0), table, schema), ["a", "b"]).tolist() == [1.0, 1.0]
    with pytest.raises(EmptyInputError, match="rows with a target `y`"):
        fit_program(spec(), table.slice(1), schema)
