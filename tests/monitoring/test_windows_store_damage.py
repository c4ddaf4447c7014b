"""A window store whose files were changed or never were its own: an error that names the file, no wrong window."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from window_cases import BASELINE
from window_worker import windows_of

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.core.journal import journal_bytes, read_journal
from mlops_runtime.monitoring.windows import WindowStore


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("windows_*.journal"))


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"no json\n",
        b"[]\n",
        b'{"format":2}\n',
        b"[" * 100_000 + b"\n",
        canonical_json(
            {"format": 1, "key": {}, "number": 0, "rows": 0, "weighted": False, "span": {}, "baseline": "x"}
        ),
        b'{"replaces": 5}',
    ],
)
def test_a_journal_of_something_else_is_refused(tmp_path: Path, record: bytes) -> None:
    (tmp_path / f"windows_{'0' * 32}.journal").write_bytes(journal_bytes([record]))
    with pytest.raises(IntegrityError, match="windows_0000"):
        WindowStore(tmp_path).windows()


def test_a_damaged_record_or_baseline_is_an_error_and_a_link_is_refused(tmp_path: Path) -> None:
    store = WindowStore(tmp_path)
    store.append(windows_of(1, "w"), BASELINE)
    store.append(windows_of(2, "w"), BASELINE)
    (path,) = segments(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:200] + b"?" + data[201:])
    with pytest.raises(IntegrityError, match="damaged one at byte 8"):
        store.windows()
    path.write_bytes(data)
    (tmp_path / f"windows_{'f' * 32}.journal").symlink_to(path)
    with pytest.raises(IntegrityError, match="symbolic link"):
        store.windows()
    (tmp_path / f"windows_{'f' * 32}.journal").unlink()
    assert len(store.windows()) == 4
    next((tmp_path / "baselines").glob("*/*")).write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="sha256"):
        WindowStore(tmp_path).windows()


@pytest.mark.parametrize(
    "body",
    [
        b"not deflated",
        zlib.compress(b""),
        zlib.compress(b"{}"),
        zlib.compress(b"[]"),
        zlib.compress(b'{"x": 5, "city": {}}'),
        zlib.compress(b'{"x": {"rows": -1}, "city": {}}'),
        zlib.compress(b'{"x": {"counts": [1, 2]}, "city": {}}'),
        zlib.compress(b'{"x": {"total": "' + b"9" * 10_000 + b'"}, "city": {}}'),
        zlib.compress(b'{"x": {"kind": "image"}, "city": {}}'),
        zlib.compress(b"[" * 200_000),
    ],
)
def test_counts_that_do_not_add_up_are_refused(tmp_path: Path, body: bytes) -> None:
    with WindowStore(tmp_path) as store:
        store.append(windows_of(1, "w"), BASELINE)
    (path,) = segments(tmp_path)
    head = read_journal(path).payloads[0].partition(b"\n")[0]
    path.write_bytes(journal_bytes([head + b"\n" + body]))
    with pytest.raises(IntegrityError, match=path.name):
        WindowStore(tmp_path).windows()
