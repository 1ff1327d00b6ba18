"""Frame iterators."""

import asyncio

import pytest

from protocol_core.avatarkit.errors import Phase, closed_error
from reference_client.avatarkit import Frame, FrameStream


def frame(number, *, end=False, req_id="r"):
    return Frame(data=bytes((number,)), end=end, req_id=req_id)


async def test_a_request_ends_with_its_last_frame():
    stream = FrameStream("r")
    assert stream.open
    stream.put(frame(1))
    stream.put(frame(2, end=True))
    assert not stream.open
    assert stream.complete
    assert [item.data async for item in stream] == [b"\1", b"\2"]


async def test_a_session_goes_on_until_it_is_ended():
    stream = FrameStream()
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    stream.put(frame(1, end=True))
    assert await waiting == frame(1, end=True)
    stream.end()
    assert [item async for item in stream] == []
    assert not stream.complete


async def test_an_error_comes_after_the_frames_before_it():
    stream = FrameStream()
    stream.put(frame(1))
    stream.fail(closed_error(Phase.WEBSOCKET_RUNTIME, None, ""))
    stream.end()
    assert await anext(stream) == frame(1)
    with pytest.raises(Exception, match="connectionClosed"):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_full_stream_holds_up_whoever_drains():
    stream = FrameStream(limit=1)
    await stream.drain()
    stream.put(frame(1))
    stream.put(frame(2))
    drained = asyncio.create_task(stream.drain())
    await asyncio.sleep(0)
    assert not drained.done()
    await anext(stream)
    await drained
    stream.put(frame(3))
    drained = asyncio.create_task(stream.drain())
    await asyncio.sleep(0)
    stream.end()
    await drained
