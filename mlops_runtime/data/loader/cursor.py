"""A place in an order: it moves from step to step, and knows its state at each."""

from __future__ import annotations

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.loader.identity import OrderIdentity
from mlops_runtime.data.loader.shares import Geometry, Share
from mlops_runtime.data.loader.state import LoaderState

__all__ = ["Cursor"]


class Cursor:
    """Where the next batch begins: always at a step that there is, if need be the first of the next epoch.

    Raises ConfigError for a state of another order, or beyond its end.
    """

    def __init__(self, geometry: Geometry, identity: OrderIdentity, state: LoaderState | None = None) -> None:
        self.geometry = geometry
        self.identity = identity
        self.epoch = 0
        self.position = 0
        if state is not None:
            identity.require(state.identity, where="a loader's state")
            if state.position >= geometry.samples:
                raise ConfigError(
                    problem(
                        expected=f"a position below {geometry.samples}",
                        got=str(state.position),
                        where="a loader's state",
                        next_step="resume with a state that a loader of these rows saved",
                    )
                )
            self._move(state.epoch, state.position)

    @property
    def state(self) -> LoaderState:
        """Where the next batch begins."""
        return LoaderState(epoch=self.epoch, position=self.position, identity=self.identity)

    @property
    def remaining(self) -> int:
        """Batches from here to the end of the epoch, at least 1."""
        return self.geometry.steps(self.position)

    @property
    def share(self) -> Share:
        """This shard's part of the next step."""
        return self.geometry.share(self.position)

    def advance(self) -> None:
        """Go to the next step."""
        self._move(self.epoch, self.geometry.after(self.position))

    def _move(self, epoch: int, position: int) -> None:
        """Go to a position; where no step is left, as under "drop", to the next epoch."""
        is_over = self.geometry.steps(position) == 0
        self.epoch, self.position = (epoch + 1, 0) if is_over else (epoch, position)
