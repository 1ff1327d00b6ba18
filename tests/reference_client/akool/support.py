"""A listener that writes down, a clock to move, and ways to wait without sleeping."""

from __future__ import annotations

import asyncio

from protocol_core.akool.parameters import Parameters
from protocol_core.clock import ShiftableClock
from reference_client.akool import Listener

PARAMETERS = Parameters(app_id="app", channel="room", token="secret", uid="12345")
DOCUMENTED = "0.1.8-documented"


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

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    async def until(self, name, count=1):
        while len(found := self.named(name)) < count:
            self.changed.clear()
            await self.changed.wait()
        return found[count - 1]


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
