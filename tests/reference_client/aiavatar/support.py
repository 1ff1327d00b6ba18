"""A listener that writes down, a player that holds, a clock to move."""

from __future__ import annotations

import asyncio

from protocol_core.clock import ShiftableClock
from reference_client.aiavatar import Listener

AUDIO = "AAAA"


class Recorder(Listener):
    """Writes down every callback; holds each sound until it is let go, if it shall."""

    def __init__(self, *, picture=None, hold=False):
        self.calls = []
        self.changed = asyncio.Event()
        self.over = asyncio.Event()
        self._picture = picture
        self._hold = hold

    def __getattribute__(self, name):
        if not name.startswith("on_") or name == "on_vision":
            return super().__getattribute__(name)

        def record(*args):
            self.note(name, *args)

        return record

    def note(self, *call):
        self.calls.append(call)
        self.changed.set()

    async def on_vision(self, source):
        self.note("on_vision", source)
        return self._picture

    async def play(self, speech):
        self.note("play", speech.voice_text, speech.audio)
        if self._hold:
            try:
                await self.over.wait()
                self.over.clear()
            except asyncio.CancelledError:
                self.note("cut", speech.voice_text)
                raise

    def names(self):
        return [call[0] for call in self.calls]

    def of(self, name):
        return [call[1:] for call in self.calls if call[0] == name]

    async def until(self, name, count=1):
        while len(found := self.of(name)) < count:
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
