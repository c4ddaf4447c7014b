"""Batches as torch tensors: over the memory that the feed filled, or on a GPU by way of two pinned buffers in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.loader.feeding import Taken, buffer_layout, native_feed
from mlops_runtime.data.loader.shares import Geometry
from mlops_runtime.data.rows import RowTable

if TYPE_CHECKING:
    import torch

__all__ = ["DeviceBatches", "require_device", "to_tensor"]

_UNDER_WAY = 2  # copies to the device at once: one is used while the other arrives


def to_tensor() -> Callable[[NDArray[Any]], torch.Tensor]:
    """Return what makes a tensor of an array without copying it. Raises ConfigError when torch is not installed."""
    try:
        import torch
    except ImportError as error:
        raise _refused("torch", str(error), 'pip install "mlops_runtime[torch]"') from error
    return torch.from_numpy


def require_device(name: str) -> None:
    """Raise ConfigError unless torch is installed and has the GPU of this name."""
    to_tensor()
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _refused("a GPU such as cuda:0", repr(name), "name one, or leave `device` out") from error
    if device.type != "cuda":
        raise _refused("a GPU such as cuda:0", repr(name), 'leave `device` out and say as_="torch"')
    if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        found = f"{torch.cuda.device_count()} GPUs that torch {torch.__version__} can use"
        raise _refused(
            f"the GPU {name}", found, "install torch with CUDA on a machine with a GPU, or leave `device` out"
        )


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch on its way: its bytes on the device once `arrived`, and the ordinals of its rows."""

    bytes: torch.Tensor
    arrived: torch.cuda.Event
    rows: NDArray[np.int64]
    hold: object  # the pinned buffer, which may not be filled again before


class DeviceBatches:
    """Batches on a GPU: while one is used there, the next is copied and those behind it are filled.

    The feed fills pinned buffers; a batch goes over in one copy, on a stream of its own; its tensors are views of it.
    """

    def __init__(
        self, table: RowTable, order: _native.Order, geometry: Geometry, position: int, *, prefetch: int, device: str
    ) -> None:
        import torch

        self._fields = table.layout.fields
        self._layout = buffer_layout(table, geometry.batch_rows)
        count = prefetch + _UNDER_WAY
        pinned = [torch.empty(self._layout.bytes, dtype=torch.uint8, pin_memory=True) for _ in range(count)]
        self._pinned = {buffer.data_ptr(): buffer for buffer in pinned}
        self._device = torch.device(device)
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._under_way: deque[_Sent] = deque()
        self._unsent = geometry.steps(position)
        self._feed = native_feed(
            table, order, geometry, position, prefetch=prefetch, buffers=[buffer.numpy() for buffer in pinned]
        )

    @property
    def is_here(self) -> bool:
        """Whether its threads are in this process."""
        return self._feed.is_here

    def take(self) -> Taken:
        """Wait for the next batch to arrive."""
        import torch

        while self._unsent and len(self._under_way) < _UNDER_WAY:
            self._send()
        sent = self._under_way.popleft()
        sent.arrived.synchronize()  # it had a batch's time to do so; its buffer goes back to the feed with `sent`
        sent.bytes.record_stream(torch.cuda.current_stream(self._device))
        return Taken(self._views(sent.bytes, len(sent.rows)), sent.rows)

    def close(self) -> None:
        """End the threads; nothing is under way afterwards."""
        self._stream.synchronize()
        self._under_way.clear()
        self._feed.close()

    def _send(self) -> None:
        import torch

        rows, arrays = self._feed.take()
        self._unsent -= 1
        pinned = self._pinned[rows.ctypes.data]
        with torch.cuda.stream(self._stream):
            there = torch.empty(self._layout.bytes, dtype=torch.uint8, device=self._device)
            there.copy_(pinned, non_blocking=True)
            arrived = self._stream.record_event()
        self._under_way.append(_Sent(there, arrived, rows.copy(), arrays))

    def _views(self, there: torch.Tensor, rows: int) -> dict[str, torch.Tensor]:
        import torch

        views = {}
        for field, place in zip(self._fields, self._layout.places, strict=True):
            flat = there[place : place + rows * field.bytes].view(getattr(torch, field.dtype))
            views[field.name] = flat.view(rows, field.width)
        return views


def _refused(expected: str, got: str, next_step: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=got, where="Loader", next_step=next_step))
