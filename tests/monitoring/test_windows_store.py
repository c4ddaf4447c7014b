"""The log of windows: what was acknowledged is there after a kill, readers see whole windows, parts of one add up."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from window_cases import BASELINE, MINUTE, START, plain, reference, rows_at, sizes
from window_worker import windows_of

from mlops_runtime.core.errors import ConfigError, IntegrityError, SchemaError
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.windows import Decayed, Tumbling, Window, WindowedMonitor, WindowStore, roll

WORKER = Path(__file__).with_name("window_worker.py")


def tumbling(minutes: list[float], size: int = 5) -> list[Window]:
    monitor = WindowedMonitor(BASELINE, Tumbling(size * MINUTE), keys=["tenant"])
    return monitor.update(rows_at(minutes), time="at") + monitor.close()


def order(window: Window) -> tuple[object, ...]:
    return window.span.end, window.span.start, window.number, *window.key.items()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("windows_*.journal"))


def test_windows_read_back_are_the_same_bit_for_bit_and_in_order(tmp_path: Path) -> None:
    windows = [*windows_of(3, "w"), *windows_of(1, "w"), *tumbling([1, 7, 300])]
    decayed = WindowedMonitor(BASELINE, Decayed(5 * MINUTE, 5 * MINUTE))
    windows += decayed.update(rows_at([1, 2, 8]), time="at") + decayed.close()
    with WindowStore(tmp_path) as store:
        for window in windows:
            store.append([window], BASELINE)
        found = WindowStore(tmp_path).windows()
        assert plain(found) == plain(sorted(windows, key=order))
        assert WindowStore(tmp_path).baseline(BASELINE.digest).to_files() == BASELINE.to_files()
        assert store.state().records == len(windows)
    assert found[0].report(BASELINE).dataset.n_current == found[0].rows


def test_an_empty_store_has_no_windows_and_makes_no_folder(tmp_path: Path) -> None:
    store = WindowStore(tmp_path / "none")
    store.append([], BASELINE)
    assert (store.windows(), store.state().segments, store.trim()) == ([], 0, 0)
    assert not (tmp_path / "none").exists()


def test_windows_are_chosen_by_time_and_by_key(tmp_path: Path) -> None:
    store = WindowStore(tmp_path)
    store.append([*windows_of(1, "v"), *windows_of(2, "w"), *windows_of(3, "w")], BASELINE)
    chosen = store.windows(since=START + 2 * MINUTE, until=START + 3 * MINUTE, key={"tenant": "b"})
    assert [(dict(window.key), window.rows) for window in chosen] == [({"tenant": "b", "writer": "w"}, 3)]
    assert len(store.windows(since=START + 3 * MINUTE)) == 2
    assert store.windows(key={"model": "m"}) == []


def test_parts_from_two_servers_add_up_to_what_one_would_have_counted(tmp_path: Path) -> None:
    table = rows_at([1, 2, 3, 4, 7])
    for server in range(2):
        monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
        WindowStore(tmp_path).append(monitor.update(table[server::2], time="at") + monitor.close(), BASELINE)
    one = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
    assert plain(WindowStore(tmp_path).windows()) == plain(one.update(table, time="at") + one.close())
    assert len(segments(tmp_path)) == 2


def test_a_window_of_another_baseline_is_refused(tmp_path: Path) -> None:
    store = WindowStore(tmp_path)
    other = Baseline.fit(reference()[:300])
    with pytest.raises(SchemaError, match="over baseline"):
        store.append(tumbling([1]), other)
    monitor = WindowedMonitor(other, Tumbling(MINUTE))
    mixed = [*tumbling([1]), *monitor.update(rows_at([1]), time="at"), *monitor.close()]
    with pytest.raises(SchemaError, match="over baseline"):
        store.append(mixed, BASELINE)
    assert store.windows() == []


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path, soak_factor: int) -> None:
    rng = random.Random(7)
    for campaign in range(soak_factor):
        folder, acknowledged = tmp_path / str(campaign), dict[str, int]()
        for turn in range(3):
            acknowledged |= _killed_writers(folder, [f"{turn}-0", f"{turn}-1"], rng)
        _check(folder, acknowledged)


def _killed_writers(folder: Path, writers: list[str], rng: random.Random) -> dict[str, int]:
    """Let writers append at the same time, kill them, and return the last pane that each had acknowledged."""
    acknowledged: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        processes = {}
        for writer in writers:
            command = [sys.executable, WORKER, "forever", folder, writer, "4000"]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            processes[writer] = process
        for writer, process in processes.items():
            assert process.stdout is not None
            for number in range(1 + rng.randrange(6)):
                assert process.stdout.readline() == f"{number}\n"
                acknowledged[writer] = number
        assert {window.key["writer"] for window in WindowStore(folder).windows()} >= set(writers)  # they still write
        for writer, process in processes.items():
            time.sleep(rng.random() * 0.05)
            process.kill()
            assert process.stdout is not None
            acknowledged[writer] = max([acknowledged[writer], *map(int, process.stdout.read().split())])
    return acknowledged


def _check(folder: Path, acknowledged: dict[str, int]) -> None:
    """Every window is one that its writer made, whole, and each writer's are there up to the last acknowledged."""
    found: dict[str, list[Window]] = {}
    for window in WindowStore(folder).windows():
        found.setdefault(window.key["writer"], []).append(window)
    for writer, last in acknowledged.items():
        numbers = [round((window.span.start - START) / MINUTE) for window in found[writer]]
        assert numbers[: 2 * (last + 1)] == [number for number in range(last + 1) for _ in "ab"]
        assert len(numbers) <= 2 * (last + 2)
        for number in (0, last):
            mine = [window for window, one in zip(found[writer], numbers, strict=True) if one == number]
            assert plain(mine) == plain(windows_of(number, writer))


def test_a_full_disk_refuses_whole_appends_and_the_store_goes_on(tmp_path: Path) -> None:
    WindowStore(tmp_path).append(windows_of(0, "before"), BASELINE)
    size = segments(tmp_path)[0].stat().st_size
    done = subprocess.run(
        [sys.executable, WORKER, "limited", tmp_path, "w", str(size * 2)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    outcomes = [line.split() for line in done.stdout.splitlines()]
    assert {"taken", "ConfigError"} == {what for _, what in outcomes}
    taken = [0, *(int(number) for number, what in outcomes if what == "taken")]
    windows = WindowStore(tmp_path).windows(key={"writer": "w"})
    assert plain(windows) == plain(window for number in taken for window in windows_of(number, "w"))


def test_threads_append_to_one_store(tmp_path: Path) -> None:
    store = WindowStore(tmp_path, segment_bytes=3000)

    def work(writer: str) -> None:
        for number in range(10):
            store.append(windows_of(number, writer), BASELINE)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(segments(tmp_path)) > 4
    assert len(store.windows()) == 4 * 10 * 2


def test_the_oldest_segments_go_first_and_never_one_that_is_written(tmp_path: Path) -> None:
    writer = WindowStore(tmp_path, segment_bytes=1)
    for number in range(6):
        writer.append(windows_of(number, "w"), BASELINE)
    most = sum(path.stat().st_size for path in segments(tmp_path)[-3:])
    assert WindowStore(tmp_path, max_bytes=most).trim() == 3
    assert [window.number for window in writer.windows(key={"tenant": "a"})] == [
        window.number for number in (3, 4, 5) for window in windows_of(number, "w")[:1]
    ]
    assert WindowStore(tmp_path, max_bytes=1).trim() == 2
    writer.close()
    assert WindowStore(tmp_path, max_bytes=1).trim() == 1


def test_old_segments_are_removed_when_a_new_one_begins(tmp_path: Path) -> None:
    with WindowStore(tmp_path) as store:
        store.append(windows_of(0, "w"), BASELINE)
    (old,) = segments(tmp_path)
    os.utime(old, (1_000_000, 1_000_000))
    WindowStore(tmp_path, max_age=dt.timedelta(days=365 * 100)).append(windows_of(1, "w"), BASELINE)
    assert old.exists()
    WindowStore(tmp_path, max_age=dt.timedelta(days=1)).append(windows_of(2, "w"), BASELINE)
    assert not old.exists()
    assert len(segments(tmp_path)) == 2


def test_compaction_adds_panes_up_and_changes_no_sum(tmp_path: Path) -> None:
    minutes = [float(minute) for minute in range(0, 180, 7)]
    with WindowStore(tmp_path, segment_bytes=1) as store:
        for window in tumbling(minutes):
            store.append([window], BASELINE)
        by_rows = WindowedMonitor(BASELINE, Tumbling(3))
        kept = by_rows.update(rows_at([1, 2, 3]), time="at")
        store.append(kept, BASELINE)
    hour = Tumbling(60 * MINUTE)
    before = WindowStore(tmp_path).windows(key={"tenant": "a"})
    count = len(segments(tmp_path))
    assert WindowStore(tmp_path).compact(hour, before=START + 2000 * MINUTE) == count
    after = WindowStore(tmp_path).windows(key={"tenant": "a"})
    assert plain(after) == plain(roll(before, hour)) == plain(tumbling(minutes, size=60))
    assert len(segments(tmp_path)) == 1
    assert plain(WindowStore(tmp_path).windows()) == plain(sorted([*kept, *after], key=lambda one: one.span.end))


def test_readers_see_every_row_once_while_segments_are_compacted(tmp_path: Path) -> None:
    parts = tumbling([float(minute) for minute in range(0, 60, 3)])
    wrong: list[int] = []
    done = threading.Event()

    def read() -> None:
        store = WindowStore(tmp_path)
        while not done.is_set():
            rows = sum(window.rows for window in store.windows(until=START + 60 * MINUTE))
            if rows != 20:
                wrong.append(rows)

    with WindowStore(tmp_path, segment_bytes=1) as store:
        for part in parts:
            store.append([part], BASELINE)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(6):
        with WindowStore(tmp_path) as store:
            store.append(windows_of(100 + turn, "w"), BASELINE)
        store.compact(Tumbling((10 + turn % 2) * MINUTE), before=START + 1000 * MINUTE)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(segments(tmp_path)) == 1


def test_who_asks_again_reads_only_what_is_new(tmp_path: Path) -> None:
    writer, reader = WindowStore(tmp_path, segment_bytes=1), WindowStore(tmp_path)
    writer.append(windows_of(1, "w"), BASELINE)
    writer.append(windows_of(2, "w"), BASELINE)
    since = START + 2 * MINUTE
    assert sizes(reader.windows(since=since)) == [(2, 1), (2, 3)]
    old = segments(tmp_path)[0]
    old.write_bytes(b"x" * old.stat().st_size)  # not read again, so not missed
    writer.append(windows_of(3, "w"), BASELINE)
    assert sizes(reader.windows(since=since)) == [(2, 1), (2, 3), (3, 1), (3, 4)]
    with pytest.raises(IntegrityError, match="a journal"):
        reader.windows()
    old.unlink()
    assert len(reader.windows(since=since)) == 4


def test_compaction_leaves_what_is_written_and_what_is_not_over(tmp_path: Path) -> None:
    live, done = WindowStore(tmp_path), WindowStore(tmp_path)
    live.append(windows_of(1, "live"), BASELINE)
    done.append(windows_of(100, "done"), BASELINE)
    done.close()
    assert live.compact(Tumbling(60 * MINUTE), before=START + 50 * MINUTE) == 0
    assert live.compact(Tumbling(60 * MINUTE), before=START + 200 * MINUTE) == 1
    assert sizes(live.windows()) == [(1, 1), (1, 2), (60, 1), (60, 3)]


def test_a_segment_that_was_replaced_but_is_still_there_does_not_count_twice(tmp_path: Path) -> None:
    with WindowStore(tmp_path) as store:
        store.append(windows_of(1, "w"), BASELINE)
    (old,) = segments(tmp_path)
    content = old.read_bytes()
    store.compact(Tumbling(MINUTE), before=START + 60 * MINUTE)
    old.write_bytes(content)  # as after a crash between the two steps
    assert plain(store.windows()) == plain(windows_of(1, "w"))


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"segment_bytes": -1}, {"max_age": dt.timedelta(0)}])
def test_limits_that_make_no_sense_are_refused(tmp_path: Path, limits: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="limits above 0"):
        WindowStore(tmp_path, **limits)  # type: ignore[arg-type]


def another(value: float) -> Baseline:
    return Baseline.fit(reference().append_column("more", pa.array([value] * reference().num_rows)))


def window_of(baseline: Baseline) -> list[Window]:
    monitor = WindowedMonitor(baseline, Tumbling(5 * MINUTE))
    return monitor.update(rows_at([1]), time="at") + monitor.close()


def test_baselines_go_when_no_window_is_left_of_them_and_not_before(tmp_path: Path) -> None:
    old, new = another(1.0), another(2.0)
    for baseline in (old, new):
        with WindowStore(tmp_path) as store:
            store.append(window_of(baseline), baseline)
    store = WindowStore(tmp_path, max_age=dt.timedelta(hours=1))
    os.utime(segments(tmp_path)[0], (1, 1))
    gone = next(w.baseline for w in window_of(old))
    assert store.collect().segments == 1
    assert store.baseline(gone).digest == gone, "who reads the window now needs it"
    done = store.collect()
    assert (done.segments, done.baselines) == (0, 1)
    assert done.baseline_bytes > 100
    with pytest.raises(IntegrityError):
        store.baseline(gone)
    assert [window.report(new).dataset.n_current for window in store.windows()] == [1]


def test_a_writer_whose_old_windows_were_collected_brings_its_baseline_again(tmp_path: Path) -> None:
    with WindowStore(tmp_path, segment_bytes=1, max_bytes=1) as store:
        for _ in range(3):
            store.append(tumbling([1, 7]), BASELINE)
            store.close()
            WindowStore(tmp_path, max_bytes=1).collect()
            WindowStore(tmp_path, max_bytes=1).collect()
            assert WindowStore(tmp_path).windows() == []
        store.append(tumbling([1, 7]), BASELINE)
        WindowStore(tmp_path).collect()
        assert [one.report(store.baseline(one.baseline)).dataset.n_current for one in WindowStore(tmp_path).windows()]


def test_collecting_while_others_write_leaves_every_window_its_baseline(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    baselines = [another(float(number)) for number in range(3)]

    def write(number: int) -> None:
        try:
            for _ in range(15):
                with WindowStore(tmp_path) as store:
                    store.append(window_of(baselines[number]), baselines[number])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        WindowStore(tmp_path).collect()
    for thread in threads:
        thread.join()
    assert failures == []
    windows = WindowStore(tmp_path).windows()
    assert sum(window.rows for window in windows) == 45
    assert len({window.baseline for window in windows}) == 3
