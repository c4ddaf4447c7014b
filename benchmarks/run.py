"""Run benchmarks one after the other: `python benchmarks/run.py [kernels|features|drift|…|all] [--quick]`.

A script belongs to the group its name holds (`bench_adult_features.py`: features); all others are `kernels`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent
_OWN_GROUPS = ("drift", "features", "loader", "serving", "training")


def scripts(group: str) -> list[Path]:
    """Return the scripts of a group, in name order."""
    found = sorted(_FOLDER.glob("bench_*.py"))
    return [path for path in found if group in ("all", _group(path))]


def _group(script: Path) -> str:
    words = script.stem.split("_")
    return next((group for group in _OWN_GROUPS if group in words), "kernels")


def main() -> int:
    """Run a group and then rewrite the README's figures; returns the number of scripts that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", nargs="?", default="all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the scripts; writes no record")
    options = parser.parse_args()
    chosen = scripts(options.group)
    if not chosen:
        parser.error(f"expected a group that has a script in {_FOLDER}, got {options.group!r}")
    flags = ["--quick"] if options.quick else []
    failed = [
        path.name for path in chosen if subprocess.run([sys.executable, str(path), *flags], check=False).returncode
    ]
    for name in failed:
        print(f"{name}: failed, see above", file=sys.stderr)
    if not options.quick and not failed:
        subprocess.run([sys.executable, str(_FOLDER / "report.py")], check=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
