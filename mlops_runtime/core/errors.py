"""Every error this package raises on purpose.

    MlrtError
    ├── ConfigError           a setting, option or environment variable cannot be used
    ├── DataError             (also ValueError) the data is not what was declared
    │   ├── ShapeError        wrong number of dimensions, rows or columns
    │   ├── EmptyInputError   nothing left to work on
    │   └── SchemaError       a column is missing, or of the wrong kind
    ├── CapacityError         a limit of memory, disk or queue was reached
    ├── IntegrityError        bytes do not match their recorded digest
    ├── RegistryError         an unknown name, version or alias, or a conflicting change
    ├── PolicyError           a gate or an access rule refused (exit code 3)
    ├── UnavailableError      a service that this one needs does not answer; trying again may help
    └── UnsupportedExport     a format cannot say what was to be exported to it

A message says what was expected, what came, where, and what to do next; `problem` builds it in that order.
"""

from __future__ import annotations

__all__ = [
    "CapacityError",
    "ConfigError",
    "DataError",
    "EmptyInputError",
    "IntegrityError",
    "MlrtError",
    "PolicyError",
    "RegistryError",
    "SchemaError",
    "ShapeError",
    "UnavailableError",
    "UnsupportedExport",
    "problem",
]


class MlrtError(Exception):
    """Base of all deliberate errors; `exit_code` is what the command line returns for it."""

    exit_code = 1


class ConfigError(MlrtError):
    """A setting, option or environment variable cannot be used."""

    exit_code = 2


class DataError(MlrtError, ValueError):
    """The data is not what was declared."""


class ShapeError(DataError):
    """Wrong number of dimensions, rows or columns."""


class EmptyInputError(DataError):
    """Nothing is left to work on."""


class SchemaError(DataError):
    """A column is missing or of the wrong kind."""


class CapacityError(MlrtError):
    """A limit of memory, disk or queue was reached."""


class IntegrityError(MlrtError):
    """Bytes do not match their recorded digest."""


class RegistryError(MlrtError):
    """An unknown name, version or alias, or a conflicting change."""


class PolicyError(MlrtError):
    """A gate or an access rule refused."""

    exit_code = 3


class UnavailableError(MlrtError):
    """A service that this one needs does not answer; trying again may help."""


class UnsupportedExport(MlrtError):
    """A format cannot say what was to be exported to it."""


def problem(*, expected: str, got: str, where: str, next_step: str) -> str:
    """Build an error message: what was expected, what came, where, and the next step.

    >>> problem(expected="column `y`", got="columns a, b", where="data.csv", next_step="pass --target b")
    'data.csv: expected column `y`, got columns a, b — pass --target b'
    """
    return f"{where}: expected {expected}, got {got} — {next_step}"
