"""User callbacks, kept away from the receive loop."""

import asyncio
import logging

import pytest

from reference_client.callbacks import Callbacks


@pytest.fixture
async def callbacks():
    made = Callbacks(limit=2)
    yield made
    await made.close()


async def test_functions_and_coroutine_functions_run_in_order(callbacks):
    heard = []

    async def slow(value):
        await asyncio.sleep(0)
        heard.append(value)

    callbacks.call(slow, 1)
    callbacks.call(heard.append, 2)
    callbacks.call(slow, 3)
    callbacks.call(None, 4)
    assert not callbacks.idle
    await callbacks.settle()
    assert callbacks.idle
    assert heard == [1, 2, 3]


async def test_a_failure_is_logged_and_the_next_one_runs(callbacks, caplog):
    heard = []

    def fail():
        raise RuntimeError("on purpose")

    async def give_up():
        raise asyncio.CancelledError

    with caplog.at_level(logging.ERROR):
        callbacks.call(fail)
        callbacks.call(give_up)
        callbacks.call(heard.append, 1)
        await callbacks.settle()
    assert heard == [1]
    assert [record.exc_info[0] for record in caplog.records] == [
        RuntimeError,
        asyncio.CancelledError,
    ]


async def test_a_slow_callback_holds_up_whoever_drains(callbacks):
    release = asyncio.Event()
    for _ in range(4):
        callbacks.call(release.wait)
    drained = asyncio.create_task(callbacks.drain())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not drained.done()
    release.set()
    await drained


async def test_hurry_lets_nobody_wait(callbacks):
    release = asyncio.Event()
    for _ in range(4):
        callbacks.call(release.wait)
    drained = asyncio.create_task(callbacks.drain())
    await asyncio.sleep(0)
    callbacks.hurry()
    await drained
    release.set()


async def test_inside_a_callback_nothing_waits_for_itself(callbacks):
    heard = []

    async def reenter():
        heard.append(callbacks.inside)
        await callbacks.settle()
        await callbacks.close()
        heard.append("back")

    callbacks.call(reenter)
    await callbacks.settle()
    assert heard == [True, "back"]
    assert not callbacks.inside


async def test_closing_runs_what_is_queued_and_ends_the_task():
    heard = []
    callbacks = Callbacks()
    await callbacks.close()
    callbacks.call(heard.append, 1)
    await callbacks.close()
    callbacks.call(heard.append, 2)
    await callbacks.close()
    assert heard == [1, 2]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_the_task_ends_it():
    callbacks = Callbacks()
    callbacks.call(asyncio.Event().wait)
    await asyncio.sleep(0)
    callbacks._task.cancel()
    await asyncio.wait((callbacks._task,))
    assert callbacks._task.cancelled()


async def test_cancelling_the_close_ends_the_callback():
    callbacks = Callbacks()
    started = asyncio.Event()

    async def stuck():
        started.set()
        await asyncio.Event().wait()

    callbacks.call(stuck)
    closing = asyncio.create_task(callbacks.close())
    await started.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert asyncio.all_tasks() == {asyncio.current_task()}
