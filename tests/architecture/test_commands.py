"""Every command of `mlrt` explains itself with an example and can answer in JSON."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from mlops_runtime.cli.main import _COMMANDS, cli


def _leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"mlrt {' '.join([*words, name])}: listed, but there is no such command"
            yield from _leaves(child, (*words, name))
    else:
        yield words, command


LEAVES = list(_leaves(cli, ()))


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=[" ".join(words) for words, _ in LEAVES])
def test_a_command_shows_an_example_and_takes_json(words: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"mlrt {' '.join(words)}" in shown.output.split("\n", 1)[1], "the help shows no example"
    assert any("--json" in parameter.opts for parameter in command.params)


def test_the_list_of_commands_is_sorted_and_described() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    positions = [shown.index(f"  {name} ") for name in sorted(_COMMANDS)]
    assert positions == sorted(positions)
    assert all(entry.help.endswith(".") for entry in _COMMANDS.values())
