from __future__ import annotations

import asyncio

from aiohttp import web

from protocol_core.liveavatar import events as e
from reference_client.liveavatar import LiveAvatarClient
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
    assert (await listener.until("on_error"))[1] == "SESSION_MISMATCH"
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
