"""Two versions of a data set compared by their manifests, and manifests that refuse to lie."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import ConfigError, DataError, IntegrityError
from mlops_runtime.data import Column, DataFile, Manifest, Schema
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.dataset_manifest import DatasetManifest
from mlops_runtime.data.diff import diff
from mlops_runtime.data.sketch import TableSketch

KINDS = {"double": "number", "string": "string", "int64": "integer", "timestamp[us, tz=UTC]": "timestamp"}


def _manifest(columns: dict[str, object], files: tuple[DataFile, ...] = ()) -> DatasetManifest:
    table = pa.table(columns)
    schema = Schema(tuple(Column(field.name, KINDS.get(str(field.type), "string_list")) for field in table.schema))
    sketch = TableSketch(schema)
    sketch.update(Batch(table, 0, "a.csv"))
    return DatasetManifest(Manifest(files or (DataFile("a.csv", "ab" * 32, table.num_rows),)), schema, sketch.freeze())


@pytest.fixture
def manifest() -> DatasetManifest:
    random = np.random.default_rng(0)
    return _manifest(
        {
            "x": random.standard_normal(500),
            "city": random.choice(["a", "b", "c"], 500).tolist(),
            "seen": pa.array(random.integers(0, 10**15, 500), pa.timestamp("us", "UTC")),
            "tags": [["p"] * n for n in random.integers(0, 4, 500).tolist()],
        }
    )


def test_what_is_written_is_read_back(manifest, tmp_path):
    manifest.save(tmp_path / "m.json")
    assert DatasetManifest.load(tmp_path / "m.json") == manifest
    assert canonical_json(json.loads(manifest.to_bytes())) == manifest.to_bytes()


def test_the_version_contains_the_identity_and_more(manifest):
    file = manifest.manifest.files[0]
    moved = replace(manifest, manifest=Manifest((replace(file, name="b/c.csv"),)))
    other_bytes = replace(manifest, manifest=Manifest((replace(file, sha256="cd" * 32),)))
    other_reading = replace(manifest, schema=replace(manifest.schema, trim=False))
    assert moved.digest == manifest.digest != manifest.manifest.digest
    assert len({manifest.digest, other_bytes.digest, other_reading.digest}) == 3
    assert other_reading.manifest.digest == manifest.manifest.digest


def _changed(manifest: DatasetManifest, *path: object, value: object) -> bytes:
    document = json.loads(manifest.to_bytes())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dataset",), "0" * 64),
        (("digest",), "0" * 64),
        (("files", 0, "rows"), 499),
        (("files", 0, "sha256"), "0" * 64),
        (("columns", 0, "distinct"), 7),
        (("columns", 0, "numbers", "mean"), "0x1p+0"),
        (("table_schema", "trim"), False),
    ],
)
def test_a_changed_manifest_is_refused(manifest, path, value):
    with pytest.raises(IntegrityError, match="write it again"):
        DatasetManifest.from_bytes(_changed(manifest, *path, value=value), where="m.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format_version",), 2),
        (("more",), 1),
        (("files", 0, "rows"), -1),
        (("files", 0, "sha256"), "../../etc/passwd"),
        (("columns", 0, "rows"), "500"),
        (("columns", 0, "missing"), 1),
        (("columns", 0, "numbers", "mean"), "nan"),
        (("columns", 0, "numbers", "mean"), "one"),
        (("columns", 0, "numbers", "quantiles"), []),
        (("columns", 0, "numbers", "quantiles", 0), "0x1p+1000"),
        (("columns", 1, "keys", "top"), [["a", 1], ["a", 1]]),
        (("columns", 1, "keys", "top"), [["a", 1], ["b", 2]]),
        (("columns", 1, "keys", "present"), 10**300),
        (("table_schema",), {}),
    ],
)
def test_a_manifest_that_none_can_be_is_refused(manifest, path, value):
    with pytest.raises(DataError):
        DatasetManifest.from_bytes(_changed(manifest, *path, value=value), where="m.json")


def test_a_consistent_lie_about_columns_and_rows_is_refused(manifest):
    for lie in (
        replace(manifest, columns=manifest.columns[:-1]),
        replace(manifest, columns=manifest.columns[::-1]),
        replace(manifest, manifest=Manifest((DataFile("a.csv", "ab" * 32, 499),))),
    ):
        with pytest.raises(DataError, match="sketches of"):
            DatasetManifest.from_bytes(lie.to_bytes(), where="m.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"format_version": 1}', b"[" * 100_000])
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(DataError, match=r"m\.json: expected a data-set manifest"):
        DatasetManifest.from_bytes(data, where="m.json")


def test_an_absent_manifest_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.json"):
        DatasetManifest.load(tmp_path / "absent.json")


def test_nothing_changed_between_a_data_set_and_itself(manifest):
    result = diff(manifest, manifest)
    assert not result.schema
    assert not result.drifted
    assert result.files.unchanged == 1
    assert {distance.value for column in result.columns for distance in column.distances} == {0.0}
    json.dumps(result.to_dict(), allow_nan=False)


def test_files_are_told_apart_by_content():
    def files(**named: str) -> Manifest:
        return Manifest(tuple(DataFile(name, digit * 64, 3) for name, digit in named.items()))

    numbers = {"x": [1.0, 2.0, 3.0]}
    old = _manifest(numbers, files(kept="1", edited="2", renamed="3", gone="4").files)
    new = _manifest(numbers, files(kept="1", edited="5", called="3", fresh="6").files)
    result = diff(old, new).files
    assert (result.added, result.removed, result.changed) == (("fresh",), ("gone",), ("edited",))
    assert (result.moved, result.unchanged) == ((("renamed", "called"),), 1)


def test_schema_changes_are_named():
    old = _manifest({"a": [1.0], "b": ["x"], "c": [2.0], "d": [1.0]})
    new = _manifest({"d": [1.0], "a": ["x"], "c": [2.0], "e": [2.0]})
    changes = diff(old, new).schema
    assert (changes.added, changes.removed, changes.reordered) == (("e",), ("b",), True)
    assert changes.changed == (("a", "number", "string"),)


@pytest.mark.parametrize(("rows", "shift"), [(50, 0.3), (1_000, 0.0), (5_000, 0.05), (200_000, 0.2)])
def test_the_distance_of_numbers_is_within_its_error_of_the_true_one(rows, shift):
    random = np.random.default_rng(rows)
    a, b = random.standard_normal(rows), random.standard_normal(rows) * 1.1 + shift
    (column,) = diff(_manifest({"x": a}), _manifest({"x": b})).columns
    (distance,) = column.distances
    assert distance.method == "ks"
    assert abs(distance.value - ks_2samp(a, b, method="asymp").statistic) <= distance.error


def test_infinities_are_part_of_the_distance():
    fine, infinite = [1.0, 2.0, 3.0, 4.0], [-np.inf, -np.inf, 3.0, np.inf]
    (column,) = diff(_manifest({"x": fine}), _manifest({"x": infinite})).columns
    assert column.distances[0].value == 0.5
    for values in ([np.inf] * 4, [-np.inf] * 4):
        (column,) = diff(_manifest({"x": fine}), _manifest({"x": values})).columns
        assert (column.distances[0].value, column.drifted) == (1.0, True)


def test_the_distance_of_keys_is_exact_when_all_are_listed():
    old, new = _manifest({"c": ["a"] * 6 + ["b"] * 4}), _manifest({"c": ["a"] * 3 + ["b"] * 4 + ["z"] * 3})
    (column,) = diff(old, new).columns
    assert [(d.method, d.value, d.error) for d in column.distances] == [("total_variation", pytest.approx(0.3), 0.0)]
    assert (column.appeared, column.appeared_certain, column.disappeared) == ((("z", 3),), True, ())
    assert column.drifted


def test_identifiers_that_never_repeat_do_not_drift():
    old, new = (_manifest({"c": [f"{side}{i}" for i in range(20_000)]}) for side in "ab")
    (column,) = diff(old, new).columns
    assert not column.drifted
    assert not column.appeared_certain


def test_a_common_key_that_vanishes_among_very_many_is_drift():
    rare = [f"k{i}" for i in range(70_000)]
    (column,) = diff(_manifest({"c": ["hot"] * 23_000 + rare}), _manifest({"c": rare})).columns
    (distance,) = column.distances
    assert distance.method == "share"
    assert abs(distance.value - 23 / 93) <= distance.error
    assert (column.drifted, column.disappeared[0][0]) == (True, "hot")


def test_a_rise_of_missing_values_is_drift():
    (column,) = diff(_manifest({"x": [1.0] * 10}), _manifest({"x": [1.0] * 8 + [None] * 2})).columns
    assert column.distances[0].value == 0
    assert column.drifted


def test_a_column_that_became_empty_has_no_distance():
    (column,) = diff(_manifest({"x": [1.0, 2.0]}), _manifest({"x": pa.nulls(2, pa.float64())})).columns
    assert column.distances == ()
    assert column.drifted
