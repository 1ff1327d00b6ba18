"""Waiting on the injectable clock."""

import asyncio

import pytest

from protocol_core.clock import ManualClock
from reference_client.timers import Alarm, clock_or_loop, sleep, timeout


@pytest.fixture
def clock():
    return ManualClock()


async def turn():
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_sleep_lasts_as_long_as_the_clock_says(clock):
    task = asyncio.create_task(sleep(clock, 5))
    await turn()
    clock.advance(4.9)
    await turn()
    assert not task.done()
    clock.advance(0.1)
    await task


async def test_a_cancelled_sleep_leaves_no_timer(clock):
    task = asyncio.create_task(sleep(clock, 5))
    await turn()
    task.cancel()
    await asyncio.wait((task,))
    assert clock.next_deadline() is None


async def test_a_timeout_interrupts(clock):
    async def too_long():
        async with timeout(clock, 5):
            await asyncio.Event().wait()

    task = asyncio.create_task(too_long())
    await turn()
    clock.advance(5)
    with pytest.raises(TimeoutError):
        await task


async def test_a_timeout_that_is_not_needed_leaves_no_timer(clock):
    async with timeout(clock, 5):
        pass
    assert clock.next_deadline() is None
    async with timeout(clock, None):
        assert clock.next_deadline() is None


async def test_a_cancellation_from_outside_stays_one(clock):
    async def endless():
        async with timeout(clock, 5):
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_alarm_can_be_moved_and_taken_back(clock):
    alarm = Alarm(clock)
    heard = asyncio.create_task(alarm.wait())
    alarm.set(5)
    alarm.set(5)
    alarm.set(8)
    assert clock.next_deadline() == 8
    alarm.set(None)
    clock.advance(10)
    await turn()
    assert not heard.done()
    alarm.set(clock.now())
    clock.advance(0)
    await heard
    assert clock.next_deadline() is None


async def test_a_ring_that_nobody_heard_is_forgotten_when_taken_back(clock):
    alarm = Alarm(clock)
    alarm.set(5)
    clock.advance(5)
    alarm.cancel()
    heard = asyncio.create_task(alarm.wait())
    await turn()
    assert not heard.done()
    heard.cancel()
    await asyncio.wait((heard,))


async def test_without_a_clock_time_is_the_event_loops(clock):
    assert clock_or_loop(clock) is clock
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert before <= clock_or_loop(None).now() <= loop.time()
