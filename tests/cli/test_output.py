"""What commands draw: text of users is shown as it is."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from mlops_runtime.cli.main import run
from mlops_runtime.cli.output import table


def _drawn(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_brackets_in_titles_headers_and_cells_are_shown() -> None:
    drawn = _drawn(table("[red]t[/red]", ("[bold]h", "[/]"), [("[link=x]c[/link]", "[/nonsense]"), (1, None)]))
    for text in ("[red]t[/red]", "[bold]h", "[/]", "[link=x]c[/link]", "[/nonsense]", "1", "None"):
        assert text in drawn


def test_a_renderable_cell_keeps_its_style() -> None:
    assert "\x1b[31mbad" in _drawn(table("t", ("a",), [(Text("bad", "red"),)]))


def test_a_file_full_of_markup_is_trained_evaluated_and_drawn(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle = tmp_path / "data.csv", tmp_path / "bundle"
    rows = [f"{n % 13},{'[bold]yes' if n % 13 > 6 else '[/red]'}" for n in range(120)]
    data.write_text("\n".join(["[red]x[/red],[link=x]y", *rows]) + "\n")
    target = ("--target", "[link=x]y", "--sensitive", "[red]x[/red]")
    assert run(["train", str(data), *target, "--model", "linear", "-o", str(bundle)]) == 0
    assert "By [red]x[/red]" in capsys.readouterr().out
    assert run(["data", "inspect", str(data)]) == 0
    assert "[/red] 66, [bold]yes 54" in capsys.readouterr().out
    assert run(["predict", str(bundle), str(data), "-o", str(tmp_path / "scores.csv")]) == 0
    assert " [/red]    " in capsys.readouterr().out


def test_a_refused_model_prints_one_object_and_ends_with_three(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, gates = tmp_path / "data.csv", tmp_path / "gates.yaml"
    data.write_text("\n".join(["x,y", *(f"{n * 7 % 11},{'ab'[n // 11 % 2]}" for n in range(110))]) + "\n")
    gates.write_text("gates:\n  - {metric: accuracy, minimum: 1.0}\n")
    options = ["--target", "y", "--model", "linear", "--gates", str(gates), "-o", str(tmp_path / "bundle")]
    assert run(["train", str(data), *options, "--json"]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["gates"]["passed"] is False
    assert shown.err.startswith("PolicyError: gates: accuracy")
