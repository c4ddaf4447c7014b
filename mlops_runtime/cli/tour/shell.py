"""Print a command as a person would type it, then run it in this process."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

from rich.rule import Rule

from mlops_runtime.cli.main import run
from mlops_runtime.cli.output import stdout_console
from mlops_runtime.core.errors import MlrtError

__all__ = ["Shell"]


class Shell:
    """Numbers the chapters, shows each command line and stops the tour when one fails."""

    def __init__(self, chapters: int) -> None:
        self._chapters = chapters
        self._chapter = 0
        self._started_s = time.monotonic()
        self.console = stdout_console()
        self.commands: list[str] = []

    def chapter(self, title: str, explanation: str) -> None:
        """Start the next chapter with one sentence about what it shows."""
        self._chapter += 1
        elapsed_s = time.monotonic() - self._started_s
        self.console.print()
        self.console.print(
            Rule(f"[bold]{self._chapter}/{self._chapters} {title}[/bold]  {elapsed_s:.0f} s", align="left")
        )
        self.console.print(explanation, style="dim")

    def show(self, *arguments: str) -> None:
        """Print a command line and keep it for the report, without running it."""
        line = shlex.join(["mlrt", *arguments])
        self.commands.append(line)
        self.console.print(f"\n$ {line}", style="bold cyan", markup=False, soft_wrap=True)

    def run(self, *arguments: str, allow: Sequence[int] = (0,)) -> int:
        """Show and run one `mlrt` command. Raises MlrtError when its exit code is not in `allow`."""
        self.show(*arguments)
        code = run(arguments)
        if code not in allow:
            raise MlrtError(f"demo: `{self.commands[-1]}` ended with exit code {code} — its message is above")
        return code

    def say(self, text: str) -> None:
        """Print one result line."""
        self.console.print(text, markup=False, soft_wrap=True)
