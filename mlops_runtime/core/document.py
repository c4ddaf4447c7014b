"""Declarations that people write as YAML: checked once, never changed, with errors that name the entry at fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["Strict", "YamlDocument"]


class Strict(BaseModel):
    """A value that is checked once and never changes: no conversion, no unknown field, no NaN.

    Lists, the only sequences of YAML, become the tuples of the fields.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, values: Any) -> Any:
        return {name: _as_tuple(value) for name, value in values.items()} if isinstance(values, dict) else values


class YamlDocument(Strict):
    """A whole YAML file. A subclass says what its `form` is, and the `next_step` of somebody who wrote another one.

    states_defaults: whether its YAML says what was left at its default, too, so that it means the same if that changes.

    >>> class Greeting(YamlDocument, form="`hello:` with a name", next_step="say hello"):
    ...     hello: str
    >>> Greeting.from_yaml("hello: world").to_yaml()
    'hello: world\\n'
    >>> Greeting.from_yaml("hello: 7", where="greeting.yaml")
    Traceback (most recent call last):
    mlops_runtime.core.errors.ConfigError: greeting.yaml: expected `hello:` with a name, got line 1, hello: Input
    should be a valid string — say hello
    """

    _form: ClassVar[str]
    _next_step: ClassVar[str]
    _states_defaults: ClassVar[bool]

    def __init_subclass__(cls, *, form: str, next_step: str, states_defaults: bool = False, **others: Any) -> None:
        super().__init_subclass__(**others)
        cls._form, cls._next_step, cls._states_defaults = form, next_step, states_defaults

    def to_yaml(self) -> str:
        """Return the document as YAML."""
        values = self.model_dump(mode="json", exclude_none=True, exclude_defaults=not self._states_defaults)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "YAML text") -> Self:
        """Read YAML. Raises ConfigError, saying `where` and which entry, when it is another document."""
        values: Any = None
        try:
            values = yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
            return cls.model_validate(values)
        except yaml.YAMLError as error:
            got = " ".join(str(error).split())
        except ValidationError as error:
            first = error.errors()[0]
            place = f"line {_line(text, first['loc'])}, {cls.place(first['loc'], values)}"
            got = f"{place}: {first['msg'].removeprefix('Value error, ')}"
        except ValueError as error:  # a date that does not exist
            got = str(error)
        raise ConfigError(problem(expected=cls._form, got=got, where=where, next_step=cls._next_step))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises ConfigError when it cannot be read or is another document."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                problem(expected="a YAML file", got=str(error), where=str(path), next_step="check the path")
            ) from error
        return cls.from_yaml(text, where=str(path))

    def save(self, path: Path) -> None:
        """Write the document as YAML, durably."""
        durable_write(path, self.to_yaml().encode())

    @classmethod
    def place(cls, location: tuple[int | str, ...], values: Any) -> str:
        """Say where in `values` the mistake at pydantic's `location` is."""
        return ".".join(map(str, location)) or "the document"


class _Loader(yaml.SafeLoader):
    """YAML's safe types; a field that is given twice is a mistake, not the second one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for place, name in enumerate(names):
            if any(name.value == earlier.value for earlier in names[:place]):
                raise yaml.constructor.ConstructorError(None, None, f"{name.value!r} is given twice", name.start_mark)
        return super().construct_mapping(node, deep)


def _line(text: str, location: tuple[int | str, ...]) -> int:
    """Return the line, from 1, of the entry at pydantic's `location`, or of the nearest one around it."""
    node = yaml.compose(text, _Loader)
    line = node.start_mark.line if node is not None else 0
    for step in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == step]
            if found:
                line, node = found[0][0].start_mark.line, found[0][1]
    return line + 1


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
