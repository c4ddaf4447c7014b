"""The parity report: what it compares, how it counts, and that a single differing bit is found."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime import _native
from mlops_runtime.data import Column, Schema, read_dataset
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features import FeatureSpec, Matrices, RaggedIds, fit_program, infer_spec
from mlops_runtime.features.oracle import transform_reference
from mlops_runtime.features.parity import Backend, OperationParity, ParityCheck, check_parity, compare

SCHEMA = Schema((Column("amount", "number"), Column("cause", "string")))
SPEC = FeatureSpec.from_yaml("""
features:
  - {kind: numeric, column: amount, transform: log1p}
  - {kind: numeric, name: again, column: amount}
  - {kind: category, column: cause}
  - {kind: list, column: tags, output: bag}
""")


@pytest.fixture(scope="module")
def claim_table():
    return claims(1000, seed=1).select(["amount", "cause"]).append_column("tags", pa.array([["a", "b"], None] * 500))


@pytest.fixture(scope="module")
def program(claim_table):
    return fit_program(SPEC, claim_table, Schema((*SCHEMA.columns, Column("tags", "string_list"))))


@pytest.fixture(scope="module")
def oracle(program, claim_table):
    return transform_reference(program, claim_table)


def copied(matrices):
    bags = {name: RaggedIds(bag.ids.copy(), bag.offsets.copy()) for name, bag in matrices.bags.items()}
    return Matrices(matrices.dense.copy(), matrices.sparse.copy(), bags)


def findings(program, got, oracle):
    return {entry.output: (entry.differing, entry.max_ulp) for entry in compare(program, "other", got, oracle)}


def test_a_single_differing_bit_is_found(program, oracle):
    got = copied(oracle)
    got.dense[1, 0] = np.nextafter(got.dense[1, 0], np.float32(np.inf))
    got.dense[:2, 1] = [0.0, -0.0]
    oracle = replace(oracle, dense=oracle.dense.copy())
    oracle.dense[:2, 1] = 0.0
    got.sparse[3, 0] += 4
    assert findings(program, got, oracle) == {"amount": (1, 1), "again": (1, 0), "cause": (1, 4), "tags": (0, 0)}


def test_a_token_of_another_row_is_found(program, oracle):
    got = copied(oracle)
    got.bags["tags"].offsets[1] -= 1
    assert findings(program, got, oracle)["tags"][0] == 1
    short = replace(got, bags={"tags": RaggedIds(got.bags["tags"].ids[:-1], got.bags["tags"].offsets.clip(max=999))})
    assert findings(program, short, oracle)["tags"][0] > 0


def test_the_report_names_the_worst_of_each_operation(program, claim_table):
    def rough(table):
        matrices = copied(program.transform(table))
        matrices.dense[:3, 0] = np.nextafter(matrices.dense[:3, 0], np.float32(np.inf))
        return matrices

    report = check_parity(program, claim_table, backends={"rough": Backend(program, rough)})
    worst = {entry.operation: entry for entry in report.operations if entry.backend == "rough"}
    assert worst["log1p"] == OperationParity("log1p", "rough", outputs=1, differing=3, max_ulp=1)
    assert worst["affine"] == OperationParity("affine", "rough", outputs=2, differing=3, max_ulp=1)
    assert worst["vocabulary"].differing == 0
    assert report.identical  # only the native executors have to agree to the last bit
    assert report.to_dict()["operations"][0].keys() >= {"operation", "backend", "max_ulp"}


def test_tables_one_after_another_are_reported_as_one(program, claim_table):
    def rough(table):
        matrices = copied(program.transform(table))
        matrices.sparse[0, 0] += table.num_rows
        return matrices

    check = ParityCheck(program, backends={"rough": Backend(program, rough, is_exact=True)})
    for start, rows in ((0, 300), (300, 700)):
        check.update(claim_table.slice(start, rows))
    report = check.report
    assert (report.rows, report.exact[-1]) == (1000, "rough")
    assert [(entry.output, entry.differing, entry.max_ulp) for entry in report.refused] == [("cause", 2, 700)]


def test_a_backend_of_some_outputs_is_compared_on_those(program, claim_table):
    part = replace(program, dense=program.dense[1:], sparse=(), bags=())
    report = check_parity(program, claim_table, backends={"part": Backend(part, part.transform, is_exact=True)})
    assert report.identical
    found = [entry for entry in report.outputs if entry.backend == "part"]
    assert [entry.output for entry in found] == ["again"]


def test_every_instruction_set_of_this_machine_is_compared_and_restored(program, claim_table):
    before = _native.active_isa()
    report = check_parity(program, claim_table)
    assert report.backends == report.exact
    assert report.backends[-1] == _native.detected_isa()
    assert _native.active_isa() == before
    assert len(report.outputs) == len(report.backends) * 4


def test_real_data_it_was_not_fitted_on(shared_data):
    train = read_dataset(shared_data / "adult" / "train.csv")
    program = fit_program(infer_spec(train.table, train.schema, target="income").spec, train.table, train.schema)
    test = read_dataset(shared_data / "adult" / "test.csv", schema=program.schema)
    assert check_parity(program, test.table).identical
