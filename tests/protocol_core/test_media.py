from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.media import Arrival, JitterBuffer, Unwrapper, add, distance, is_after

MODULI = st.sampled_from([16, 4096, 2**20])


@given(MODULI, st.integers(0, 2**24), st.integers(-(2**24), 2**24))
def test_adding_wraps(modulus, value, step):
    assert add(value, step, modulus) == (value + step) % modulus


@given(MODULI, st.data())
def test_distance_undoes_adding(modulus, data):
    value = data.draw(st.integers(0, modulus - 1))
    step = data.draw(st.integers(-modulus // 2, modulus // 2 - 1))
    moved = add(value, step, modulus)
    assert distance(moved, value, modulus) == step
    assert is_after(moved, value, modulus) == (step > 0)


def test_compares_modularly():
    assert is_after(0, 4095, 4096)
    assert not is_after(4095, 0, 4096)
    assert not is_after(5, 5, 4096)
    assert distance(10, 2**20 - 10, 2**20) == 20


@given(MODULI, st.data())
def test_unwraps_a_stream(modulus, data):
    steps = data.draw(st.lists(st.integers(-modulus // 2, modulus // 2 - 1), max_size=30))
    unwrapper = Unwrapper(modulus)
    position = unwrapper.unwrap(3)
    assert position == 3
    for step in steps:
        position += step
        assert unwrapper.peek(position % modulus) == position
        assert unwrapper.unwrap(position % modulus) == position
    unwrapper.reset()
    assert unwrapper.unwrap(7) == 7


class Stream:
    """Frames of 40 ms, pushed by number; yields the numbers that come out."""

    def __init__(self, *, sequence=0, timestamp=0, **changes):
        settings = {
            "sequence_modulus": 4096,
            "timestamp_modulus": 2**20,
            "reach": 500,
            "patience": 0.2,
        }
        self.buffer = JitterBuffer(**settings | changes)
        self.sequence = sequence
        self.timestamp = timestamp

    def push(self, number, now=0.0, **changes):
        frame = {
            "sequence": (self.sequence + number) % 4096,
            "timestamp": (self.timestamp + 40 * number) % 2**20,
            "duration": 40.0,
        }
        return self.buffer.push(number, now=now, **frame | changes)

    def feed(self, *numbers, now=0.0):
        out = []
        for number in numbers:
            self.push(number, now)
            out += self.buffer.pop(now)
        return out


def test_frames_in_order_leave_at_once():
    stream = Stream()
    assert stream.feed(0, 1, 2) == [0, 1, 2]
    assert stream.buffer.deadline() is None


def test_orders_by_timestamp():
    stream = Stream()
    assert stream.feed(0, 2, 3) == [0]
    assert len(stream.buffer) == 2
    assert stream.feed(1) == [1, 2, 3]


def test_orders_across_the_wrap():
    stream = Stream(sequence=4094, timestamp=2**20 - 50)
    assert stream.feed(0, 2, 1, 3, 5, 4) == [0, 1, 2, 3, 4, 5]


def test_gives_up_on_a_gap():
    stream = Stream()
    assert stream.feed(0, 2, now=1.0) == [0]
    assert stream.buffer.deadline() == pytest.approx(1.2)
    assert stream.buffer.pop(1.1) == []
    assert stream.buffer.pop(1.2) == [2]
    assert stream.push(1, 1.3) is Arrival.LATE
    assert stream.buffer.late == 1
    assert stream.feed(3, now=1.3) == [3]


def test_a_gap_that_is_over_takes_its_followers_along():
    stream = Stream()
    stream.feed(0, now=0.0)
    stream.feed(4, now=0.1)
    stream.feed(3, now=0.2)
    assert stream.buffer.pop(0.31) == [3, 4]


def test_removes_duplicates():
    stream = Stream()
    assert stream.feed(0, 0) == [0]
    assert stream.push(2) is Arrival.ACCEPTED
    assert stream.push(2) is Arrival.DUPLICATE
    assert stream.buffer.duplicates == 2


def test_the_sequence_breaks_ties():
    stream = Stream()
    stream.push(0)
    stream.push(3, timestamp=80)
    stream.push(2, timestamp=80)
    stream.push(1)
    assert stream.buffer.pop(0.0) == [0, 1, 2, 3]


def test_frames_at_one_time_are_told_apart_by_their_sequence():
    stream = Stream()
    assert stream.push(0, timestamp=0) is Arrival.ACCEPTED
    assert stream.push(1, timestamp=0) is Arrival.ACCEPTED
    assert stream.buffer.pop(0.0) == [0, 1]


def test_a_wide_jump_begins_anew():
    stream = Stream()
    assert stream.feed(0, 2, 100, 101) == [0, 2, 100, 101]
    assert stream.feed(5) == [5]  # backwards, too


def test_a_key_frame_begins_anew_within_reach():
    stream = Stream()
    stream.feed(5, 6)
    assert stream.push(0, restart=False, timestamp=180) is Arrival.LATE
    assert stream.push(0, restart=True, timestamp=180) is Arrival.ACCEPTED
    assert stream.buffer.pop(0.0) == [0]


def test_flush_and_reset():
    stream = Stream()
    stream.feed(0, 2, 4)
    assert stream.buffer.flush() == [2, 4]
    stream.feed(8)
    stream.buffer.reset()
    assert len(stream.buffer) == 0
    assert stream.feed(3) == [3]


@given(st.integers(0, 4095), st.integers(0, 2**20 - 1), st.integers(0, 200), st.randoms())
def test_reordering_within_reach_loses_nothing(sequence, timestamp, length, chance):
    stream = Stream(sequence=sequence, timestamp=timestamp)
    order = sorted(range(1, length), key=lambda number: number + chance.uniform(0, 8))
    assert stream.feed(0, *order) + stream.buffer.flush() == list(range(max(length, 1)))


@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 2**20 - 1), st.floats(0, 5))))
def test_survives_anything_and_invents_nothing(frames):
    stream = Stream()
    now, accepted, out = 0.0, 0, 0
    for sequence, timestamp, pause in frames:
        now += pause
        arrival = stream.push(0, now, sequence=sequence, timestamp=timestamp)
        accepted += arrival is Arrival.ACCEPTED
        out += len(stream.buffer.pop(now))
        due = stream.buffer.deadline()
        assert due is None or now < due <= now + 0.2
    assert out + len(stream.buffer.flush()) == accepted
