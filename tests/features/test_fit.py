"""Fitting as a whole: one pass, in parts, in any order, in other threads and processes, to one program."""

import contextlib
import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, EmptyInputError, IntegrityError, SchemaError
from mlops_runtime.data import Column, Schema, open_source
from mlops_runtime.features import (
    CategoryFeature,
    FeatureSpec,
    FitState,
    NumericFeature,
    fit_program,
    fit_source,
    fit_transform,
)

SCHEMA = Schema(
    (
        Column("n", "number"),
        Column("c", "string"),
        Column("i", "integer"),
        Column("t", "timestamp"),
        Column("l", "string_list"),
        Column("y", "number"),
        Column("label", "string"),
    )
)
SPEC = FeatureSpec.from_yaml("""
features:
  - {kind: numeric, column: n}
  - {kind: numeric, name: n log, column: n, clip: [-10, 10], transform: signed_log1p}
  - {kind: numeric, name: n power, column: n, impute: mode, winsorise: [0.01, 0.99], transform: yeo_johnson}
  - {kind: numeric, name: n robust, column: n, impute: mean, scale: robust}
  - {kind: numeric, name: n rank, column: n, scale: rank_gauss}
  - {kind: numeric, name: n range, column: n, impute: constant, scale: min_max}
  - {kind: numeric, combine: {left: n, operation: divide, right: y}, clip: [-1.0e+9, 1.0e+9]}
  - {kind: numeric, name: age, column: t, impute: mean}
  - {kind: category, column: c, min_count: 2, max_size: 3}
  - {kind: category, column: i}
  - {kind: one_hot, column: c, max_size: 2}
  - {kind: frequency, column: i, scale: standard}
  - {kind: target, column: c, target: y}
  - {kind: target, name: i label, column: i, target: label, positive: "yes", folds: 3}
  - {kind: hash, columns: [c, i], buckets: 100}
  - {kind: bucket, column: n, bins: 8}
  - {kind: bucket, name: n uniform, column: n, method: uniform, bins: 5}
  - {kind: date, column: t, parts: [year, month, hour], zone: Europe/Berlin, cyclic: true}
  - {kind: ngram, column: c, tokens: characters, longest: 2, buckets: 8}
  - {kind: list, column: l, max_size: 3}
  - {kind: list, name: l bag, column: l, output: bag}
""")


def table(rows, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.normal(size=rows) * 10.0 ** random.integers(-300, 300, rows)
    lists = [None if random.random() < 0.1 else random.choice(["p", "q", "r", "s"], 3).tolist() for _ in range(rows)]
    begin = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    return pa.table(
        {
            "n": pa.array(np.where(random.random(rows) < 0.1, np.nan, numbers)),
            "c": pa.array(random.choice(["a", "b", "c", "d", "é", ""], rows)).dictionary_encode(),
            "i": pa.array(2**60 + random.integers(0, 4, rows), mask=random.random(rows) < 0.1),
            "t": pa.array(begin + random.integers(0, 2**50, rows)).cast(pa.timestamp("us", "UTC")),
            "l": pa.array(lists, pa.list_(pa.utf8())),
            "y": pa.array(random.normal(size=rows), mask=random.random(rows) < 0.1),
            "label": pa.array(random.choice(["yes", "no"], rows)),
        }
    )


WHOLE = table(500)


def state_of(begin, end):
    state = FitState(SPEC, SCHEMA)
    state.update(WHOLE.slice(begin, end - begin), first_row=begin)
    return state


def bytes_of_part(bounds):
    return state_of(*bounds).to_bytes()


@given(st.lists(st.integers(0, 500), max_size=5), st.randoms(use_true_random=False))
def test_parts_merge_to_the_program_of_the_whole(cuts, random):
    states = [state_of(begin, end) for begin, end in itertools.pairwise(sorted({0, 500, *cuts}))]
    random.shuffle(states)
    for state in states[1:]:
        states[0].merge(state)
    assert states[0].finish().document == fit_program(SPEC, WHOLE, SCHEMA).document


def test_parts_fitted_in_other_processes_merge_to_the_program_of_the_whole():
    bounds = list(itertools.pairwise([0, 90, 91, 300, 500]))
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        states = [FitState.from_bytes(data) for data in pool.map(bytes_of_part, bounds)]
        pickled = list(pool.map(state_of, *zip(*bounds, strict=True)))
    for first, *others in (states[::-1], pickled):
        for other in others:
            first.merge(other)
        assert first.finish() == fit_program(SPEC, WHOLE, SCHEMA)


def test_parts_fitted_in_threads_merge_to_the_program_of_the_whole():
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda begin: state_of(begin, begin + 50), range(0, 500, 50))
    for other in others:
        first.merge(other)
    assert first.finish() == fit_program(SPEC, WHOLE, SCHEMA)


def test_the_pieces_of_a_large_table_are_the_table_at_any_number_of_threads():
    table = pa.concat_tables([WHOLE] * 300).slice(0, 2 * 65_536 + 1)
    before = _native.thread_count()
    try:
        programs = []
        for threads in (1, 2, 3):
            _native.set_thread_count(threads)
            programs.append(fit_program(SPEC, table, SCHEMA))
    finally:
        _native.set_thread_count(before)
    assert programs[1] == programs[2] == programs[0]
    assert programs[0].rows == table.num_rows


def test_a_state_goes_on_after_its_journey():
    state = FitState.from_bytes(state_of(0, 200).to_bytes())
    state.update(WHOLE.slice(200), first_row=200)
    assert state.finish() == fit_program(SPEC, WHOLE, SCHEMA)


def test_a_source_of_files_is_fitted_batch_by_batch(tmp_path):
    for number, begin in enumerate(range(0, 500, 200)):
        pq.write_table(WHOLE.slice(begin, 200), tmp_path / f"{number}.parquet", row_group_size=64)
    source = open_source(tmp_path / "*.parquet", schema=SCHEMA)
    assert fit_source(SPEC, source) == fit_program(SPEC, WHOLE, SCHEMA)


def test_rows_left_out_do_not_change_where_the_others_stand():
    keep = np.flatnonzero(np.random.default_rng(3).random(500) < 0.5)
    at_once = FitState(SPEC, SCHEMA)
    at_once.update(WHOLE.take(keep), first_row=int(keep[0]), ordinals=keep)
    one_by_one = FitState(SPEC, SCHEMA)
    for row in keep.tolist():
        one_by_one.update(WHOLE.slice(row, 1), first_row=row)
    assert at_once.finish() == one_by_one.finish()


def test_features_of_one_column_share_what_is_collected():
    alone = len(FitState(FeatureSpec(features=(CategoryFeature(column="c"),)), SCHEMA).to_bytes())
    kinds = "category, column: c", "one_hot, name: o, column: c", "frequency, column: c"
    spec = FeatureSpec.from_yaml("features:\n" + "".join(f"  - {{kind: {kind}}}\n" for kind in kinds))
    state = FitState(spec, SCHEMA)
    assert len(state.to_bytes()) < alone + 300  # two more features in the header, no more counts


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:40], lambda b: b[:-1], lambda b: b + b"\0"])
def test_bytes_that_are_no_state_are_refused(damage):
    with pytest.raises(IntegrityError, match=r"FitState\.from_bytes"):
        FitState.from_bytes(damage(state_of(0, 50).to_bytes()))


@given(st.data())
def test_a_damaged_state_is_refused_or_read_but_never_anything_else(data):
    whole = bytearray(state_of(0, 20).to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(IntegrityError):
        assert isinstance(FitState.from_bytes(bytes(whole)), FitState)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("numeric, column: x", "string"),
        ("category, column: x", "timestamp"),
        ("date, column: x", "number"),
        ("ngram, column: x", "number"),
        ("list, column: x", "string"),
    ],
)
def test_a_feature_of_the_wrong_kind_is_refused(entry, kind):
    spec = FeatureSpec.from_yaml(f"features: [{{kind: {entry}}}]")
    with pytest.raises(SchemaError, match=r"feature `x.*expected a column of kind"):
        FitState(spec, Schema((Column("x", kind),)))


def test_a_feature_of_an_unknown_column_is_refused():
    with pytest.raises(SchemaError, match="expected column `y`"):
        FitState(FeatureSpec(features=(NumericFeature(column="y"),)), Schema((Column("x", "number"),)))


def test_a_table_without_rows_is_refused():
    with pytest.raises(EmptyInputError, match="rows to fit on"):
        fit_program(SPEC, WHOLE.slice(0, 0), SCHEMA)


def test_states_of_different_specifications_do_not_merge():
    other = FeatureSpec(features=SPEC.features[:2])
    with pytest.raises(ConfigError, match="same specification"):
        FitState(SPEC, SCHEMA).merge(FitState(other, SCHEMA))


def test_an_indicator_that_collides_with_a_column_is_refused():
    spec = FeatureSpec(features=(NumericFeature(column="x"), NumericFeature(column="x:missing")))
    with pytest.raises(ConfigError, match="`x:missing` twice"):
        fit_program(
            spec,
            pa.table({"x": [1, None], "x:missing": [1, 2]}),
            Schema((Column("x", "number"), Column("x:missing", "number"))),
        )


def test_the_program_reads_no_target():
    program, matrices = fit_transform(SPEC, WHOLE, SCHEMA)
    assert "label" not in program.schema.names
    again = program.transform(WHOLE.drop_columns("label"))
    differing = (again.dense != matrices.dense).any(axis=0) & ~np.isnan(again.dense).any(axis=0)
    assert [program.dense_names[at] for at in np.flatnonzero(differing)] == ["c:target", "i label"]
    np.testing.assert_array_equal(again.sparse, matrices.sparse)


def test_a_column_without_any_value_is_fitted():
    nothing = pa.table({name: pa.nulls(3, WHOLE.schema.field(name).type) for name in SCHEMA.names})
    nothing = nothing.set_column(5, "y", pa.array([1.0, 2.0, 3.0]))
    nothing = nothing.set_column(6, "label", pa.array(["yes", "no", "no"]))
    program = fit_program(SPEC, nothing, SCHEMA)
    assert np.isfinite(program.transform(WHOLE).dense).all()
