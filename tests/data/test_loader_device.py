"""Batches on a GPU: the bytes of the host's, while copies are under way and buffers are filled again."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from loader_cases import bytes_of, samplers_of, table_of

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.data.loader import Loader, LoaderState

torch = pytest.importorskip("torch", reason='no torch — pip install "mlops_runtime[torch]"')
HAS_GPU = shutil.which("nvidia-smi") is not None and torch.cuda.is_available()
on_a_gpu = pytest.mark.skipif(not HAS_GPU, reason="no GPU that torch can use — pip install torch with CUDA, on one")

ROWS = 5003
TABLE = table_of(ROWS)


@pytest.mark.skipif(HAS_GPU, reason="a GPU is here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_without_a_gpu_a_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=f"Loader: expected the GPU {device}, got 0 GPUs that torch .* can use"):
        Loader(TABLE, batch_rows=4, device=device)


@on_a_gpu
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected the GPU cuda:99, got"):
        Loader(TABLE, batch_rows=4, device="cuda:99")


@on_a_gpu
@pytest.mark.parametrize("kind", list(samplers_of(ROWS)))
@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_batches_on_the_device_are_those_of_the_host(kind: str, prefetch: int) -> None:
    options = {"batch_rows": 64, "sampler": samplers_of(ROWS)[kind], "seed": 3, "last": "pad", "shard": 1, "shards": 3}
    here, there = Loader(TABLE, **options), Loader(TABLE, **options, prefetch=prefetch, device="cuda:0")
    for _ in range(3):
        for expected, found in zip(here, there, strict=True):
            assert all(tensor.device == torch.device("cuda:0") for tensor in found.values())
            np.testing.assert_array_equal(found.rows, expected.rows)
            assert (found.position, found.padding) == (expected.position, expected.padding)
            for name, array in expected.items():
                np.testing.assert_array_equal(found[name].cpu().numpy(), array)


@on_a_gpu
def test_held_batches_keep_their_bytes_on_the_device() -> None:
    held = list(Loader(TABLE, batch_rows=50, device="cuda:0", seed=1))
    for expected, found in zip(Loader(TABLE, batch_rows=50, seed=1), held, strict=True):
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name].cpu().numpy(), array)


@on_a_gpu
def test_a_batch_in_use_on_a_stream_is_not_overwritten() -> None:
    """The sums are computed long after their batch was dropped on the host."""
    sums = [batch["exact"].sum() for _ in range(5) for batch in Loader(TABLE, batch_rows=500, device="cuda:0")]
    whole = float(sum(TABLE.arrays()["exact"].sum() for _ in range(5)))
    torch.testing.assert_close(float(torch.stack(sums).sum()), whole)


@on_a_gpu
def test_a_loader_on_a_device_resumes_as_on_the_host() -> None:
    device = Loader(TABLE, batch_rows=100, device="cuda:0", seed=5)
    first = [next(iter(device)).rows for _ in range(7)]
    state = LoaderState.from_json(device.state.to_json())
    device.close()
    rest = [batch.rows for batch in Loader(TABLE, batch_rows=33, seed=5, state=state)]
    expected = np.concatenate([batch.rows for batch in Loader(TABLE, batch_rows=ROWS, seed=5)])
    np.testing.assert_array_equal(np.concatenate([*first, *rest]), expected)


@on_a_gpu
def test_a_host_batch_outlives_a_closed_device_loader() -> None:
    device = Loader(TABLE, batch_rows=100, device="cuda:0")
    batch = next(iter(device))
    device.close()
    del device
    torch.cuda.synchronize()
    host = next(iter(Loader(TABLE, batch_rows=100)))
    assert bytes_of(host)[: host.rows.nbytes] == batch.rows.tobytes()
    np.testing.assert_array_equal(batch["sparse"].cpu().numpy(), host["sparse"])
