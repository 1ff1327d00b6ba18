from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web

from protocol_core.aiavatar.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    HandshakeTimeout,
    SendRefused,
    SessionRefused,
    TurnError,
)
from protocol_core.errors import LocalProtocolError
from reference_client.aiavatar import SocketClient
from tests.reference_client.aiavatar.peer import answer, chunk, event, final, start
from tests.reference_client.aiavatar.support import (
    AUDIO,
    Recorder,
    clock,
    due_within,
    settle_until,
)

PICTURE = "data:image/png;base64,AAAA"
REFUSED = event("final", metadata={"error": "WebSocket disconnect: session_id is required."})


@pytest.fixture
def listener():
    return Recorder(picture=PICTURE)


@pytest.fixture
async def client(peer, listener):
    async with SocketClient(peer.config(user_id="user-1"), listener) as made:
        await made.start()
        yield made


async def test_a_session_from_start_to_stop(peer, listener):
    async with SocketClient(peer.config(), listener) as client:
        assert not client.is_open
        await client.start()
        await client.start()
        assert client.is_open
    socket = await peer.socket()
    assert socket.types() == ["start", "stop"]
    assert listener.names() == ["on_connected", "on_closed"]
    assert listener.of("on_closed") == [(1000, "")]
    assert len(peer.sockets) == 1


async def test_a_turn(peer, client, listener):
    socket = await peer.socket()
    await client.invoke("Hello", files=[{"type": "image", "url": PICTURE}])
    turn = await socket.message("invoke")
    assert (turn["text"], turn["user_id"], turn["context_id"]) == ("Hello", "user-1", None)
    await socket.send(event("stop"), *answer())
    await listener.until("on_final")
    assert client.context_id == "context-1"
    await client.invoke("And?")
    assert (await socket.message("invoke", 2))["context_id"] == "context-1"


async def test_the_microphone(peer, client):
    await client.send_audio(b"\0" * 1500)
    await client.configure(volume_db_threshold=-40)
    socket = await peer.socket()
    await socket.message("config")
    data = [item for item in socket.received if item["type"] == "data"]
    assert [len(base64.b64decode(item["audio_data"])) for item in data] == [1024, 476]


async def test_the_microphone_is_withheld_while_something_plays(peer):
    listener = Recorder(hold=True)
    async with SocketClient(peer.config(), listener) as client:
        await client.start()
        socket = await peer.socket()
        await socket.send(start(), chunk("Hi.", audio_data=AUDIO))
        await listener.until("play")
        await client.send_audio(b"\0\0")
        await client.invoke("Hello")
        await socket.message("invoke")
        assert "data" not in socket.types()


async def test_stop_ends_the_playback(peer):
    listener = Recorder(hold=True)
    async with SocketClient(peer.config(), listener) as client:
        await client.start()
        socket = await peer.socket()
        sounds = [chunk(text, audio_data=AUDIO) for text in ("One.", "Two.", "Three.")]
        await socket.send(start(), *sounds)
        await listener.until("on_chunk", 3)
        await socket.send(event("stop"), *answer("Yes."))
        assert await listener.until("on_flush") == (2, True)
        assert listener.of("cut") == [("One.",)]
        await listener.until("on_final")


@pytest.mark.usefixtures("client")
async def test_vision_is_answered_by_an_invoke(peer, listener):
    socket = await peer.socket()
    await socket.send(start(), event("vision", metadata={"source": "camera"}))
    turn = await socket.message("invoke")
    assert turn["files"] == [{"type": "image", "url": PICTURE}]
    assert listener.of("on_vision") == [("camera",)]


async def test_a_picture_that_is_none_is_not_sent(peer, caplog):
    listener = Recorder(picture="picture.png")
    async with SocketClient(peer.config(), listener) as client:
        await client.start()
        socket = await peer.socket()
        await socket.send(start(), event("vision", metadata={"source": "camera"}))
        await listener.until("on_vision")
        listener._picture = None
        await socket.send(start(), event("vision", metadata={"source": "screen"}))
        await listener.until("on_vision", 2)
        await client.settle()
    assert "could not be sent" in caplog.text
    assert "invoke" not in socket.types()


async def test_a_failed_turn_leaves_the_session(peer, client, listener):
    socket = await peer.socket()
    await socket.send(start(), event("error", metadata={"error": "broken"}))
    (error,) = await listener.until("on_error")
    assert isinstance(error, TurnError)
    assert client.is_open


async def test_what_is_no_use_is_reported(peer, client, listener):
    socket = await peer.socket()
    await socket.send(b"\0", "hello", event("later"))
    await listener.until("on_ignored", 3)
    assert client.is_open


# --- beginnings that fail ------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (404, ConnectError)])
async def test_an_upgrade_that_is_refused(peer, status, kind):
    peer.upgrades = [web.Response(status=status)]
    async with SocketClient(peer.config()) as client:
        with pytest.raises(kind) as caught:
            await client.start()
        assert caught.value.http_status == status
        await client.start()


async def test_nobody_there(peer):
    async with SocketClient(peer.config(websocket="ws://127.0.0.1:1")) as client:
        with pytest.raises(ConnectError):
            await client.start()


async def test_a_refused_session(peer, listener):
    peer.connects = False
    async with SocketClient(peer.config(), listener) as client:
        starting = asyncio.create_task(client.start())
        socket = await peer.socket()
        await socket.message("start")
        await socket.send(REFUSED)
        with pytest.raises(SessionRefused):
            await starting
    assert "on_error" not in listener.names()


async def test_a_socket_that_ends_before_connected(peer):
    peer.connects = False
    async with SocketClient(peer.config()) as client:
        starting = asyncio.create_task(client.start())
        socket = await peer.socket()
        await socket.close(1011)
        with pytest.raises(ConnectionLost) as caught:
            await starting
    assert (caught.value.phase, caught.value.close_code) == ("handshake", 1011)


async def test_connected_is_waited_for_only_so_long(peer):
    peer.connects = False
    time = clock()
    async with SocketClient(peer.config(handshake_timeout=5), clock=time) as client:
        starting = asyncio.create_task(client.start())
        socket = await peer.socket()
        await socket.message("start")
        await due_within(time, 5)
        time.advance(5)
        with pytest.raises(HandshakeTimeout):
            await starting


async def test_one_start_at_a_time(peer):
    peer.connects = False
    client = SocketClient(peer.config())
    starting = asyncio.create_task(client.start())
    socket = await peer.socket()
    await socket.message("start")
    with pytest.raises(LocalProtocolError, match="under way"):
        await client.start()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await client.close()


async def test_closing_amid_a_start(peer):
    peer.connects = False
    client = SocketClient(peer.config())
    starting = asyncio.create_task(client.start())
    socket = await peer.socket()
    await socket.message("start")
    await client.close()
    with pytest.raises(ConnectionLost):
        await starting


# --- the end of a connection ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_a_lost_connection_is_told_and_the_conversation_goes_on(peer, client, listener, end):
    socket = await peer.socket()
    await socket.send(event("stop"), *answer())
    await listener.until("on_final")
    if end == "reset":
        socket.reset()
    else:
        await socket.close(1011, "oops")
    (error,) = await listener.until("on_error")
    assert isinstance(error, ConnectionLost)
    closed = await client.wait_closed()
    assert closed.code == (1006 if end == "reset" else 1011)
    with pytest.raises(SendRefused) as caught:
        await client.invoke("Hello")
    assert caught.value.code == "NOT_CONNECTED"
    await client.start()
    again = await peer.socket(1)
    assert (await again.message("start"))["context_id"] == "context-1"


async def test_a_normal_end_is_no_loss(peer, client, listener):
    socket = await peer.socket()
    await socket.close()
    await listener.until("on_closed")
    await client.settle()
    assert "on_error" not in listener.names()


async def test_a_refusal_later_on(peer, client, listener):
    socket = await peer.socket()
    await socket.send(REFUSED)
    (error,) = await listener.until("on_error")
    assert (type(error), error.phase) == (SessionRefused, "runtime")
    assert (await client.wait_closed()).lost is False


async def test_a_server_that_does_not_close_is_left(peer):
    peer.stops = False
    time = clock()
    client = SocketClient(peer.config(), clock=time)
    await client.start()
    closing = asyncio.create_task(client.close())
    socket = await peer.socket()
    await socket.message("stop")
    await due_within(time, 10)
    time.advance(10)
    await closing


async def test_closing_may_be_cancelled(peer):
    peer.stops = False
    client = SocketClient(peer.config())
    await client.start()
    closing = asyncio.create_task(client.close())
    await (await peer.socket()).message("stop")
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await client.close()


async def test_a_callback_may_close(peer):
    class Leaving(Recorder):
        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

        async def on_start(self, context_id, request_text):  # noqa: ARG002 - as the listener has it
            await client.close()
            self.note("left")

    listener = Leaving()
    client = SocketClient(peer.config(), listener)
    await client.start()
    await (await peer.socket()).send(start())
    await listener.until("left")
    await settle_until(lambda: client._stage is None)


async def test_nothing_to_wait_for_or_to_close(peer):
    client = SocketClient(peer.config())
    assert await client.wait_closed() is None
    await client.close()
    with pytest.raises(SendRefused):
        await client.invoke("Hello")


async def test_a_fault_of_the_client_ends_the_start(peer, monkeypatch, caplog):
    client = SocketClient(peer.config())
    monkeypatch.setattr(client.session, "receive", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await client.start()
    assert "fault of this client" in caplog.text
    assert client.session.state == "CLOSED"
    await client.close()


async def test_a_fault_of_the_client_later_on_is_a_lost_connection(
    peer, client, listener, monkeypatch, caplog
):
    monkeypatch.setattr(client.session, "receive", lambda *_: 1 / 0)
    await (await peer.socket()).send(event("stop"))
    (error,) = await listener.until("on_error")
    assert isinstance(error, ConnectionLost)
    assert "fault of this client" in caplog.text


async def test_a_socket_that_ends_while_something_is_sent(peer, client, monkeypatch):
    socket = await peer.socket()
    monkeypatch.setattr(type(client._pump), "send", _gone)
    with pytest.raises(ConnectionLost) as caught:
        await client.invoke("Hello")
    assert caught.value.close_code == 1006
    await socket.close()
    await client.wait_closed()
    assert final("x")


async def _gone(self, messages):  # noqa: ARG001 - as the pump has it
    from reference_client.websocket import SocketClosed

    raise SocketClosed(None, "", "")
