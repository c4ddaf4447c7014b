"""Rewrite the tables of figures from `benchmarks/results/*.json`: no figure there is typed by hand.

All of them stand in benchmarks/README.md, the headlines in the top README. Usage: python benchmarks/report.py
[--check]. With --check nothing is written; exit code 1 when a table is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_TABLES = {_FOLDER.parent / "README.md": True, _FOLDER / "README.md": False}  # whether it holds the headlines alone
_HEADLINES = (
    "fit + transform, adult, 1,000,000 rows, 2 threads",
    "read CSV + fit + transform, adult, 1,000,000 rows, 2 threads",
    "whole program, 2,000,000 x (13 + 26)",
    "impute, log1p, scale, 2,000,000 x 13 float32, 2 threads",
    "vocabulary encode, dictionaries, 1,000,000 x 8, 2 threads",
    "shuffled epoch, 2,000,000 x 264 bytes, batches of 4,096, 2 thread(s)",
    "shuffled epoch beside DataLoader, 400,000 rows, 1 thread(s)",
    "full drift report, 1,000,000 x (50 numbers + 20 strings)",
    "drift report beside NannyML, 200,000 x (50 numbers + 20 strings)",
    "drift update, float32[64, 50]",
)
_BEGIN, _END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def section(records: list[dict[str, Any]], *, headlines: bool = False) -> str:
    """Return the Markdown table, one row a VALID measurement; NOISY ones are named below it, without figures.

    headlines: only those that the top README shows. Peers are named libraries; a contender called `mlops_runtime, …` is
    another form of ours and stays in the record.
    """
    lines = ["| measurement | ours | times faster than (95 % interval) | floor |", "|---|---:|---|---:|"]
    measurements = [measurement for record in records for measurement in record["measurements"]]
    if headlines:
        measurements = [measurement for measurement in measurements if measurement["name"] in _HEADLINES]
    lines += [_row(measurement) for measurement in measurements if measurement["verdict"] == "VALID"]
    noisy = [measurement["name"].partition(";")[0] for measurement in measurements if measurement["verdict"] != "VALID"]
    if noisy and not headlines:
        lines.extend(["", f"Measured, but on too noisy a machine to be reported: {'; '.join(noisy)}."])
    for machine in sorted({_machine(record) for record in records}):
        lines.extend(["", machine])
    return "\n".join(lines)


def _row(measurement: dict[str, Any]) -> str:
    contenders = {one["name"]: one for one in measurement["contenders"]}
    ours = next(one for one in measurement["contenders"] if one["role"] == "subject")
    against = [
        f"{ratio['peer']} {ratio['value']:.1f} ({ratio['low']:.1f} .. {ratio['high']:.1f})"
        for ratio in measurement["ratios"]
        if contenders[ratio["peer"]]["role"] == "peer" and not ratio["peer"].startswith("mlops_runtime")
    ]
    floors = [_duration(one["median_s"]) for one in measurement["contenders"] if one["role"] == "floor"]
    cells = (measurement["name"], _duration(ours["median_s"]), ", ".join(against), ", ".join(floors))
    return f"| {' | '.join(cells)} |"


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    return f"{machine['cpu']}, {machine['usable_cores']} cores, {machine['isa']}, Python {machine['python']}."


def _duration(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def main() -> int:
    """Rewrite (or check) the section between the markers of each page; returns the exit code."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((_FOLDER / "results").glob("*.json"))]
    is_stale = False
    for page, headlines in _TABLES.items():
        text = page.read_text(encoding="utf-8")
        if _BEGIN not in text or _END not in text:
            print(f"{page}: expected the markers {_BEGIN} and {_END}, got none — add them", file=sys.stderr)
            return 1
        before, rest = text.split(_BEGIN, 1)
        after = rest.split(_END, 1)[1]
        fresh = f"{before}{_BEGIN}\n{section(records, headlines=headlines)}\n{_END}{after}"
        is_stale |= fresh != text
        if "--check" not in sys.argv[1:]:
            page.write_text(fresh, encoding="utf-8")
    return int(is_stale and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
