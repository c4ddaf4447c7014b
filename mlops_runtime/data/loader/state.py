"""Where a loader stands: an epoch, a position, and whose order they count in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from mlops_runtime.core.document import Strict
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.loader.identity import LARGEST_SEED, OrderIdentity

__all__ = ["LoaderState"]


class LoaderState(Strict):
    """The place after the last batch that was handed out, the same for every shard of a world.

    epoch: counted from 0. position: samples of this epoch that all shards together have been given. identity: the order
    that it counts in; a loader of another one refuses the state. So it says nothing of batch sizes, shards and threads.

    >>> identity = OrderIdentity(dataset="d", split="all", sampler={"kind": "shuffled"}, seed=7)
    >>> state = LoaderState(epoch=1, position=4096, identity=identity)
    >>> LoaderState.from_json(state.to_json()) == state
    True
    """

    epoch: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    position: Annotated[int, Field(ge=0)]
    identity: OrderIdentity

    def to_json(self) -> str:
        """Return the state as one line of JSON."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> LoaderState:
        """Read what `to_json` wrote. Raises ConfigError for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the whole"
            raise ConfigError(
                problem(
                    expected="the JSON of a loader's state",
                    got=f"{place}: {first['msg']}",
                    where="LoaderState",
                    next_step="save loader.state.to_json()",
                )
            ) from error
