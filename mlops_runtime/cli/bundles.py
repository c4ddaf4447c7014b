"""Finding the bundle a command was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_runtime.core.errors import RegistryError, problem

if TYPE_CHECKING:
    from mlops_runtime.registry import Bundle

__all__ = ["open_bundle"]


def open_bundle(reference: str) -> Bundle:
    """Open a bundle directory, or NAME, NAME@VERSION or NAME@ALIAS from the registry, every byte verified.

    Raises RegistryError, naming both places, when there is neither.
    """
    from mlops_runtime.registry import Bundle, Registry

    path = Path(reference)
    if path.exists() or "/" in reference:
        return Bundle.open(path)
    try:
        return Registry().open(reference)
    except RegistryError as error:
        raise RegistryError(
            problem(
                expected="a bundle directory, or a registered model",
                got=f"no directory of this name, and {error}",
                where=reference,
                next_step="check the path, or see `mlrt registry list`",
            )
        ) from error
