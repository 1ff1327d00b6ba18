from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import web

from protocol_core.akool.client import ClientSession
from reference_client.akool import AkoolClient, connect
from reference_client.akool.link import Link
from reference_client.websocket import SocketClosed
from tests.reference_client.akool.peer import PONG, envelope, reset_tcp
from tests.reference_client.akool.support import (
    PARAMETERS,
    Recorder,
    clock,
    due_within,
    settle_until,
)


async def test_reconnects_and_sets_the_parameters_again(peer):
    time, listener = clock(), Recorder()
    client = AkoolClient(peer.config(reconnect=True), listener, clock=time)
    before = await client.connect()
    await client.set_parameters(PARAMETERS)
    peer.upgrade_replies = [web.Response(status=503), reset_tcp]
    peer.sockets[0].reset()
    for attempt, delay in enumerate((1.0, 1.0, 2.0), start=1):
        assert (await listener.until("on_reconnecting", attempt))[0] == delay
        await due_within(time, delay)
        time.advance(delay)
    assert await listener.until("on_connected", 2) == (before,)
    await listener.until("on_agora_connected", 2)
    await settle_until(lambda: client.is_ready)
    await client.send_audio(b"\x01\x00")
    assert peer.sockets[1].names()[:2] == ["ping", "set-params"]
    assert len({request.query["session_id"] for request in peer.upgrades}) == 1
    assert len(peer.calls) == 1
    assert listener.named("on_disconnected") == [(1006, "")]
    assert listener.named("on_error")[0][0].code == "CONNECTION_LOST"
    await client.disconnect()
    time.stop()


async def test_a_repair_that_fails_ends_the_session(peer):
    time, listener = clock(), Recorder()
    client = AkoolClient(peer.config(reconnect=True, max_attempts=1), listener, clock=time)
    await client.connect()
    peer.upgrade_replies = [web.Response(status=503)]
    peer.sockets[0].reset()
    await listener.until("on_reconnecting")
    await due_within(time, 1)
    time.advance(1)
    await client.wait_disconnected()
    (error,) = await listener.until("on_error", 2)
    assert error.code == "RETRIES_EXHAUSTED"
    await client.disconnect()
    time.stop()


async def test_leaves_while_it_waits_to_dial(peer):
    time, listener = clock(), Recorder()
    client = AkoolClient(peer.config(reconnect=True), listener, clock=time)
    await client.connect()
    peer.sockets[0].reset()
    await listener.until("on_reconnecting")
    await client.disconnect()
    assert len(peer.upgrades) == 1
    time.stop()


async def test_leaves_while_it_dials(peer):
    time, listener = clock(), Recorder()
    dialling, never = asyncio.Event(), asyncio.Event()

    async def hang(_):
        dialling.set()
        await never.wait()
        return web.Response()

    client = AkoolClient(peer.config(reconnect=True), listener, clock=time)
    await client.connect()
    peer.upgrade_replies = [hang]
    peer.sockets[0].reset()
    await listener.until("on_reconnecting")
    await due_within(time, 1)
    time.advance(1)
    await dialling.wait()
    await client.disconnect()
    never.set()
    time.stop()


async def test_pings_go_out_and_missing_pongs_end_it(peer):
    time, listener = clock(), Recorder()
    config = peer.config(heartbeat_interval=10, missed_pongs=2)
    async with connect(config, listener, clock=time):
        socket = peer.sockets[0]
        peer.left_out = {PONG}
        await settle_until(lambda: len(listener.named("on_message")) == 2)  # the first pong
        for count in (2, 3):
            await due_within(time, 10)
            time.advance(10)
            await socket.until("ping", count)
        await due_within(time, 10)
        time.advance(10)
        (error,) = await listener.until("on_error")
        assert (error.code, error.kind) == ("CONNECTION_LOST", "timeout")
        await listener.until("on_disconnected")
    time.stop()


async def test_an_upgrade_that_takes_too_long(peer):
    time, asked, never = clock(), asyncio.Event(), asyncio.Event()

    async def hang(_):
        asked.set()
        await never.wait()
        return web.Response()

    peer.upgrade_replies = [hang]
    client = AkoolClient(peer.config(max_attempts=1, connection_timeout=5), clock=time)
    connecting = asyncio.create_task(client.connect())
    await asked.wait()
    time.advance(5)
    with pytest.raises(Exception, match="1 attempt"):
        await connecting
    never.set()
    await client.disconnect()
    time.stop()


async def test_errors_and_odd_frames_reach_the_listener(peer):
    listener = Recorder()
    async with connect(peer.config(), listener) as client:
        socket = peer.sockets[0]
        await socket.send("no json")
        await socket.send(envelope("weather"))
        await socket.send(envelope("error", error_code=4999, error_message="new"))
        (first,) = await listener.until("on_error")
        (second,) = await listener.until("on_error", 2)
        assert (first.code, second.server_code) == ("INVALID_MESSAGE", 4999)
        assert (await listener.until("on_ignored", 2))[0].name == "weather"
        assert client.is_connected


async def test_a_slow_listener_slows_the_peer(peer):
    released = asyncio.Event()

    class Slow(Recorder):
        def __getattribute__(self, name):
            if name != "on_message":
                return super().__getattribute__(name)

            async def wait(message):
                await released.wait()
                self.calls.append((name, message))

            return wait

    listener = Slow()
    async with connect(peer.config(), listener) as client:
        for _ in range(600):
            await peer.sockets[0].send(envelope("pong"))
        await settle_until(lambda: len(client._run.callbacks._waiting) > 256)
        assert len(client._run.callbacks._waiting) < 300
        released.set()


def link(session, time, delivered):
    async def drain():
        return None

    return Link(
        session,
        clock=time,
        deliver=delivered.append,
        drain=drain,
        ended=lambda: delivered.append("ended"),
        ssl=None,
    )


async def test_a_fault_of_the_client_reaches_whoever_waits(peer, caplog):
    session = ClientSession(peer.config(), rng=random.Random(1))
    time, delivered = clock(), []
    broken = link(session, time, delivered)  # nobody has asked discovery
    with pytest.raises(Exception, match="dial"):
        await broken.open()
    assert delivered == ["ended"]
    assert "fault of this client" in caplog.text
    with pytest.raises(SocketClosed):
        await broken.send(["x"])
    time.stop()


async def test_a_fault_while_nobody_waits_is_logged(peer, caplog):
    listener = Recorder()
    async with connect(peer.config(), listener) as client:

        def fail(*_):
            raise RuntimeError("broken on purpose")

        client.session.receive = fail
        await peer.sockets[0].send(envelope("pong"))
        await client.wait_disconnected()
    assert "broken on purpose" in caplog.text
    await listener.until("on_disconnected")


async def test_leaving_before_anything(peer):
    time, delivered = clock(), []
    await link(ClientSession(peer.config()), time, delivered).leave()
    assert delivered == []
    time.stop()


async def test_leaving_on_a_socket_that_has_just_ended(peer):
    async with connect(peer.config()) as client:

        async def gone(_):
            peer.sockets[0].reset()
            raise SocketClosed(None, "", "")

        client._run.link._pump.send = gone
