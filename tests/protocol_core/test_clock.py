"""Clocks fire timers in order, each at its own time."""

import pytest

from protocol_core.clock import LoopClock, ManualClock, ShiftableClock


class FakeLoop:
    """An event loop whose time the test sets; it wakes up what is due."""

    def __init__(self):
        self.moment = 1000.0
        self.clock = ManualClock(start=self.moment)

    def time(self):
        return self.clock.now()

    def call_at(self, when, callback):
        return self.clock.call_at(when, callback)

    def pass_time(self, seconds):
        self.clock.advance(seconds)


@pytest.fixture
def loop():
    return FakeLoop()


@pytest.fixture(params=["manual", "shiftable", "frozen"])
def clock(request, loop):
    if request.param == "manual":
        return ManualClock()
    clock = ShiftableClock(loop)
    if request.param == "frozen":
        clock.freeze()
    return clock


def test_timers_fire_in_order_at_their_own_time(clock):
    fired = []
    clock.call_at(20, lambda: fired.append(("late", clock.now())))
    clock.call_at(10, lambda: fired.append(("early", clock.now())))
    clock.advance(15)
    assert fired == [("early", 10)]
    clock.advance(5)
    assert fired == [("early", 10), ("late", 20)]
    assert clock.now() == 20


def test_timers_of_the_same_moment_fire_in_the_order_they_were_set(clock):
    fired = []
    for name in "abc":
        clock.call_at(1, lambda name=name: fired.append(name))
    clock.advance(1)
    assert fired == ["a", "b", "c"]


def test_a_timer_set_by_a_timer_fires_within_the_same_advance(clock):
    fired = []
    clock.call_at(1, lambda: clock.call_at(2, lambda: fired.append(clock.now())))
    clock.advance(5)
    assert fired == [2]


def test_a_cancelled_timer_does_not_fire(clock):
    fired = []
    clock.call_at(1, lambda: fired.append("no")).cancel()
    clock.advance(5)
    assert fired == []
    assert clock.next_deadline() is None


def test_an_overdue_timer_fires_at_the_next_advance(clock):
    clock.advance(10)
    fired = []
    clock.call_at(5, lambda: fired.append(clock.now()))
    clock.advance(0)
    assert fired == [10]


def test_time_does_not_run_backwards(clock):
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_shiftable_clock_follows_real_time(loop):
    clock = ShiftableClock(loop)
    fired = []
    clock.call_at(3, lambda: fired.append(clock.now()))
    loop.pass_time(2)
    assert clock.now() == 2
    assert fired == []
    loop.pass_time(2)
    assert fired == [3]


def test_an_advance_brings_the_rest_nearer(loop):
    clock = ShiftableClock(loop)
    fired = []
    clock.call_at(120, lambda: fired.append(clock.now()))
    clock.advance(118)
    loop.pass_time(2)
    assert fired == [120]


def test_a_frozen_clock_stands_still_until_it_resumes(loop):
    clock = ShiftableClock(loop)
    fired = []
    clock.call_at(5, lambda: fired.append(clock.now()))
    loop.pass_time(1)
    clock.freeze()
    assert clock.frozen
    loop.pass_time(100)
    assert clock.now() == 1
    assert fired == []
    clock.resume()
    clock.resume()
    loop.pass_time(4)
    assert fired == [5]


def test_a_stopped_clock_leaves_nothing_in_the_loop(loop):
    clock = ShiftableClock(loop)
    clock.call_at(5, lambda: pytest.fail("fired after stop"))
    clock.stop()
    loop.pass_time(10)
    assert loop.clock.next_deadline() is None


def test_a_loop_clock_is_the_loops_own_time(loop):
    clock = LoopClock(loop)
    fired = []
    clock.call_at(1001, lambda: fired.append(clock.now()))
    loop.pass_time(1)
    assert fired == [1001]
