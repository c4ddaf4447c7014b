"""Journals: every record whole or not there, whatever is cut, flipped or killed; damage before the end is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError
from mlops_runtime.core.journal import Journal, journal_bytes, read_journal
from mlops_runtime.core.lock import try_exclusive

PAYLOADS = (b"", b"one", b"\xffREC" * 20, bytes(range(256)) * 10)


def written(path: Path) -> Path:
    journal = Journal(path)
    journal.append(PAYLOADS[:1])
    journal.append(PAYLOADS[1:])
    journal.close()
    return path


def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    records = read_journal(written(tmp_path / "below" / "j"))
    assert (records.payloads, records.torn_bytes) == (PAYLOADS, 0)
    assert (tmp_path / "below" / "j").read_bytes() == journal_bytes(PAYLOADS)


def test_a_journal_is_read_while_it_is_written_and_held_by_its_writer(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    assert read_journal(journal.path).payloads == ()
    journal.append([b"one"])
    assert read_journal(journal.path).payloads == (b"one",)
    with try_exclusive(journal.path) as free:
        assert not free
    journal.close()
    with try_exclusive(journal.path) as free:
        assert free
    with pytest.raises(ConfigError, match="cannot be written"):
        journal.append([b"two"])


def test_cut_anywhere_it_holds_the_records_before_the_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "j")
    whole = path.read_bytes()
    ends = [len(journal_bytes(PAYLOADS[:count])) for count in range(len(PAYLOADS) + 1)]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        count = sum(end <= cut for end in ends[1:])
        found = read_journal(path)
        assert found.payloads == PAYLOADS[:count]
        assert found.torn_bytes == max(0, cut - ends[count])


@given(hs.integers(0, 10**6), hs.integers(0, 7))
def test_a_flipped_bit_loses_at_most_the_last_record_and_invents_none(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    data = bytearray(journal_bytes(PAYLOADS))
    place %= len(data)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    if place >= len(journal_bytes(PAYLOADS[:-1])):
        assert read_journal(path).payloads == PAYLOADS[:-1]
    else:
        with pytest.raises(IntegrityError, match=r"a journal|before whole ones"):
            read_journal(path)


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 4096, os.urandom(100), b"\xffREC\xff\xff\xff\x7f" + b"x" * 50],
    ids=["zeros", "noise", "a record's beginning"],
)
def test_whatever_a_power_loss_left_at_the_end_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = written(tmp_path / "j")
    path.write_bytes(path.read_bytes() + tail)
    found = read_journal(path)
    assert (found.payloads, found.torn_bytes) == (PAYLOADS, len(tail))


def test_a_file_made_to_be_slow_is_refused_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "j")
    mark = b"\xffREC" + (1 << 20).to_bytes(4, "little") + bytes(32)
    path.write_bytes(path.read_bytes() + mark * 200_000)
    with pytest.raises(IntegrityError, match="damaged"):
        read_journal(path)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"something else")
    (tmp_path / "link").symlink_to(written(tmp_path / "j"))
    os.mkfifo(tmp_path / "fifo")
    for name in ("text", "link", "fifo", "nowhere"):
        with pytest.raises(IntegrityError, match=name):
            read_journal(tmp_path / name)
    with pytest.raises(IntegrityError, match="at most 100 bytes"):
        read_journal(tmp_path / "j", limit=100)


def test_a_journal_is_never_made_over_another_file(tmp_path: Path) -> None:
    path = written(tmp_path / "j")
    with pytest.raises(ConfigError, match="cannot be written"):
        Journal(path)
    assert read_journal(path).payloads == PAYLOADS
    with pytest.raises(ConfigError, match="cannot be written"):
        Journal(path / "below")


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    code = (
        "import pathlib, resource, signal, sys\n"
        "from mlops_runtime.core.errors import ConfigError\n"
        "from mlops_runtime.core.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "journal.append([b'one'])\n"
        "size = journal.size\n"
        "try:\n"
        "    journal.append([b'x' * 5000])\n"
        "except ConfigError:\n"
        "    journal.append([b'two'])\n"
        "    print(size, journal.path.stat().st_size)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "j")], capture_output=True, text=True, check=True, timeout=60
    )
    before, after = map(int, done.stdout.split())
    assert after - before == before - 8  # one more record of the same size
    assert read_journal(tmp_path / "j").payloads == (b"one", b"two")


def test_more_than_a_journal_takes_at_once_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(CapacityError, match="at once"):
        journal.append([bytes(1 << 28)])
    assert journal.size == 8
    journal.close()
