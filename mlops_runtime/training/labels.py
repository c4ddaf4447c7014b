"""Matching the labels of a labelled file to the classes a model knows, visibly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.training.target import Labels

__all__ = ["LabelMatch", "alike_notes", "match_labels"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """Labels as class indices. index: int64[N], -1 where missing.

    mapping: each label that is no class itself, the class it was read as, and on how many rows.
    """

    index: NDArray[np.int64]
    mapping: dict[str, dict[str, Any]]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each label that was read as another."""
        return tuple(
            f"label `{text}` is read as class `{m['read_as']}` ({m['rows']} rows)" for text, m in self.mapping.items()
        )


def alike_notes(classes: Sequence[str]) -> tuple[str, ...]:
    """Return one note for each group of classes that differ only in case, outer spaces or a final dot.

    >>> alike_notes(["no", "Yes", "yes."])
    ('classes `Yes` and `yes.` look alike: write them the same way if they are one',)
    """
    groups: dict[str, list[str]] = {}
    for text in classes:
        groups.setdefault(_without_dot(text).casefold(), []).append(f"`{text}`")
    return tuple(
        f"classes {' and '.join(group)} look alike: write them the same way if they are one"
        for group in groups.values()
        if len(group) > 1
    )


def match_labels(labels: Labels, classes: tuple[str, ...], *, strict: bool, where: str) -> LabelMatch:
    """Find each label's class: the label itself, else the one class it equals without outer spaces and one final dot.

    strict: refuse the second way. Raises DataError naming the labels that match no class.

    >>> labels = Labels(("<=50K.", ">50K"), np.array([0, 1, 0]))
    >>> match_labels(labels, ("<=50K", ">50K"), strict=False, where="test.csv").mapping
    {'<=50K.': {'read_as': '<=50K', 'rows': 2}}
    """
    rows = Counter(labels.index[labels.index >= 0].tolist())
    position = np.full(len(labels.texts) + 1, -1, np.int64)  # the last entry answers index -1
    mapping: dict[str, dict[str, Any]] = {}
    unknown = []
    for at, text in enumerate(labels.texts):
        read_as = text if text in classes or strict else _without_dot(text)
        if read_as not in classes:
            unknown.append(text)
            continue
        position[at] = classes.index(read_as)
        if read_as != text:
            mapping[text] = {"read_as": read_as, "rows": rows[at]}
    if unknown:
        raise _refusal(unknown, classes, strict=strict, where=where)
    return LabelMatch(position[labels.index], mapping)


def _without_dot(text: str) -> str:
    return text.strip().removesuffix(".").rstrip()


def _refusal(unknown: list[str], classes: tuple[str, ...], *, strict: bool, where: str) -> DataError:
    shown = ", ".join(f"`{text}`" for text in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    step = "correct the labels" + (", or leave --strict-labels out" if strict else "")
    known = ", ".join(f"`{text}`" for text in classes[:_SHOWN]) + (" …" if len(classes) > _SHOWN else "")
    return DataError(problem(expected=f"the classes {known}", got=f"labels {shown}{more}", where=where, next_step=step))
