"""Which points a rule is about: what their labels must be, in Python and in PromQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Matcher", "MatcherField", "accepts", "quoted"]

_FORMS = 'a text, "*" for any, a list of texts, `not:` with one of these, or `matches:` with a regular expression'


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one label must be; an absent label is the empty text, as in Prometheus.

    kind: `is` one of the values, `not` any of them, `present`, or `matches` the one value, a regular expression, whole.
    """

    kind: Literal["is", "not", "present", "matches"]
    values: tuple[str, ...] = ()

    def accepts(self, value: str) -> bool:
        """Return whether a label with this value is meant."""
        if self.kind == "present":
            return value != ""
        if self.kind == "matches":
            return re.fullmatch(self.values[0], value) is not None
        return (value in self.values) == (self.kind == "is")

    def to_plain(self) -> Any:
        """Return what `parse` reads."""
        if self.kind == "present":
            return "*"
        values: Any = self.values[0] if len(self.values) == 1 else list(self.values)
        return values if self.kind == "is" else {self.kind: values}

    def to_promql(self, label: str) -> str:
        """Return the matcher as PromQL writes it: `column=~"age|income"`."""
        if self.kind == "present":
            return f'{label}!=""'
        if self.kind == "matches":
            return f"{label}=~{quoted(self.values[0])}"
        mark = "=" if self.kind == "is" else "!"
        if len(self.values) == 1:
            return f"{label}{mark if mark == '=' else '!='}{quoted(self.values[0])}"
        return f"{label}{mark}~{quoted('|'.join(map(re.escape, self.values)))}"

    @classmethod
    def parse(cls, plain: Any) -> Matcher:
        """Read a text, `*`, a list, `{not: …}` or `{matches: …}`. Raises ValueError for anything else.

        >>> Matcher.parse({"not": ["a", "b"]}).accepts("c"), Matcher.parse("*").accepts("")
        (True, False)
        """
        if isinstance(plain, cls):
            return plain
        if plain == "*":
            return cls("present")
        if isinstance(plain, dict) and len(plain) == 1:
            ((word, inner),) = plain.items()
            if word == "not":
                return cls("not", _texts(inner))
            if word == "matches" and isinstance(inner, str):
                return cls("matches", (_pattern(inner),))
        return cls("is", _texts(plain))


def accepts(matchers: Mapping[str, Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether all matchers accept these labels."""
    return all(matcher.accepts(labels.get(label, "")) for label, matcher in matchers.items())


def quoted(text: str) -> str:
    """Return a text as PromQL writes it, in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _texts(plain: Any) -> tuple[str, ...]:
    values = tuple(plain) if isinstance(plain, list | tuple) else (plain,)
    if not values or not all(isinstance(value, str) for value in values):
        raise ValueError(f"expected {_FORMS}, got {plain!r}")
    return values


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression, got {text!r} ({error})") from error
    return text


def _matcher(plain: Any) -> Matcher:
    return Matcher.parse(plain)


def _plain(matcher: Matcher) -> Any:
    return matcher.to_plain()


MatcherField = Annotated[Matcher, BeforeValidator(_matcher), PlainSerializer(_plain)]
