"""What became of a contract: rows counted, rules with their violations, and where to look."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["ContractReport", "Example", "RuleResult"]


@dataclass(frozen=True, slots=True)
class Example:
    """One bad row: its file, its ordinals there and in the data set (from 0), its line where known, what it holds."""

    file: str
    file_row: int
    row: int
    line: int | None
    value: str


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One promise and how often it was broken.

    scope: "row" when it makes rows bad, "set" when it is about the data set, whose violations are 0 or 1. observed: the
    figure that a set rule compared. examples: the first rows that broke a row rule.
    """

    rule: str
    scope: Literal["row", "set"]
    expected: str
    violations: int
    observed: str | None = None
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractReport:
    """The outcome of a check: rows == good + quarantined, whatever the rules and however the data came in batches.

    quarantined: rows that broke at least one row rule, or could not be decoded. contract: its digest. source: where the
    data came from.
    """

    source: str
    contract: str
    rows: int
    good: int
    quarantined: int
    rules: tuple[RuleResult, ...]

    @property
    def violated(self) -> tuple[RuleResult, ...]:
        """The rules that were broken, in the contract's order."""
        return tuple(rule for rule in self.rules if rule.violations)

    @property
    def passed(self) -> bool:
        """Whether no rule was broken."""
        return not self.violated

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self) | {"passed": self.passed, "rules": [asdict(rule) for rule in self.rules]}
