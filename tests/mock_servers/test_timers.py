from __future__ import annotations

from functools import partial

import pytest

from mock_servers.timers import Alarm, SessionTimer
from protocol_core.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


def test_a_session_timer_leaves_its_group_when_it_fires(clock):
    rung: list[float] = []
    group: set[SessionTimer] = set()
    timer = SessionTimer(group, lambda: rung.append(clock.now()))
    timer.arm(clock.call_at(2.0, timer.fire))
    assert group == {timer}
    clock.advance(2.0)
    assert rung == [2.0]
    assert group == set()


def test_a_session_timer_can_be_taken_back(clock):
    group: set[SessionTimer] = set()
    timer = SessionTimer(group, partial(pytest.fail, "it was taken back"))
    timer.cancel()
    timer.arm(clock.call_at(2.0, timer.fire))
    timer.cancel()
    clock.advance(3.0)
    assert group == set()


def test_an_alarm_rings_once_at_the_last_time_that_was_set(clock):
    rung: list[float] = []
    alarm = Alarm(clock.call_at, lambda: rung.append(clock.now()))
    alarm.set(1.0)
    alarm.set(3.0)
    assert alarm.pending
    clock.advance(5.0)
    assert rung == [3.0]
    assert not alarm.pending


def test_an_alarm_may_set_itself_again_while_it_rings(clock):
    rung: list[float] = []

    def ring() -> None:
        rung.append(clock.now())
        alarm.set(clock.now() + 1.0)

    alarm = Alarm(clock.call_at, ring)
    alarm.set(1.0)
    clock.advance(2.5)
    assert rung == [1.0, 2.0]
    assert alarm.pending


@pytest.mark.parametrize("take_back", [Alarm.cancel, partial(Alarm.set, when=None)])
def test_an_alarm_can_be_taken_back(clock, take_back):
    alarm = Alarm(clock.call_at, partial(pytest.fail, "it was taken back"))
    take_back(alarm)
    alarm.set(1.0)
    take_back(alarm)
    assert not alarm.pending
    clock.advance(2.0)
