"""Matrices as a Parquet file, batch by batch."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.encoders import Bag, HashBuckets, HashIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step
from mlops_runtime.features.folder import write_matrices
from mlops_runtime.features.outputs import BagOutput, DenseOutput, SparseOutput

TABLE = pa.table({"x": np.arange(1000.0), "text": [f"word {i % 7}" * (i % 3) for i in range(1000)]})


@pytest.fixture
def program():
    x = Expression(ColumnValue("x"), (Step("log1p"),))
    words = Bag("text", "words", 1, 2, True, HashBuckets(50, 0))
    return FeatureProgram(
        Schema((Column("x", "number"), Column("text", "string"))),
        (DenseOutput("x", x, 0),),
        (SparseOutput("id", HashIds(("text",), 9, 0), 0),),
        (BagOutput("words", words),),
        1000,
    )


@pytest.mark.parametrize("sizes", [[1000], [10, 990], [400, 400, 200], [0, 1000, 0]])
def test_any_batches_give_the_matrices_of_the_whole(program, sizes, tmp_path):
    ends = np.cumsum(sizes)
    parts = [TABLE.slice(int(end) - size, size) for end, size in zip(ends, sizes, strict=True)]
    assert write_matrices(tmp_path / "m.parquet", program, iter(parts)) == 1000
    written, whole = pq.read_table(tmp_path / "m.parquet"), program.transform(TABLE)
    assert written.column_names == ["x", "id", "words"]
    assert written["x"].to_numpy().tobytes() == whole.dense.tobytes()
    assert written["id"].to_pylist() == whole.sparse[:, 0].tolist()
    bag = whole.bags["words"]
    offsets = bag.offsets.tolist()
    rows = [bag.ids[begin:end].tolist() for begin, end in itertools.pairwise(offsets)]
    assert written["words"].to_pylist() == rows


def test_a_failing_batch_leaves_no_file_behind(program, tmp_path):
    def batches():
        yield TABLE
        raise RuntimeError("the source ends here")

    with pytest.raises(RuntimeError, match="ends here"):
        write_matrices(tmp_path / "m.parquet", program, batches())
    assert list(tmp_path.iterdir()) == []
