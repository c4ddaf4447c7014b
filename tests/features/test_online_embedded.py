"""The embedded store alone: its versions whole at any moment, whoever is killed, whatever the disk does."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError, SchemaError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.online import OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.manifest import MANIFEST, StoreManifest
from tests.features.online_worker import KEYS, VIEW, rows_of, write_version

WORKER = Path(__file__).with_name("online_worker.py")
ENOUGH_S = 120


def command(name: str, folder: Path, *numbers: int) -> list[str]:
    return [sys.executable, str(WORKER), name, str(folder), *map(str, numbers)]


def version_of(store: EmbeddedStore, keys: int = KEYS) -> int:
    """The version that a read of all keys sees: every feature of every row has to say the same."""
    rows = store.read(list(range(keys)))
    assert rows.found.all()
    versions = set(rows.numbers.ravel().tolist()) | {
        float(text[1:]) for text in rows.texts["text"].unique().to_pylist()
    }
    assert len(versions) == 1, f"a mixture: {sorted(versions)}"
    return int(versions.pop())


def segment_files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.endswith(".rows")}


def test_a_writer_killed_at_any_moment_leaves_the_old_version_or_the_new(tmp_path: Path, soak_factor: int) -> None:
    folder, random_points = tmp_path / "store", random.Random(20_261_123)
    write_version(EmbeddedStore(folder, VIEW), 1)
    reader, done = EmbeddedStore(folder), 1
    for _ in range(4 * soak_factor):
        with subprocess.Popen(command("write_forever", folder, done), stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            deadline = time.monotonic() + random_points.uniform(0.0, 0.3)
            seen = done
            while time.monotonic() < deadline:
                seen = max(seen, latest := version_of(reader))
                assert latest == seen, "an older version came back"
            writer.send_signal(signal.SIGKILL)
            announced = [int(line) for line in writer.stdout]
        done = max([done, *announced])
        after = version_of(EmbeddedStore(folder))
        assert after == version_of(reader)
        assert max(done, seen) <= after <= done + 1
        done = after
    write_version(EmbeddedStore(folder), done + 1)
    assert segment_files(folder) == {entry.name for entry in reader.manifest.segments}
    assert sorted(path.name for path in folder.iterdir()) == sorted({MANIFEST, *segment_files(folder)})


def test_threads_that_read_see_whole_versions_while_one_writes_and_merges(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW, memory_bytes=1 << 16)
    write_version(store, 1)
    stop, failures = threading.Event(), []

    def read() -> None:
        seen = 0
        try:
            while not stop.is_set():
                latest = version_of(store)
                assert latest >= seen
                seen = latest
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for version in range(2, 12):
        write_version(store, version)
    stop.set()
    for reader in readers:
        reader.join(ENOUGH_S)
    assert failures == []
    assert version_of(store) == 11


def test_small_writes_are_merged_into_few_segments(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    counts = []
    for version in range(2, 40):
        with store.writing() as writing:
            writing.add(rows_of(version, 10, 7 * version), np.full(10, version), np.full(10, version))
        counts.append(len(store.manifest.segments))
        assert segment_files(store.folder) == {entry.name for entry in store.manifest.segments}
    assert 1 < max(counts) <= 4
    rows = store.read(list(range(KEYS)))
    newest = [max([1, *(v for v in range(2, 40) if 7 * v <= key < 7 * v + 10)]) for key in range(KEYS)]
    assert rows.numbers[:, 0].tolist() == newest
    assert rows.event.tolist() == newest


def test_a_late_row_in_a_later_write_does_not_return_after_a_merge(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    for version in (5, 3, 4, 1):
        write_version(store, version)
    assert version_of(store) == 5
    assert sum(entry.rows for entry in store.manifest.segments) == KEYS


def test_a_version_that_somebody_reads_stays_whole_when_its_files_are_removed(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    held, files = store._live.version, segment_files(store.folder)
    write_version(store, 2)
    assert not files & segment_files(store.folder)
    found, _, numbers, *_ = held.read(list(range(KEYS)), -(2**63), 2**63 - 1)
    assert found.all()
    assert set(numbers.ravel().tolist()) == {1.0}


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW, memory_bytes=1 << 12)
    write_version(store, 1)
    before = {path.name: path.read_bytes() for path in store.folder.iterdir()}

    def fail() -> None:
        with store.writing() as writing:
            writing.add(rows_of(2), np.full(KEYS, 2), np.full(KEYS, 2))
            raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        fail()
    assert {path.name: path.read_bytes() for path in store.folder.iterdir()} == before
    assert version_of(store) == 1


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = EmbeddedStore(folder, VIEW)
    with subprocess.Popen(command("hold", folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "holding\n"
        second = threading.Thread(target=write_version, args=(store, 4))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert not store.read([0]).found.any()
        first.stdin.write("\n")
        first.stdin.close()
        second.join(ENOUGH_S)
    assert store.read([0, 1]).numbers[:, 0].tolist() == [5.0, 4.0]


def test_a_full_disk_leaves_the_old_version(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    mount = f"mount -t tmpfs -o size=400k none '{disk}'"
    if subprocess.run([*unshare, "sh", "-c", mount], capture_output=True).returncode != 0:
        pytest.skip("no private tmpfs can be mounted here (unshare --mount)")
    steps = [
        mount,
        " ".join(command("write_once", disk / "store", 1, 1000)),
        f"cp -r {disk}/store {tmp_path}/before",
        f"{' '.join(command('write_once', disk / 'store', 2, 50_000))}; test $? = 7",
        f"cp -r {disk}/store {tmp_path}/after",
    ]
    done = subprocess.run([*unshare, "sh", "-c", " && ".join(steps)], capture_output=True, text=True, timeout=ENOUGH_S)
    assert done.returncode == 0, done.stderr
    assert CapacityError.__name__ in done.stdout
    assert "no space left" in done.stdout
    before, after = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("before", "after")
    )
    assert before == after
    assert version_of(EmbeddedStore(tmp_path / "after"), 1000) == 1


def test_a_write_past_the_file_size_limit_leaves_the_old_version(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = EmbeddedStore(folder, VIEW)
    write_version(store, 1)
    done = subprocess.run(
        command("write_limited", folder, 2, 50_000, 1 << 20), capture_output=True, text=True, timeout=ENOUGH_S
    )
    assert done.returncode == 7, done.stderr
    assert "File too large" in done.stdout
    assert version_of(store) == version_of(EmbeddedStore(folder)) == 1
    assert segment_files(folder) == {entry.name for entry in store.manifest.segments}


def test_any_change_of_a_file_is_refused_before_it_is_used(tmp_path: Path, soak_factor: int) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    write_version(store, 2, 300)
    damage, folder = random.Random(7), tmp_path / "damaged"
    names = sorted(path.name for path in store.folder.iterdir())
    assert len(names) == 3
    for turn in range(60 * soak_factor):
        shutil.copytree(store.folder, folder)
        path = folder / names[turn % 3]
        data = bytearray(path.read_bytes())
        if turn % 5 == 0:
            del data[damage.randrange(len(data)) :]
        elif turn % 5 == 1:
            data += bytes(damage.randrange(1, 5000))
        else:
            data[damage.randrange(len(data))] ^= 1 << damage.randrange(8)
        path.write_bytes(data)
        with pytest.raises(IntegrityError):
            EmbeddedStore(folder)
        shutil.rmtree(folder)


def test_a_new_version_that_is_damaged_is_refused_by_an_open_reader(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    changed = store.folder / "other"
    changed.write_bytes((store.folder / MANIFEST).read_bytes().replace(b'"generation":1', b'"generation":2'))
    changed.replace(store.folder / MANIFEST)
    with pytest.raises(IntegrityError, match="sha256"):
        store.read([1])


def test_missing_files_links_and_other_versions_of_the_format_are_refused(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    (name,) = segment_files(store.folder)
    elsewhere = (store.folder / name).rename(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=name):
        EmbeddedStore(store.folder)
    (store.folder / name).symlink_to(elsewhere)
    with pytest.raises(IntegrityError, match=name):
        EmbeddedStore(store.folder)
    with pytest.raises(IntegrityError, match="format 1"):
        StoreManifest.from_bytes(
            store.manifest.to_bytes().replace(b'"format_version":1', b'"format_version":2'), where="x"
        )
    elsewhere.replace(store.folder / name)
    manifest = (store.folder / MANIFEST).rename(tmp_path / "manifest")
    (store.folder / MANIFEST).symlink_to(manifest)
    with pytest.raises(IntegrityError):
        EmbeddedStore(store.folder)


def test_a_folder_without_a_store_is_refused_unless_a_view_is_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected an online store"):
        EmbeddedStore(tmp_path / "store")
    assert not (tmp_path / "store").exists()
    EmbeddedStore(tmp_path / "store", VIEW)
    assert EmbeddedStore(tmp_path / "store").view == VIEW
    other = OnlineView("numbers", VIEW.keys, VIEW.features.select(["a"]))
    with pytest.raises(SchemaError, match="other features"):
        EmbeddedStore(tmp_path / "store", other)


def test_an_open_reader_refuses_a_store_of_another_view_in_the_same_place(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    shutil.rmtree(store.folder)
    with pytest.raises(IntegrityError, match="expected a manifest"):
        store.read([1])
    EmbeddedStore(store.folder, TEXT_VIEW)
    with pytest.raises(SchemaError, match="other name and keys and features"):
        store.read([1])


def test_a_reader_needs_no_right_to_write(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    write_version(store, 1)
    for path in store.folder.iterdir():
        path.chmod(0o444)
    store.folder.chmod(0o555)
    before = {path.name for path in store.folder.iterdir()}
    try:
        assert version_of(EmbeddedStore(store.folder)) == version_of(store) == 1
        assert {path.name for path in store.folder.iterdir()} == before
    finally:
        store.folder.chmod(0o755)


TEXT_VIEW = OnlineView("texts", Schema((Column("name", "string"),)), Schema((Column("note", "string"),)))


def write_texts(store: EmbeddedStore, names: list[Any], notes: list[Any], moment: int) -> None:
    times = np.full(len(names), moment)
    with store.writing() as writing:
        writing.add(pa.table({"name": names, "note": notes}), times, times)


def test_keys_are_whole_up_to_64_kib_and_refused_beyond(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", TEXT_VIEW)
    keys = ["x" * size for size in (1, 15, 16, 17, 39, 40, 41, 240, 241, 65_535, 65_536)] + ["é" * 20, "ü" * 32_768]
    write_texts(store, keys, [f"of {len(key)}" for key in keys], 1)
    found = store.read([*keys, "x" * 65_534])
    assert found.table()["note"].to_pylist() == [*(f"of {len(key)}" for key in keys), None]
    with pytest.raises(SchemaError, match="65536 bytes"):
        write_texts(store, ["x" * 65_537], [""], 2)
    with pytest.raises(SchemaError, match="65536 bytes"):
        store.read(["é" * 32_769])
    assert store.read(keys).found.all()


def test_texts_of_any_length_come_back_after_merges(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", TEXT_VIEW)
    expected: dict[str, str | None] = {}
    for turn in range(8):
        part = {f"key {number}": "é" * (number * turn * 50) or None for number in range(turn, 60, 3)}
        write_texts(store, list(part), list(part.values()), turn)
        expected |= part
    again = EmbeddedStore(store.folder).read(list(expected))
    assert again.table()["note"].to_pylist() == list(expected.values())


def test_no_file_of_the_store_holds_a_forgotten_key_or_its_values(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store", TEXT_VIEW)
    names = [f"person {number:04}" for number in range(2000)]
    write_texts(store, names, [f"secret {number:04}" for number in range(2000)], 1)
    write_texts(store, names[:20], [f"hidden {number:04}" for number in range(20)], 2)
    (store.folder / ".0123456789abcdef.rows.0123456789abcdef.tmp").write_bytes(b"person 0007, of a killed writer")
    assert len(store.manifest.segments) == 2
    assert store.forget(["person 0007", "person 0200", "nobody"]) == 2
    for path in store.folder.iterdir():
        data = path.read_bytes()
        for word in (b"person 0007", b"secret 0007", b"hidden 0007", b"person 0200", b"secret 0200"):
            assert word not in data, f"{path.name} holds {word!r}"
    rest = [name for name in names if name not in ("person 0007", "person 0200")]
    assert store.read(rest).found.all()
    assert store.read(["person 0006"]).table()["note"].to_pylist() == ["hidden 0006"]
    assert store.forget({"name": names}) == 1998
    assert segment_files(store.folder) == set()
    assert not store.read(names).found.any()
