from __future__ import annotations

import asyncio

from protocol_core.liveavatar import events as e
from reference_client.streams import EventStream

SCENE = e.SceneReady()
TEXT = e.TextReceived(request_id="r", text="t")


async def test_yields_in_order_until_the_end():
    stream = EventStream()
    stream.add(SCENE)
    stream.add(TEXT)
    stream.end()
    stream.add(SCENE)  # too late
    assert [event async for event in stream] == [SCENE, TEXT]
    assert stream.ended


async def test_waits_for_what_comes():
    stream = EventStream(e.TextReceived)
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    stream.add(SCENE)
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.add(TEXT)
    assert await waiting == TEXT


async def test_leaving_the_stream_lets_go():
    with EventStream(limit=0) as stream:
        stream.add(SCENE)
        draining = asyncio.create_task(stream.drain())
        await asyncio.sleep(0)
        assert not draining.done()
    await draining
    assert [event async for event in stream] == []


async def test_the_limit_holds_the_reader_back():
    stream = EventStream(limit=1)
    stream.add(SCENE)
    await stream.drain()
    stream.add(SCENE)
    draining = asyncio.create_task(stream.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    await anext(stream)
    await draining


async def test_without_a_limit_nobody_waits():
    stream = EventStream()
    for _ in range(1000):
        stream.add(SCENE)
    await stream.drain()
