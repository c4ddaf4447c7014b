"""What a table should look like: the kind of every column, and which texts count as missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["DEFAULT_NULL_TOKENS", "Column", "ColumnKind", "Schema", "listed", "repeated_names"]

ColumnKind = Literal["number", "integer", "string", "timestamp", "string_list", "integer_list"]

DEFAULT_NULL_TOKENS = ("", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None")
_MAX_NAME = 1024  # what a server accepts as the name of an input
_SHOWN_NAME = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `integer` is for values beyond 2**53, which a float cannot hold; all other numbers are `number`.

    `string_list` and `integer_list` hold any number of texts or whole numbers in each row; as a text (in CSV, in a
    request) such a value is a JSON array.
    """

    name: str
    kind: ColumnKind
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in order, and how raw text is read.

    trim: spaces around a text are not part of it. null_tokens: texts (after trimming) that mean "missing".
    Raises SchemaError when two columns share a name, or a name is longer than 1,024 characters.

    >>> schema = Schema((Column("age", "number"), Column("city", "string")))
    >>> schema.select(["city"]).names
    ('city',)
    >>> Schema.from_dict(schema.to_dict()) == schema
    True
    """

    columns: tuple[Column, ...]
    trim: bool = True
    null_tokens: tuple[str, ...] = DEFAULT_NULL_TOKENS

    def __post_init__(self) -> None:
        repeated = repeated_names(self.names)
        if repeated:
            raise SchemaError(
                problem(
                    expected="distinct column names",
                    got=f"{listed(repeated)} more than once",
                    where="schema",
                    next_step="rename one of them",
                )
            )
        longest = max(self.names, key=len, default="")
        if len(longest) > _MAX_NAME:
            raise SchemaError(
                problem(
                    expected=f"column names of at most {_MAX_NAME} characters",
                    got=f"{len(longest)} in `{longest[:_SHOWN_NAME]}…`",
                    where="schema",
                    next_step="check the header line, or rename the column",
                )
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`. Raises SchemaError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(
            problem(
                expected=f"column `{name}`",
                got=f"columns {listed(self.names)}",
                where="schema",
                next_step="check the spelling",
            )
        )

    def select(self, names: Iterable[str]) -> Schema:
        """Return a schema of these columns, in this order. Raises SchemaError for an unknown name."""
        known = {column.name: column for column in self.columns}
        chosen = tuple(known[name] if name in known else self.column(name) for name in names)
        return Schema(chosen, self.trim, self.null_tokens)

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as plain JSON values."""
        return {
            "columns": [{"name": c.name, "kind": c.kind, "nullable": c.nullable} for c in self.columns],
            "trim": self.trim,
            "null_tokens": list(self.null_tokens),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Schema:
        """Read what `to_dict` wrote. Raises SchemaError when it is anything else."""
        try:
            columns = tuple(_read_column(entry) for entry in values["columns"])
            trim, tokens = values["trim"], tuple(values["null_tokens"])
        except (KeyError, TypeError, AttributeError) as error:
            raise _malformed(f"{type(error).__name__} at {error}") from error
        if not isinstance(trim, bool) or not all(isinstance(token, str) for token in tokens):
            raise _malformed("trim or null_tokens of another type")
        return cls(columns, trim, tokens)


def _read_column(entry: Mapping[str, Any]) -> Column:
    name, kind, nullable = entry["name"], entry["kind"], entry["nullable"]
    if not isinstance(name, str) or kind not in get_args(ColumnKind) or not isinstance(nullable, bool):
        raise _malformed(f"column {dict(entry)!r}"[:200])
    return Column(name, kind, nullable)


def _malformed(got: str) -> SchemaError:
    return SchemaError(
        problem(
            expected="columns of name, kind and nullable; trim; null_tokens",
            got=got,
            where="schema",
            next_step="write it with Schema.to_dict",
        )
    )


def repeated_names(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once, sorted.

    >>> repeated_names(["b", "a", "b"])
    ['b']
    """
    return sorted(name for name, times in Counter(names).items() if times > 1)


def listed(names: Iterable[str], *, limit: int = 12) -> str:
    """Return names for an error message: quoted, and cut after `limit` of them.

    >>> listed(["a", "b", "c"], limit=2)
    '`a`, `b` and 1 more'
    """
    every = [f"`{name}`" for name in names]
    shown = ", ".join(every[:limit]) or "none"
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"
