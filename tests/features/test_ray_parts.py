"""A program fitted by Ray Data, block by block on its workers, is the program fitted in one piece."""

from __future__ import annotations

import secrets

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.data import from_frame
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features import FitState, fit_program, infer_spec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray's own, about Ray's own settings


@pytest.fixture
def ray(monkeypatch):
    """Ray with two worker processes on this machine, without a dashboard."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one to the user's home
    ray = pytest.importorskip("ray", reason="pip install 'mlops_runtime[ray]'")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield ray
    ray.shutdown()


def test_blocks_fitted_by_ray_merge_to_the_program_of_the_whole(ray):
    table, schema, _ = from_frame(claims(3000, seed=3).drop_columns("submitted"))
    spec = infer_spec(table, schema, target="fraud").spec

    def fit_block(block: pa.Table) -> pa.Table:
        state = FitState(spec, schema)
        ordinals = block["ordinal"].to_numpy()
        state.update(block.drop_columns("ordinal"), first_row=int(ordinals[0]), ordinals=ordinals)
        return pa.table({"state": pa.array([state.to_bytes()], pa.large_binary())})

    numbered = table.append_column("ordinal", pa.array(np.arange(table.num_rows)))
    dataset = ray.data.from_arrow(numbered).repartition(7)
    blocks = dataset.map_batches(fit_block, batch_format="pyarrow", batch_size=None).take_all()
    assert len(blocks) == 7
    first, *others = (FitState.from_bytes(block["state"]) for block in blocks)
    for other in others:
        first.merge(other)
    assert first.finish().digest == fit_program(spec, table, schema).digest
