from __future__ import annotations

import asyncio
import base64
import random

import pytest
from aiohttp import web

from protocol_core.akool.errors import (
    AckTimeoutError,
    AudioStreamError,
    AuthenticationError,
    CommandError,
    ConnectError,
    DiscoveryError,
    NoServicesError,
    RetryError,
    SendRefused,
)
from protocol_core.errors import ConfigurationError, LocalProtocolError
from reference_client.akool import AkoolClient, Listener, connect
from reference_client.websocket import SocketClosed
from tests.reference_client.akool.peer import ACK, AGORA, GREETING, envelope, reset_tcp
from tests.reference_client.akool.support import (
    DOCUMENTED,
    PARAMETERS,
    Recorder,
    clock,
    due_within,
    settle_until,
)

# --- the happy path ----------------------------------------------------------------------------


async def test_a_whole_session(peer):
    listener = Recorder()
    async with connect(peer.config(), listener) as client:
        assert client.is_connected
        assert await client.connect() == client.session_id  # harmless
        await client.set_parameters(PARAMETERS)
        assert client.is_ready
        assert client.info.ready
        await client.send_audio(b"\x01\x00\x02")
        await client.send_audio_stream([b"\x00", b"\x03\x00"])
        await client.interrupt()
        info = client.info
        assert (info.connected, info.session_id) == (True, client.session_id)
        assert info.instance == info.candidates[0]
        assert info.avatar_id == "a"
    (socket,) = peer.sockets
    await settle_until(lambda: socket.closed_with is not None)
    names = socket.names()
    assert names[0] == "ping"
    assert names[1:] == ["set-params", "chat", "chat", "chat", "interrupt", "leave_channel"]
    chats = [item["pld"]["audio"] for item in socket.received if item["type"] == "chat"]
    assert b"".join(map(base64.b64decode, chats)) == b"\x01\x00\x02\x00\x03\x00"
    assert socket.closed_with == 1000
    assert len({item["mid"] for item in socket.received}) == len(socket.received)
    assert [call[0] for call in listener.calls if call[0] != "on_message"] == [
        "on_connected",
        "on_agora_connected",
        "on_disconnected",
    ]
    assert listener.named("on_disconnected") == [(1000, "")]
    assert len(listener.named("on_message")) == 6
    assert not client.is_connected


async def test_what_goes_out_on_http(peer):
    async with connect(peer.config(environment="test"), revision="0.1.9") as client:
        (call,) = peer.calls
        assert call.path_qs == (
            "/streamingAvatar/service_status?avatar_id=a&group_name=WEBSOCKET_GROUP_TEST"
        )
        assert call.headers["api_key"] == "key"
        (upgrade,) = peer.upgrades
        assert upgrade.query["session_id"] == client.session_id
        assert upgrade.headers["api_key"] == "key"
        assert "Sec-WebSocket-Protocol" not in upgrade.headers


async def test_the_other_dialect(peer):
    peer.documented = True
    listener = Recorder()
    async with connect(peer.config(), listener, revision=DOCUMENTED) as client:
        await client.set_parameters(PARAMETERS)
        await client.send_audio(b"\x01\x00")
        with pytest.raises(SendRefused):
            await client.interrupt()
        (upgrade,) = peer.upgrades
        assert upgrade.path_qs == "/streamingAvatar/ws/v1"
        assert "api_key" not in upgrade.headers
    (socket,) = peer.sockets
    await settle_until(lambda: socket.closed_with is not None)
    assert socket.names() == ["auth", "ping", "agora_params", "audio_data"]
    assert socket.closed_with == 1000
    assert listener.named("on_disconnected") == [(1000, "")]


async def test_a_given_server(peer):
    config = peer.config(server_url=f"http://127.0.0.1:{peer.ports[1]}/x", discovery_url=None)
    async with connect(config, revision="0.1.9"):
        assert peer.calls == []
        assert peer.sockets[0].port == peer.ports[1]


async def test_chance_is_the_callers(peer):
    seen = set()
    for _ in range(2):
        async with connect(peer.config(), rng=random.Random(4)) as client:
            seen.add((client.session_id, client.info.instance.port))
    assert len(seen) == 1


async def test_a_stream_of_audio(peer):
    async def spoken():
        for chunk in (b"\x01\x00", bytearray(b"\x02\x00")):
            yield chunk

    async with connect(peer.config()) as client:
        await client.set_parameters(PARAMETERS)
        await client.send_audio_stream(spoken())
        await peer.sockets[0].until("chat", 2)


# --- connecting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (web.Response(status=401), AuthenticationError, "AUTHENTICATION_FAILED"),
        (web.json_response({"code": 4001}), AuthenticationError, "AUTHENTICATION_FAILED"),
        (web.Response(status=503), DiscoveryError, "DISCOVERY_FAILED"),
        (reset_tcp, DiscoveryError, "DISCOVERY_FAILED"),
        (
            web.json_response({"code": 1000, "data": {"instances": []}}),
            NoServicesError,
            "NO_SERVICES",
        ),
    ],
)
async def test_discovery_that_fails_dials_nothing(peer, reply, kind, code):
    peer.discovery_replies = [reply]
    async with AkoolClient(peer.config()) as client:
        with pytest.raises(kind) as caught:
            await client.connect()
        assert (caught.value.code, caught.value.phase) == (code, "discovery")
        assert client.info.instance is None
        assert await client.wait_disconnected() is None
        with pytest.raises(SendRefused):
            await client.send_audio(b"ab")
        await client.connect()  # and now it works
    assert len(peer.upgrades) == 1


async def test_discovery_that_takes_too_long(peer):
    time, asked, never = clock(), asyncio.Event(), asyncio.Event()

    async def silence(_):
        asked.set()
        await never.wait()

    peer.discovery_replies = [silence]
    async with AkoolClient(peer.config(), clock=time) as client:
        connecting = asyncio.create_task(client.connect())
        await asked.wait()
        time.advance(10)
        with pytest.raises(DiscoveryError) as caught:
            await connecting
        assert caught.value.kind == "timeout"
    never.set()
    time.stop()


async def test_failover(peer):
    time, listener = clock(), Recorder()
    peer.upgrade_replies = [web.Response(status=503), reset_tcp]
    async with AkoolClient(peer.config(), listener, clock=time) as client:
        connecting = asyncio.create_task(client.connect())
        for attempt, delay in enumerate((1.0, 2.0), start=1):
            assert (await listener.until("on_reconnecting", attempt))[0] == delay
            await due_within(time, delay)
            time.advance(delay)
        await connecting
    ports = {request.url.port for request in peer.upgrades}
    assert len(ports) == 3
    assert len({request.query["session_id"] for request in peer.upgrades}) == 1
    assert len(peer.calls) == 1
    time.stop()


async def test_attempts_are_used_up(peer):
    peer.upgrade_replies = [web.Response(status=500) for _ in range(3)]
    time, listener = clock(), Recorder()
    async with AkoolClient(peer.config(), listener, clock=time) as client:
        connecting = asyncio.create_task(client.connect())
        for attempt in (1, 2):
            await listener.until("on_reconnecting", attempt)
            await due_within(time, 5)
            time.advance(5)
        with pytest.raises(RetryError, match="3 attempts") as caught:
            await connecting
        assert caught.value.cause.http_status == 500
    time.stop()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_refused_at_the_upgrade(peer, status):
    peer.upgrade_replies = [web.Response(status=status, text="no")]
    async with AkoolClient(peer.config()) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.connect()
        assert caught.value.raw_body == "no"
    assert len(peer.upgrades) == 1


async def test_a_key_refused_on_the_socket(peer):
    peer.left_out = {GREETING}
    listener = Recorder()
    async with AkoolClient(peer.config(), listener) as client:
        connecting = asyncio.create_task(client.connect())
        socket = await peer.socket()
        await socket.send(envelope("error", error_code=4001, error_message="bad key"))
        await socket.close(4001, "bad key")
        with pytest.raises(AuthenticationError) as caught:
            await connecting
        assert caught.value.server_text == "bad key"
        await client.settle()
    assert listener.named("on_error") == listener.named("on_disconnected") == []


async def test_a_server_that_never_confirms(peer):
    time = clock()
    peer.left_out = {GREETING}
    async with AkoolClient(peer.config(max_attempts=1), clock=time) as client:
        connecting = asyncio.create_task(client.connect())
        socket = await peer.socket()
        await socket.until("ping")
        time.advance(30)
        with pytest.raises(RetryError) as caught:
            await connecting
        assert caught.value.kind == "timeout"
    time.stop()


async def test_one_connect_at_a_time(peer):
    peer.left_out = {GREETING}
    client = AkoolClient(peer.config())
    connecting = asyncio.create_task(client.connect())
    await peer.socket()
    with pytest.raises(LocalProtocolError, match="under way"):
        await client.connect()
    await client.disconnect()
    with pytest.raises(LocalProtocolError, match="disconnected while"):
        await connecting


async def test_a_connect_that_is_cancelled(peer):
    peer.left_out = {GREETING}
    client = AkoolClient(peer.config())
    connecting = asyncio.create_task(client.connect())
    socket = await peer.socket()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await settle_until(lambda: socket.closed_with is not None)
    assert not client.is_connected


async def test_a_connect_that_is_cancelled_too_late(peer):
    client = AkoolClient(peer.config())
    connecting = asyncio.create_task(client.connect())
    await settle_until(lambda: client.is_connected)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert not client.is_connected
    await client.disconnect()


async def test_settings_are_checked_at_once(peer):
    with pytest.raises(AuthenticationError):
        AkoolClient(peer.config(api_key=""))
    with pytest.raises(ConfigurationError):
        AkoolClient(peer.config(), revision="0.0")
    client = AkoolClient(peer.config(max_attempts=0))
    with pytest.raises(ConnectError):
        await client.connect()


async def test_connecting_again_is_a_new_session(peer):
    client = AkoolClient(peer.config())
    first = await client.connect()
    await client.disconnect()
    await client.disconnect()  # idempotent
    assert await client.connect() != first
    assert client.is_connected
    await client.disconnect()


# --- commands ----------------------------------------------------------------------------------


async def test_parameters_that_fail(peer):
    peer.left_out = {ACK, AGORA}
    listener = Recorder()
    async with connect(peer.config(), listener) as client:
        setting = asyncio.create_task(client.set_parameters(PARAMETERS))
        socket = peer.sockets[0]
        await socket.until("set-params")
        await socket.send(envelope("error", error_code=4000, error_message="no such channel"))
        with pytest.raises(AudioStreamError, match="no such channel"):
            await setting
        (error,) = await listener.until("on_error")
        assert error.code == "SERVER_ERROR"
        assert client.is_connected
        peer.left_out = set()


async def test_an_interrupt_without_an_ack(peer):
    time = clock()
    async with connect(peer.config(), clock=time) as client:
        await client.set_parameters(PARAMETERS)
        peer.left_out = {ACK}
        interrupting = asyncio.create_task(client.interrupt())
        await peer.sockets[0].until("interrupt")
        time.advance(10)
        with pytest.raises(AckTimeoutError):
            await interrupting
        peer.left_out = set()
        await client.interrupt()
    time.stop()


async def test_a_request_that_is_cancelled_is_forgotten(peer):
    async with connect(peer.config()) as client:
        await client.set_parameters(PARAMETERS)
        peer.left_out = {ACK}
        interrupting = asyncio.create_task(client.interrupt())
        frame = await peer.sockets[0].until("interrupt")
        interrupting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await interrupting
        await peer.sockets[0].send(envelope("ack", original_mid=frame["mid"], status="failed"))
        peer.left_out = set()
        await client.interrupt()


async def test_pending_requests_fail_with_the_connection(peer):
    listener = Recorder()
    async with connect(peer.config(), listener) as client:
        await client.set_parameters(PARAMETERS)
        peer.left_out = {ACK}
        interrupting = asyncio.create_task(client.interrupt())
        await peer.sockets[0].until("interrupt")
        await peer.sockets[0].close(1011, "fault")
        with pytest.raises(CommandError, match="1011"):
            await interrupting
        assert await listener.until("on_disconnected") == (1011, "fault")
        assert (await client.wait_disconnected()).code == 1011
        with pytest.raises(SendRefused) as caught:
            await client.send_audio(b"ab")
        assert caught.value.code == "NOT_CONNECTED"


async def test_pending_requests_fail_when_we_leave(peer):
    async with connect(peer.config()) as client:
        peer.left_out = {ACK, AGORA}
        setting = asyncio.create_task(client.set_parameters(PARAMETERS))
        await peer.sockets[0].until("set-params")
        peer.left_out = set()
        await client.disconnect()
        with pytest.raises(AudioStreamError, match="left"):
            await setting


async def test_audio_on_a_connection_that_has_just_ended(peer):
    async with connect(peer.config()) as client:
        await client.set_parameters(PARAMETERS)

        async def gone(_):
            raise SocketClosed(1011, "fault", "server")

        client._run.link.send = gone
        with pytest.raises(AudioStreamError, match="the audio could not be sent") as caught:
            await client.send_audio(b"ab")
        assert caught.value.close_code == 1011
        with pytest.raises(AudioStreamError, match="chunk 0 "):
            await client.send_audio_stream([b"ab"])


# --- leaving -----------------------------------------------------------------------------------


async def test_a_leave_that_nobody_answers(peer):
    time = clock()
    client = AkoolClient(peer.config(), clock=time)
    await client.connect()
    peer.left_out = {ACK}
    leaving = asyncio.create_task(client.disconnect())
    socket = peer.sockets[0]
    await socket.until("leave_channel")
    assert socket.closed_with is None
    time.advance(5)
    await leaving
    await settle_until(lambda: socket.closed_with == 1000)
    time.stop()


async def test_a_disconnect_that_is_cancelled(peer):
    client = AkoolClient(peer.config())
    await client.connect()
    peer.left_out = {ACK}
    leaving = asyncio.create_task(client.disconnect())
    await peer.sockets[0].until("leave_channel")
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert "callbacks" not in {task.get_name() for task in asyncio.all_tasks()}
    await client.disconnect()
    assert not client.is_connected


async def test_disconnecting_twice_at_once(peer):
    client = AkoolClient(peer.config())
    await client.connect()
    await asyncio.gather(client.disconnect(), client.disconnect())
    assert peer.sockets[0].names().count("leave_channel") == 1


async def test_a_callback_may_disconnect(peer):
    class Quitter(Listener):
        client: AkoolClient

        async def on_agora_connected(self, channel_id):
            assert channel_id == "room"
            await self.client.disconnect()

    listener = Quitter()
    client = listener.client = AkoolClient(peer.config(), listener)
    await client.connect()
    await client.set_parameters(PARAMETERS)
    await client.wait_disconnected()
    await client.disconnect()
    assert peer.sockets[0].names()[-1] == "leave_channel"


async def test_a_callback_that_fails_disturbs_nothing(peer, caplog):
    class Clumsy(Listener):
        def on_message(self, message):
            raise RuntimeError(message)

    async with connect(peer.config(), Clumsy()) as client:
        await client.set_parameters(PARAMETERS)
    assert "a callback failed" in caplog.text


async def test_nothing_to_wait_for_before_a_connect(peer):
    client = AkoolClient(peer.config())
    await client.settle()
    await client.disconnect()
    assert await client.wait_disconnected() is None
    with pytest.raises(AssertionError, match="before it is open"):
        await client._request(None)
    with pytest.raises(AssertionError, match="before it is open"):
        _ = client._link
