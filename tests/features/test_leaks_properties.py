"""The leak check against its definition, on training sets whose values come from anywhere."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from join_cases import (
    ENTITY_TIME,
    FEATURES,
    JoinCase,
    Row,
    TableCase,
    canonical,
    expected_by_loop,
    join_cases,
    rows_of_key,
)

from mlops_runtime.features.join import join
from mlops_runtime.features.leaks import find_leaks

PLAIN = {"id": pa.int64(), **{name: types[0] for name, (_, types) in FEATURES.items()}}
ALL = 10**6

Finding = tuple[int, str, str, tuple[str, ...], int | None, int | None]


def training_set(case: JoinCase, recorded: dict[str, list[Any]]) -> pa.Table:
    columns = {name: pa.array(values, PLAIN[name.partition("__")[2]]) for name, values in recorded.items()}
    return pa.table({**dict(zip(case.frame.column_names, case.frame.columns, strict=True)), **columns})


@st.composite
def recordings(draw: st.DrawFn, case: JoinCase) -> dict[str, list[Any]]:
    """Make recorded columns: some lost, the values those of the join, of any feature row, of one, or of none."""
    recorded = expected_by_loop(case)
    for table in case.tables:
        for row in range(len(case.rows)):
            source = draw(st.sampled_from([None, {}, *table.rows]))
            if source is None:
                continue
            names = draw(st.sampled_from([table.features, *[(name,) for name in table.features]]))
            for name in names:
                recorded[f"{table.name}__{name}"][row] = source.get(name)
    lost = draw(st.sets(st.sampled_from(case.names), max_size=len(case.names) - 1))
    return {name: values for name, values in recorded.items() if name not in lost}


def expected_findings(case: JoinCase, recorded: dict[str, list[Any]]) -> set[Finding]:
    right = expected_by_loop(case)
    found = set()
    for table in case.tables:
        names = [name for name in table.features if f"{table.name}__{name}" in recorded]
        for row, entity in enumerate(case.rows):
            ours = {name: canonical(recorded[f"{table.name}__{name}"][row]) for name in names}
            wrong = tuple(name for name in names if ours[name] != right[f"{table.name}__{name}"][row])
            if wrong:
                found |= {(row, table.name, *rest) for rest in explanations(entity, table, ours, wrong)}
    return found


def explanations(entity: Row, table: TableCase, ours: Row, wrong: tuple[str, ...]) -> list[tuple[Any, ...]]:
    whole = explanation(entity, table, ours)
    if whole[0] != "unexplained" or len(ours) == 1:
        return [(whole[0], wrong, *whole[1:])]
    if entity[ENTITY_TIME] is None or any(canonical(entity[key]) is None for key in table.keys):
        return [("unexplained", wrong, None, None)]
    by_name = {name: explanation(entity, table, {name: ours[name]}) for name in wrong}
    return [
        (found[0], tuple(name for name in wrong if by_name[name] == found), *found[1:]) for found in by_name.values()
    ]


def explanation(entity: Row, table: TableCase, ours: Row) -> tuple[str, int | None, int | None]:
    """Return (kind, event, available): of the rows in time the latest, else the first that was available."""
    if all(value is None for value in ours.values()):
        return "missing", None, None
    holders = [
        found
        for found in rows_of_key(entity, table)
        if all(canonical(table.rows[found[2]][name]) == value for name, value in ours.items())
    ]
    if not holders:
        return "unexplained", None, None
    time = entity[ENTITY_TIME]
    in_time = [found for found in holders if max(found[:2]) <= time]
    if in_time:
        event, known, _ = max(in_time)
        fresh = table.ttl_us is None or time - event <= table.ttl_us
        return "superseded" if fresh else "stale", event, max(event, known)
    event, known, _ = min(holders, key=lambda found: (max(found[:2]), found[0], found[2]))
    return "late" if event <= time else "future", event, max(event, known)


@given(st.data(), join_cases())
def test_every_wrong_value_is_found_and_explained_as_defined(data: st.DataObject, case: JoinCase) -> None:
    recorded = data.draw(recordings(case))
    tables = [table.to_feature_table() for table in case.tables]
    report = find_leaks(training_set(case, recorded), tables, entity_time=ENTITY_TIME, limit=ALL)
    found = [(leak.row, leak.table, leak.kind, leak.features, leak.event, leak.available) for leak in report.listed]
    assert len(found) == len(set(found))
    assert set(found) == expected_findings(case, recorded)
    for kind in report.counts:
        assert report.rows(kind).tolist() == sorted({row for row, _, of_kind, *_ in found if of_kind == kind})


@given(join_cases())
def test_what_a_join_made_is_clean(case: JoinCase) -> None:
    tables = [table.to_feature_table() for table in case.tables]
    joined = join(case.frame, tables, entity_time=ENTITY_TIME).table
    through_pandas = joined  # its features alone: whole numbers beside missing ones become floats, which are no keys
    for name, values in joined.select(case.names).to_pandas().items():
        place = joined.column_names.index(name)
        through_pandas = through_pandas.set_column(place, name, pa.array(values, from_pandas=True))
    for training in (joined, through_pandas):
        report = find_leaks(training, tables, entity_time=ENTITY_TIME)
        assert report.passed(), report.listed
        assert report.checked == len(case.rows)
