"""States as bytes: what to_bytes wrote comes back the same, and nothing else comes back at all."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import Categories, Histogram, Moments, QuantileSample, TableCounts, VocabularyCounter

State = Moments | Histogram | TableCounts | QuantileSample | VocabularyCounter
HEADER, CHECK = 20, 4  # "mlrt", tag, version, size before the body; the CRC-32 behind it
WORDS = ["a", "bc", "é" * 8, "d" * 17, "bc", "", None]


def moments(values: Any) -> Moments:
    state = Moments()
    state.update(column(values), 0)
    return state


def histogram(values: Any) -> Histogram:
    state = Histogram(np.array([-1.0, 0.0, 2.5]))
    state.update(column(values), 0)
    return state


def histogram_of_integers(values: Any) -> Histogram:
    state = Histogram(np.array([2**60 + 1, 2**60 + 2]))
    state.update(column(values), 0)
    return state


def table(values: Any) -> TableCounts:
    keys = Categories(column(pa.array([1, 5])))
    state = TableCounts([np.array([0.0]), np.array([5, 9], np.uint64), keys])
    state.update(column(pa.array(values, pa.int64())), np.array([0, 0, 0]))
    return state


def sample(values: Any) -> QuantileSample:
    state = QuantileSample(4, 7)
    state.update(column(values), 0, len(values))
    return state


def counter(values: Any) -> VocabularyCounter:
    state = VocabularyCounter()
    state.update(column(values), 0)
    return state


NUMBERS = [1.5, -2.0, math.nan, math.inf, 1e300, -0.0]
STATES: dict[str, Callable[[], State]] = {
    "moments": lambda: moments(NUMBERS),
    "moments of large integers": lambda: moments(pa.array([2**63 - 1, None, -(2**63)], pa.int64())),
    "histogram over integers": lambda: histogram_of_integers([2**60 + 1, None, 2**60 + 3]),
    "table": lambda: table([5, None, 2**60 + 1, 1, 1]),
    "moments of nothing": Moments,
    "histogram": lambda: histogram(NUMBERS),
    "sample of everything": lambda: sample(NUMBERS[:3]),
    "sample of some": lambda: sample([*NUMBERS, *range(30)]),
    "sample of nothing": lambda: QuantileSample(4, 7),
    "strings": lambda: counter(WORDS),
    "integers": lambda: counter([3, -1, 3, None, 2**62]),
    "no keys": VocabularyCounter,
}


def contents(state: State) -> tuple[object, ...]:
    if isinstance(state, TableCounts):
        numbers = [contents(part) for c in (0, 1) for part in (state.histogram(c), state.moments(c))]
        return (*numbers, state.categories(2).to_bytes())
    if isinstance(state, Moments):
        counts = (state.count, state.missing, state.positive_infinite, state.negative_infinite)
        return (*counts, repr(state.minimum), repr(state.maximum), *state.sums())
    if isinstance(state, Histogram):
        return (state.counts.tolist(), state.missing, state.positive_infinite, state.negative_infinite)
    if isinstance(state, QuantileSample):
        return (state.count, state.sorted_values().tolist())
    entries = state.integer_entries() if state.kind == "int64" else state.string_entries()
    return (state.kind, state.missing, *(part.tolist() for part in entries))


def sealed(message: bytes) -> bytes:
    """The message with the check that belongs to it."""
    return message[:-CHECK] + struct.pack("<I", zlib.crc32(message[:-CHECK]))


@pytest.mark.parametrize("name", STATES)
def test_a_state_comes_back_the_same_and_merges_like_the_original(name: str) -> None:
    state: Any = STATES[name]()
    back = type(state).from_bytes(state.to_bytes())
    assert contents(back) == contents(state)
    back.merge(state)
    state.merge(state)
    assert contents(back) == contents(state)


def test_large_states_come_back_the_same() -> None:
    values = awkward_floats(100_000)
    words = [f"{i % 20_000:x}" * (1 + i % 9) for i in range(60_000)]
    taken = QuantileSample(5000)
    taken.update(column(values), 0, 0)
    for state in (moments(values), histogram(values), taken, counter(words), counter(pa.array(range(50_000)))):
        assert contents(type(state).from_bytes(state.to_bytes())) == contents(state)


def test_parts_that_travelled_make_the_sample_of_the_whole() -> None:
    values = awkward_floats(9000)
    whole, parts = QuantileSample(50, 1), [QuantileSample(50, 1) for _ in range(3)]
    whole.update(column(values), 0, 0)
    merged = QuantileSample(50, 1)
    for i, part in enumerate(parts):
        part.update(column(values[3000 * i : 3000 * (i + 1)]), 0, 3000 * i)
        merged.merge(QuantileSample.from_bytes(part.to_bytes()))
    merged = QuantileSample.from_bytes(merged.to_bytes())
    merged.update(column([5.0]), 0, 9000)
    whole.update(column([5.0]), 0, 9000)
    assert contents(merged) == contents(whole)


@pytest.mark.parametrize("name", STATES)
def test_no_byte_may_change_or_be_missing(name: str) -> None:
    state: Any = STATES[name]()
    message = state.to_bytes()
    for position in range(len(message)):
        with pytest.raises(ValueError, match="from_bytes"):
            type(state).from_bytes(message[:position])
        for bit in (0, 7):
            flipped = bytes([message[position] ^ 1 << bit])
            with pytest.raises(ValueError, match="from_bytes"):
                type(state).from_bytes(message[:position] + flipped + message[position + 1 :])
    with pytest.raises(ValueError, match="from_bytes"):
        type(state).from_bytes(message + b"\0")


@pytest.mark.parametrize("name", STATES)
def test_a_forged_state_is_refused_or_usable(name: str) -> None:
    state: Any = STATES[name]()
    message = state.to_bytes()
    for position in range(HEADER, len(message) - CHECK):
        for byte in (0x00, 0x01, 0x7F, 0x80, 0xFF, message[position] ^ 0x10):
            forged = sealed(message[:position] + bytes([byte]) + message[position + 1 :])
            try:
                back = type(state).from_bytes(forged)
            except ValueError:
                continue
            assert contents(type(state).from_bytes(back.to_bytes())) == contents(back)
            back.merge(back)
            contents(back)


def _forged(state: State, offset: int, number: bytes) -> bytes:
    """The state's bytes with `number` at `offset` of the body."""
    message = state.to_bytes()
    begin = HEADER + offset
    return sealed(message[:begin] + number + message[begin + len(number) :])


HUGE = struct.pack("<Q", 2**62)


@pytest.mark.parametrize(
    ("state", "offset", "number", "message"),
    [
        (Moments(), 0, struct.pack("<q", -1), "counts from 0"),
        (Moments(), 0, struct.pack("<q", 1), "finite, ordered extremes"),
        (moments([1.0, 2.0]), 32, struct.pack("<d", 3.0), "ordered extremes"),
        (moments([1.0]), 32, struct.pack("<d", math.nan), "finite"),
        (moments([1.0]), 48, struct.pack("<h", -1), "integers below 2\\^53 as they are"),
        (histogram([1.0]), 0, struct.pack("<Q", 3), "edges of a known type"),
        (histogram([1.0]), 8, HUGE, "room for 4611686018427387904 numbers"),
        (histogram([1.0]), 16, struct.pack("<d", 9.0), "strictly increasing"),
        (histogram([1.0]), 40, HUGE, "counts from 0"),
        (sample(NUMBERS), 0, HUGE, "capacity"),
        (sample(NUMBERS), 16, struct.pack("<q", 1), "as many values as were sampled"),
        (sample(NUMBERS[:1]), 16, struct.pack("<q", 2), "as many values as were sampled"),
        (sample(NUMBERS), 32, struct.pack("<d", math.inf), "finite values"),
        (counter([5, 6]), 8, HUGE, "as many keys as there are"),
        (counter([5, 5]), 24, struct.pack("<q", 0), "counts above 0"),
        (counter(["ab"]), 16, HUGE, "as many keys as there are"),
        (counter(["ab"]), 24, struct.pack("<I", 2**32 - 1), "4294967295 more bytes"),
        (counter(["ab"]), 24, struct.pack("<I", 0), "not empty"),
    ],
)
def test_sizes_and_counts_that_cannot_be_are_refused_before_memory_is_taken(
    state: State, offset: int, number: bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        type(state).from_bytes(_forged(state, offset, number))


def test_keys_given_twice_are_refused() -> None:
    state = counter([5, 6])
    first = struct.unpack_from("<q", state.to_bytes(), HEADER + 16)[0]
    with pytest.raises(ValueError, match="distinct keys"):
        VocabularyCounter.from_bytes(_forged(state, 32, struct.pack("<q", first)))


def test_the_bytes_of_another_class_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Moments\.from_bytes: expected the tag `mom `, got the bytes of another"):
        Moments.from_bytes(VocabularyCounter().to_bytes())
    with pytest.raises(TypeError):
        Moments.from_bytes("text")  # type: ignore[arg-type]
