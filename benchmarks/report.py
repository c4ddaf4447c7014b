"""Rewrite the benchmark table of README.md from `benchmarks/results/*.json`: no figure there is typed by hand.

Usage: python benchmarks/report.py [--check]. With --check nothing is written; exit code 1 when the README is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_README = _FOLDER.parent / "README.md"
_BEGIN, _END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def section(records: list[dict[str, Any]]) -> str:
    """Return the Markdown table: one row for each measured ratio; a NOISY measurement gives its reason, no figure."""
    lines = ["| measurement | ours | against | ratio (95 % interval) |", "|---|---:|---|---:|"]
    for record in records:
        for measurement in record["measurements"]:
            lines.extend(_rows(measurement))
    for machine in sorted({_machine(record) for record in records}):
        lines.extend(["", machine])
    return "\n".join(lines)


def _rows(measurement: dict[str, Any]) -> list[str]:
    if measurement["verdict"] != "VALID":
        return [f"| {measurement['name']} | | | not reported: {measurement['reason']} |"]
    medians = {one["name"]: one["median_s"] for one in measurement["contenders"]}
    return [
        f"| {measurement['name']} | {_duration(medians[ratio['subject']])} | {ratio['peer']} "
        f"({_duration(medians[ratio['peer']])}) | {ratio['value']:.2f}x ({ratio['low']:.2f} .. {ratio['high']:.2f}) |"
        for ratio in measurement["ratios"]
    ]


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    return f"{machine['cpu']}, {machine['usable_cores']} cores, {machine['isa']}, Python {machine['python']}."


def _duration(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def main() -> int:
    """Rewrite (or check) the section between the markers; returns the exit code."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((_FOLDER / "results").glob("*.json"))]
    text = _README.read_text(encoding="utf-8")
    if _BEGIN not in text or _END not in text:
        print(f"{_README}: expected the markers {_BEGIN} and {_END}, got none — add them", file=sys.stderr)
        return 1
    before, rest = text.split(_BEGIN, 1)
    after = rest.split(_END, 1)[1]
    fresh = f"{before}{_BEGIN}\n{section(records)}\n{_END}{after}"
    if "--check" in sys.argv[1:]:
        return int(fresh != text)
    _README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
