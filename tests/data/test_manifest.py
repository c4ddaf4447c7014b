"""The identity of a data set follows its content, not its place."""

import hashlib

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.data import DataFile, Manifest, read_dataset


def test_the_digest_is_the_hash_of_the_canonical_list(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n2\n")
    manifest = read_dataset(path).manifest
    content = [{"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": 2, "partition": {}}]
    assert manifest.digest == hashlib.sha256(canonical_json(content)).hexdigest()


def test_a_copy_under_another_name_has_the_same_digest(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a\n1\n")
    assert read_dataset(tmp_path / "a.csv").manifest.digest == read_dataset(tmp_path / "b.csv").manifest.digest


def test_order_rows_and_partitions_are_part_of_the_identity():
    one, two = DataFile("a", "aa" * 32, 1), DataFile("b", "bb" * 32, 2)
    digests = {
        Manifest(files).digest
        for files in [
            (one, two),
            (two, one),
            (one,),
            (DataFile("a", one.sha256, 2),),
            (DataFile("a", one.sha256, 1, {"day": "1"}),),
        ]
    }
    assert len(digests) == 5
