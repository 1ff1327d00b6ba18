from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar.client import ClientSession
from protocol_core.liveavatar.errors import ConnectionEndedError, SendRefused
from reference_client.liveavatar import LiveAvatarClient, connect
from reference_client.websocket import SocketClosed
from tests.reference_client.liveavatar.support import (
    Recorder,
    clock,
    due_within,
    reset_tcp,
)


async def test_reconnects_to_the_same_url_with_growing_delays(peer):
    time = clock()
    listener = Recorder()
    client = LiveAvatarClient(peer.config(reconnect=True), listener, clock=time)
    await client.start()
    peer.upgrade_replies = [web.Response(status=503), reset_tcp]
    peer.sockets[0].reset()
    for attempt, delay in enumerate((1.0, 2.0, 4.0), start=1):
        assert await listener.until("on_reconnecting", attempt) == (
            "on_reconnecting",
            attempt,
            delay,
        )
        await due_within(time, delay)
        time.advance(delay)
    assert await client.wait_open()
    await listener.until("on_session_init", 2)
    assert len(peer.starts) == 1
    assert {request.path_qs for request in peer.upgrades} == {"/agent?secret=s3cret"}
    closed = [call for call in listener.calls if call[0] == "on_closed"]
    assert closed == [("on_closed", 1006, "")]
    peer.sockets[1].reset()  # the next delay is the first one again
    assert (await listener.until("on_reconnecting", 4))[1:] == (1, 1.0)
    await client.stop()  # while it waits to dial
    assert len(peer.stops) == 1
    time.stop()


async def test_stops_while_it_dials_again(peer):
    time = clock()
    dialling = asyncio.Event()
    never = asyncio.Event()

    async def hang(_):
        dialling.set()
        await never.wait()
        return web.Response()

    client = LiveAvatarClient(peer.config(reconnect=True), clock=time)
    lost = client.events(e.ReconnectScheduled)
    await client.start()
    peer.upgrade_replies = [hang]
    peer.sockets[0].reset()
    await anext(lost)
    await due_within(time, 5)
    time.advance(1)
    await dialling.wait()
    await client.stop()
    never.set()
    time.stop()


async def test_a_handshake_that_fails_after_a_reconnect_ends_the_session(peer):
    time = clock()
    listener = Recorder()
    client = LiveAvatarClient(peer.config(reconnect=True), listener, clock=time)
    await client.start()
    peer.opens = False
    peer.sockets[0].reset()
    await listener.until("on_reconnecting")
    await due_within(time, 5)
    time.advance(1)
    socket = await peer.socket(1)
    await socket.send({"event": "session.init", "data": {"sessionId": "other", "userId": "u"}})
    await client.wait_ended()
    await listener.until("on_closed", 2)
    (_, error) = await listener.until("on_session_failed")
    assert error.code == "SESSION_MISMATCH"
    await client.stop()
    time.stop()


async def test_does_not_reconnect_after_a_planned_end(peer):
    client = LiveAvatarClient(peer.config(reconnect=True))
    await client.start()
    await peer.sockets[0].send(*peer.session.begin_closing(0.0))
    await peer.sockets[0].close()
    assert (await client.wait_ended()).code == 1000
    assert len(peer.upgrades) == 1
    await client.stop()


# --- heartbeat ---------------------------------------------------------------------------------


async def test_pings_and_gives_up_without_pong(peer):
    peer.autoping = False
    time = clock()
    client = LiveAvatarClient(peer.config(), clock=time)
    await client.start()
    socket = peer.sockets[0]
    await due_within(time, 5)
    time.advance(5)
    await socket.until(lambda it: it.pings)
    time.advance(20)
    await client.wait_ended()
    await socket.until(lambda it: it.closed_with)
    assert socket.closed_with == 1011
    await client.stop()
    time.stop()


# --- sends that meet an end -----------------------------------------------------------------


class Ending:
    """A pump whose socket ends whenever something is sent."""

    async def send(self, _):
        raise SocketClosed(None, "", "")


async def test_a_send_into_a_socket_that_just_ended(peer):
    async with connect(peer.config()) as client:
        link = client._run.link
        pump, link._pump = link._pump, Ending()
        with pytest.raises(ConnectionEndedError) as caught:
            await client.send_prompt("two")
        link._pump = pump
        assert (caught.value.code, caught.value.close_code) == ("NOT_CONNECTED", 1006)
        await peer.sockets[0].close()
        await client.wait_ended()
        with pytest.raises(SendRefused):
            await client.send_prompt("three")
        with pytest.raises(ConnectionEndedError):
            await client._run.link.send(["by hand"])


async def test_a_fault_of_our_own_ends_the_session_loudly(peer, caplog):
    client = LiveAvatarClient(peer.config())
    await client.start()
    client.session.receive = None  # nobody can go on with that
    await peer.sockets[0].send({"event": "scene.ready"})
    await client.wait_ended()
    assert "fault of this client" in caplog.text
    await client.stop()
    assert not client.is_running
    assert len(peer.stops) == 1


async def test_a_fault_of_our_own_fails_the_start(peer, monkeypatch):
    monkeypatch.setattr(ClientSession, "receive", None)
    client = LiveAvatarClient(peer.config())
    with pytest.raises(TypeError):
        await client.start()
    assert len(peer.stops) == 1


async def test_closing_can_be_given_up(peer):
    client = LiveAvatarClient(peer.config())
    await client.start()
    peer.sockets[0].ws._autoclose = False  # the peer never answers the close frame
    link = client._run.link
    client.session.stop()
    closing = asyncio.create_task(link.close())
    for _ in range(5):
        await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await client.stop()
