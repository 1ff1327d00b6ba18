"""What lives as long as one connection: its pump, its callbacks, its frame iterators."""

import asyncio
import logging

import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import Timeout
from protocol_core.avatarkit import codec
from protocol_core.avatarkit.client import ClientSession
from reference_client.avatarkit import AvatarKitClient, AvatarKitError, connect, new_log_id
from reference_client.avatarkit.connection import Connection, Listeners
from reference_client.avatarkit.frames import FrameStream
from reference_client.websocket import Socket
from tests.reference_client.avatarkit.peer import TOKEN
from tests.reference_client.avatarkit.support import PCM


@pytest.fixture
async def make(peer, clock):
    """Makes connections as `AvatarKitClient.start` does; every one is closed with the test."""
    made = []

    async def one(**listeners):
        session = ClientSession(peer.config(), mint=new_log_id)
        session.use_token(TOKEN)
        socket = await Socket.open(
            session.upgrade_request(),
            clock=clock,
            open_limit=Timeout.UPGRADE,
            close_limit=Timeout.CLOSE,
            max_message_bytes=1 << 20,
        )
        made.append(Connection(socket, session, Listeners(**listeners), clock=clock))
        return made[-1]

    yield one
    for connection in made:
        await connection.close()


# -- the handshake ---------------------------------------------------------------------------------


async def test_the_confirmation_is_awaited(make):
    connection = await make()
    assert await connection.wait_confirmed() == "conn-1"
    assert await connection.wait_confirmed() == "conn-1"


async def test_a_handshake_that_fails_leaves_nothing_running(peer, make, heard):
    peer.confirms = False
    connection = await make(**heard.options)
    link = await peer.link()
    await link.send(link.session.send_error("credits_exhausted"))
    with pytest.raises(AvatarKitError, match="creditsExhausted"):
        await connection.wait_confirmed()
    assert connection._task.done()
    assert (heard.errors, heard.closes) == ([], 0)


async def test_a_wait_that_is_given_up_ends_the_connection(peer, make):
    peer.confirms = False
    connection = await make()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await connection.wait_confirmed()
    assert connection._task.done()
    assert connection.confirmed.cancelled()


# -- frame iterators -------------------------------------------------------------------------------


async def test_frames_go_to_the_iterators_that_want_them(peer, make):
    connection = await make()
    await connection.wait_confirmed()
    streams = {name: FrameStream(name) for name in ("", "a", "b")}
    for stream in streams.values():
        connection.listen(stream)
    link = await peer.link()
    for name in ("a", "b", "a"):
        await link.send([codec.animation("c", name, end=False, frame=name.encode())])
    await link.send([codec.animation("c", "b", end=True)])
    assert [frame.end async for frame in streams["b"]] == [False, True]
    await connection.close()
    assert [frame.req_id async for frame in streams["a"]] == ["a", "a"]
    assert [frame.req_id async for frame in streams[""]] == ["a", "b", "a", "b"]
    assert [stream.complete for stream in streams.values()] == [False, False, True]


async def test_an_iterator_that_comes_late_has_ended(make):
    connection = await make()
    await connection.wait_confirmed()
    await connection.close()
    stream = FrameStream()
    connection.listen(stream)
    assert not stream.open
    assert [frame async for frame in stream] == []


async def test_an_iterator_that_nobody_holds_is_forgotten(make):
    connection = await make()
    await connection.wait_confirmed()
    connection.listen(FrameStream())
    assert connection._live() == []


async def test_the_end_of_an_encoding_is_told(make, heard):
    connection = await make(**heard.options)
    await connection.wait_confirmed()
    connection.encoded("r", b"OggS")
    await connection.callbacks.settle()
    assert heard.encoded == [("r", b"OggS")]


# -- errors ----------------------------------------------------------------------------------------


async def test_without_a_callback_the_request_raises(peer):
    peer.frames = 0
    async with connect(peer.config()) as client:
        session = client.frames()
        one, other = await client.speak(PCM), await client.speak(PCM)
        link = await peer.link()
        await link.send(link.session.send_error("upstream_failed", req_id=one.req_id))
        with pytest.raises(AvatarKitError, match="upstreamError"):
            await anext(one)
        await link.send(link.session.send_error("upstream_failed"))
        with pytest.raises(AvatarKitError, match="upstreamError"):
            await anext(session)
        await client.close()
        assert [frame async for frame in other] == []
        assert not other.complete


@pytest.mark.parametrize("req_id", ["", "another"])
async def test_an_error_that_nobody_listens_for_is_logged(peer, caplog, req_id):
    peer.frames = 0
    seen = asyncio.Event()
    async with connect(peer.config(), on_frame=lambda *_: seen.set()) as client:
        stream = await client.speak(PCM) if req_id else None
        link = await peer.link()
        with caplog.at_level(logging.WARNING):
            await link.send(link.session.send_error("upstream_failed", req_id=req_id))
            await link.send([codec.animation("c", "nobody", end=False)])
            await seen.wait()
    assert "nobody listens for this error: upstreamError" in caplog.text
    assert stream is None or [frame async for frame in stream] == []


async def test_an_error_of_the_whole_session_is_raised_by_any_request(peer):
    peer.frames = 0
    async with connect(peer.config()) as client:
        stream = await client.speak(PCM)
        (await peer.link()).reset()
        with pytest.raises(AvatarKitError, match="connectionClosed"):
            await anext(stream)


# -- callbacks -------------------------------------------------------------------------------------


async def test_failing_callbacks_disturb_nothing(peer, caplog):
    def fail(*_):
        raise RuntimeError("on purpose")

    options = {"on_frame": fail, "on_error": fail, "on_close": fail}
    async with connect(peer.config(), **options) as client:
        link = await peer.link()
        await link.send(link.session.send_error("upstream_failed"))
        assert [frame.end async for frame in await client.speak(PCM)] == [False, True]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        RuntimeError
    ] * 4


async def test_a_callback_may_use_the_client(peer):
    heard = []

    async def on_frame(_data, end):
        heard.append(end)
        if len(heard) == 2:
            await client.send_audio(PCM, end=True)
        if len(heard) == 4:
            await client.close()
            heard.append("closed")

    async with connect(
        peer.config(), on_frame=on_frame, on_close=lambda: heard.append("notified")
    ) as client:
        await client.send_audio(PCM, end=True)
        await client._connection.join()
    assert heard == [False, True, False, True, "closed", "notified"]


async def test_a_restart_from_the_close_callback(peer):
    ids = []
    again = asyncio.Event()

    async def on_close():
        if len(ids) == 1:
            ids.append(await client.start())
            again.set()

    async with connect(peer.config(), on_close=on_close) as client:
        ids.append(client.connection_id)
        await (await peer.link()).socket.close(code=1000)
        await again.wait()
        assert client.ready
    assert ids == ["conn-1", "conn-2"]


async def test_a_slow_callback_slows_the_server(peer):
    peer.frames = 2000
    gate, heard = asyncio.Event(), []

    async def on_frame(_data, _end):
        await gate.wait()
        heard.append(1)

    async with connect(peer.config(), on_frame=on_frame) as client:
        stream = await client.speak(PCM)
        await anext(stream)
        assert len(client._connection.callbacks._waiting) <= 257
        gate.set()
        async for _ in stream:
            pass
        await client.settle()
    assert len(heard) == 2000


async def test_a_slow_reader_slows_the_server(peer):
    peer.frames = 50
    async with connect(peer.config()) as client:
        session = client.frames(limit=3)
        request = await client.speak(PCM)
        taken = [await anext(session) for _ in range(10)]
        assert len(session._frames) <= 4
        taken += [await anext(session) for _ in range(40)]
        assert taken == [frame async for frame in request]


async def test_closing_does_not_wait_for_a_reader_that_is_gone(peer):
    peer.frames = 50
    async with connect(peer.config()) as client:
        session = client.frames(limit=1)
        await client.speak(PCM)
        await anext(session)
    assert not session.open


# -- cancellation ----------------------------------------------------------------------------------


async def test_a_cancelled_close_still_leaves_nothing_running(peer, clock, heard):
    async with connect(peer.config(), clock=clock, **heard.options) as client:
        link = await peer.link()
        link.request.transport.pause_reading()
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        link.request.transport.resume_reading()
    assert (heard.errors, heard.closes) == ([], 1)
    assert clock.next_deadline() is None


async def test_a_cancelled_user_leaves_nothing_running(peer, heard):
    connected = asyncio.Event()

    async def use():
        async with connect(peer.config(), **heard.options) as client:
            connected.set()
            async for _ in client.frames():
                pass

    using = asyncio.create_task(use())
    await connected.wait()
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert heard.closes == 1


async def test_a_cancelled_wait_for_callbacks(peer):
    started, stuck = asyncio.Event(), asyncio.Event()

    async def on_close():
        started.set()
        await stuck.wait()

    async with connect(peer.config(), on_close=on_close) as client:
        closing = asyncio.create_task(client.close())
        await started.wait()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


async def test_a_cancelled_wait_for_callbacks_after_the_end(peer):
    started, stuck = asyncio.Event(), asyncio.Event()

    async def on_close():
        started.set()
        await stuck.wait()

    async with connect(peer.config(), on_close=on_close) as client:
        await (await peer.link()).socket.close(code=1000)
        await started.wait()
        closing = asyncio.create_task(client.close())
        for _ in range(10):
            await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


async def test_a_close_that_is_given_up_inside_a_callback(peer, caplog):
    async def on_frame(_data, _end):
        async with asyncio.timeout(0):
            await client.close()

    async with connect(peer.config(), on_frame=on_frame) as client:
        await client.speak(PCM)
        await client._connection.join()
    assert "a callback failed" in caplog.text


async def test_a_fault_of_our_own_is_not_hidden(peer, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    async with AvatarKitClient(peer.config(), token="t") as client:
        monkeypatch.setattr(client._session, "receive", broken)
        with pytest.raises(ZeroDivisionError):
            await client.start()
        with pytest.raises(ZeroDivisionError):
            await client.close()
        client._connection = None


async def test_a_close_may_be_repeated(make, heard):
    connection = await make(**heard.options)
    await connection.wait_confirmed()
    await asyncio.gather(connection.close(), connection.close())
    await connection.close()
    assert heard.closes == 1


async def test_an_abort_gives_no_callback_time_to_wait(make):
    stuck = asyncio.Event()
    connection = await make(on_close=stuck.wait)
    await connection.wait_confirmed()
    await connection.abort()
    assert connection._task.done()
    assert connection.callbacks.idle
