"""A listener that writes down, a clock to move, and ways to wait without sleeping."""

from __future__ import annotations

import asyncio

from aiohttp import web

from protocol_core.clock import ShiftableClock
from reference_client.liveavatar import Listener


class Recorder(Listener):
    """Writes down every callback."""

    def __init__(self):
        self.calls = []
        self.changed = asyncio.Event()

    def __getattribute__(self, name):
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def record(*args):
            self.calls.append((name, *args))
            self.changed.set()

        return record

    async def until(self, name, count=1):
        while len(found := [call for call in self.calls if call[0] == name]) < count:
            self.changed.clear()
            await self.changed.wait()
        return found[count - 1]


async def reset_tcp(request):
    request.transport.abort()
    return web.Response()


def clock():
    return ShiftableClock(asyncio.get_running_loop())


async def settle_until(reached):
    for _ in range(10_000):
        if reached():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def due_within(time, seconds):
    """Wait until a timer of the clock is at most so far ahead."""
    await settle_until(
        lambda: (due := time.next_deadline()) is not None and due - time.now() <= seconds
    )
