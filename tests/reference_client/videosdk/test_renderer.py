from __future__ import annotations

import asyncio

import pytest

from protocol_core.clock import ManualClock
from protocol_core.videosdk.worker import Frame, Mark
from reference_client.videosdk.renderer import PassThrough


def frame(seconds, fill=b"\1\2"):
    return Frame(pcm=fill, seconds=seconds)


class Stage:
    """A renderer, and what came out of it."""

    def __init__(self, *, pace=True):
        self.clock = ManualClock()
        self.renderer = PassThrough(self.clock, pace=pace)
        self.out = []

    async def run(self):
        async for item in self.renderer:
            self.out.append((self.clock.now(), type(item).__name__))

    async def quiet(self):
        for _ in range(10):
            await asyncio.sleep(0)

    async def advance(self, seconds):
        self.clock.advance(seconds)
        await self.quiet()


@pytest.fixture
async def stage():
    made = Stage()
    task = asyncio.create_task(made.run())
    await made.quiet()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_audio_takes_as_long_as_it_lasts(stage):
    for item in (frame(0.5), frame(0.25), Mark()):
        await stage.renderer.push(item)
    await stage.quiet()
    assert stage.out == [(0.0, "Frame")]
    await stage.advance(0.5)
    assert stage.out[1:] == [(0.5, "Frame")]
    await stage.advance(0.2)
    assert len(stage.out) == 2
    await stage.advance(0.05)
    assert stage.out[2:] == [(0.75, "Mark")]


async def test_late_wakes_leave_no_gap(stage):
    await stage.renderer.push(frame(0.5))
    await stage.renderer.push(frame(0.5))
    await stage.renderer.push(Mark())
    await stage.quiet()
    await stage.advance(0.6)
    await stage.advance(0.4)
    assert [name for _, name in stage.out] == ["Frame", "Frame", "Mark"]


async def test_after_a_pause_it_begins_at_once(stage):
    await stage.renderer.push(frame(0.1))
    await stage.quiet()
    await stage.advance(5.0)
    await stage.renderer.push(frame(0.1))
    await stage.renderer.push(Mark())
    await stage.quiet()
    assert stage.out[1] == (5.0, "Frame")
    await stage.advance(0.1)
    assert stage.out[2][1] == "Mark"


async def test_a_reset_throws_away_what_is_inside(stage):
    await stage.renderer.push(frame(5.0))
    await stage.renderer.push(frame(5.0))
    await stage.renderer.push(Mark())
    await stage.quiet()
    await stage.renderer.reset()
    await stage.quiet()
    await stage.renderer.push(frame(0.1))
    await stage.quiet()
    assert [name for _, name in stage.out] == ["Frame", "Frame"]


async def test_without_pacing_everything_is_through_at_once():
    stage = Stage(pace=False)
    task = asyncio.create_task(stage.run())
    for item in (frame(9.0), frame(9.0), Mark()):
        await stage.renderer.push(item)
    await stage.quiet()
    assert [name for _, name in stage.out] == ["Frame", "Frame", "Mark"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
