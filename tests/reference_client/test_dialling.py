from __future__ import annotations

import asyncio

import msgspec
import pytest
from aiohttp import web

from protocol_core.clock import LoopClock, ManualClock
from protocol_core.http import UpgradeRequest
from reference_client.dialling import dial, wait_until_due


class Failed(msgspec.Struct, frozen=True):
    reason: str
    http_status: int | None
    body: str
    timed_out: bool


class Due(msgspec.Struct, frozen=True):
    pass


class Session:
    """Wants each of its deadlines in turn, and says what stands beside it."""

    def __init__(self, *plan: tuple[float, Failed | Due]):
        self.plan = list(plan)

    def deadline(self):
        return self.plan[0][0] if self.plan else None

    def timeout(self, now):
        assert now >= self.plan[0][0]
        return [self.plan.pop(0)[1]]

    def dial_failed(self, reason, now, *, http_status=None, body="", timed_out=False):
        assert now >= 0
        return [Failed(reason, http_status, body, timed_out)]


@pytest.fixture
async def url():
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/full":
            return web.Response(status=503, text="come back later")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    runner = web.ServerRunner(web.Server(answer))  # type: ignore[arg-type] # any handler will do
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def dialled(url):
    events = []
    socket = await dial(
        Session(),
        UpgradeRequest(url=url),
        emit=events.extend,
        clock=LoopClock(asyncio.get_running_loop()),
        open_limit=10.0,
        max_message_bytes=None,
        ssl=None,
    )
    return socket, events


async def test_a_socket(url):
    socket, events = await dialled(f"{url}/free")
    assert socket is not None
    assert events == []
    await socket.close()


async def test_the_session_is_told_of_a_refusal(url):
    socket, events = await dialled(f"{url}/full")
    reason = "the upgrade was answered with HTTP 503"
    assert socket is None
    assert events == [Failed(reason, 503, "come back later", timed_out=False)]


async def test_the_session_is_told_that_nobody_is_there():
    socket, (event,) = await dialled("ws://127.0.0.1:1/")
    assert socket is None
    assert (event.http_status, event.timed_out) == (None, False)


async def test_waits_through_other_deadlines_until_it_is_time():
    clock, events = ManualClock(), []
    other = Failed("", None, "", timed_out=False)
    session = Session((1.0, other), (3.0, Due()), (9.0, other))
    waiting = asyncio.create_task(wait_until_due(session, Due, emit=events.extend, clock=clock))
    for seconds, seen in ((1.0, [other]), (2.0, [other, Due()])):
        await asyncio.sleep(0)
        clock.advance(seconds)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert events == seen
    assert await waiting


async def test_there_is_no_other_attempt_without_a_deadline():
    assert not await wait_until_due(Session(), Due, emit=pytest.fail, clock=ManualClock())
