from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar.errors import (
    ConnectError,
    HandshakeError,
    InvalidResponseError,
    SendRefused,
    StartError,
    TransportError,
)
from reference_client.backoff import BackoffSettings
from reference_client.liveavatar import ClientConfig, Listener, LiveAvatarClient, connect
from tests.reference_client.liveavatar.peer import SESSION_ID
from tests.reference_client.liveavatar.support import (
    Recorder,
    clock,
    due_within,
    reset_tcp,
    settle_until,
)

# --- start -------------------------------------------------------------------------------------


async def test_start_handshake_stop(peer):
    listener = Recorder()
    async with LiveAvatarClient(peer.config(), listener) as client:
        result = await client.start()
        assert result.session_id == SESSION_ID
        assert result.frontend.user_token == "user-token"
        assert client.is_open
        assert client.is_running
        assert client.result is result
        assert await client.start() is result  # harmless while one is running
    assert peer.starts[0][1] == {"avatarId": "a"}
    assert peer.starts[0][0]["Authorization"] == "Bearer key"
    assert "X-Env-Sandbox" not in peer.starts[0][0]
    assert len(peer.starts) == 1
    assert peer.stops == [{"sessionId": SESSION_ID}]
    assert peer.log == ["start", "closed", "stop"]  # LAC-CLOSE-002
    assert peer.sockets[0].closed_with == 1000
    assert [call[0] for call in listener.calls] == ["on_session_init", "on_closed"]
    assert listener.calls[1] == ("on_closed", 1000, "")
    assert not client.is_running


async def test_the_url_is_dialled_unchanged_without_headers_of_our_own(peer):
    async with connect(peer.config(sandbox=True, voice_id="v")):
        upgrade = peer.upgrades[0]
        assert upgrade.path_qs == "/agent?secret=s3cret"
        assert "Authorization" not in upgrade.headers
        assert "Sec-WebSocket-Protocol" not in upgrade.headers
    assert peer.starts[0][0]["X-Env-Sandbox"] == "true"
    assert peer.starts[0][1] == {"avatarId": "a", "voiceId": "v"}


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (web.Response(status=503), TransportError, "HTTP_ERROR"),
        (reset_tcp, TransportError, "HTTP_ERROR"),
        (
            web.json_response({"code": 40005, "message": "no"}),
            StartError,
            "CONCURRENCY_LIMIT_EXCEEDED",
        ),
        (web.Response(text="hello"), InvalidResponseError, "INVALID_RESPONSE"),
    ],
)
async def test_a_failed_start_dials_nothing(peer, reply, kind, code):
    peer.start_replies = [reply]
    async with LiveAvatarClient(peer.config()) as client:
        with pytest.raises(kind) as caught:
            await client.start()
        assert caught.value.code == code
        assert not client.is_running
        with pytest.raises(SendRefused):
            await client.send_prompt("hello")
    assert peer.upgrades == []
    assert peer.stops == []


async def test_a_start_that_is_not_answered_in_time(peer):
    time = clock()
    asked = asyncio.Event()
    never = asyncio.Event()

    async def silence(_):
        asked.set()
        await never.wait()

    peer.start_replies = [silence]
    async with LiveAvatarClient(peer.config(), clock=time) as client:
        starting = asyncio.create_task(client.start())
        await asked.wait()
        time.advance(30)
        with pytest.raises(TransportError) as caught:
            await starting
        assert caught.value.kind == "timeout"
    never.set()
    time.stop()


async def test_retries_a_start_whose_code_allows_it(peer):
    time = clock()
    busy = {"code": 40001, "message": "busy"}
    peer.start_replies = [web.json_response(busy), web.json_response(busy)]
    client = LiveAvatarClient(peer.config(), clock=time, retry_start=BackoffSettings(attempts=3))
    async with client:
        starting = asyncio.create_task(client.start())
        for delay in (1, 2):
            await due_within(time, delay)
            time.advance(delay)
        await asyncio.wait_for(starting, 5)
    assert len(peer.starts) == 3
    time.stop()


async def test_gives_up_retrying(peer):
    busy = {"code": 40001, "message": "busy"}
    peer.start_replies = [web.json_response(busy), web.json_response(busy)]
    retry = BackoffSettings(base=0, cap=0, attempts=1)
    async with LiveAvatarClient(peer.config(), retry_start=retry) as client:
        with pytest.raises(StartError):
            await client.start()
    assert len(peer.starts) == 2


async def test_an_upgrade_that_is_refused(peer):
    peer.upgrade_replies = [web.Response(status=403, text="expired")]
    async with LiveAvatarClient(peer.config(reconnect=True)) as client:
        with pytest.raises(ConnectError) as caught:
            await client.start()
        assert caught.value.http_status == 403
        assert caught.value.raw_body == "expired"
        assert not client.is_running
    assert peer.stops == [{"sessionId": SESSION_ID}]  # LAC-CLOSE-005, once
    assert len(peer.upgrades) == 1  # LAC-RECON-004


async def test_an_upgrade_without_an_answer(peer):
    peer.upgrade_replies = [reset_tcp]
    async with LiveAvatarClient(peer.config()) as client:
        with pytest.raises(ConnectError) as caught:
            await client.start()
    assert caught.value.http_status is None
    assert caught.value.kind == "transport"


async def test_a_handshake_that_never_comes(peer):
    peer.opens = False
    time = clock()
    listener = Recorder()
    async with LiveAvatarClient(peer.config(), listener, clock=time, ping_interval=1000) as client:
        starting = asyncio.create_task(client.start())
        socket = await peer.socket()
        await settle_until(lambda: client.session.state == "INIT_WAIT")
        time.advance(30)
        with pytest.raises(HandshakeError) as caught:
            await starting
        assert caught.value.code == "HANDSHAKE_TIMEOUT"
        assert caught.value.kind == "timeout"
        await socket.until(lambda it: it.closed_with)
    assert socket.closed_with == 1000
    assert socket.received == []  # LAC-HS-007
    assert peer.stops == [{"sessionId": SESSION_ID}]
    assert [call[0] for call in listener.calls] == ["on_closed"]
    time.stop()


async def test_a_handshake_for_another_session(peer):
    peer.opens = False
    client = LiveAvatarClient(peer.config())
    starting = asyncio.create_task(client.start())
    socket = await peer.socket()
    await socket.send({"event": "session.init", "data": {"sessionId": "other", "userId": "u"}})
    with pytest.raises(HandshakeError) as caught:
        await starting
    assert caught.value.code == "SESSION_MISMATCH"
    await socket.until(lambda it: it.closed_with)
    assert socket.closed_with == 1008
    await client.stop()


async def test_a_socket_that_ends_before_the_handshake(peer):
    peer.opens = False
    client = LiveAvatarClient(peer.config(reconnect=True))
    starting = asyncio.create_task(client.start())
    socket = await peer.socket()
    await socket.close(1011, "session failed")
    with pytest.raises(HandshakeError) as caught:
        await starting
    assert (caught.value.code, caught.value.close_code) == ("HANDSHAKE_CLOSED", 1011)
    assert caught.value.close_reason == "session failed"
    assert len(peer.upgrades) == 1
    await client.stop()


async def test_only_one_start_at_a_time(peer):
    peer.opens = False
    client = LiveAvatarClient(peer.config())
    starting = asyncio.create_task(client.start())
    await peer.socket()
    with pytest.raises(LocalProtocolError, match="under way"):
        await client.start()
    await client.stop()
    with pytest.raises(LocalProtocolError, match="stopped while it started"):
        await starting
    assert peer.stops == [{"sessionId": SESSION_ID}]


async def test_a_start_that_is_cancelled_leaves_nothing(peer):
    peer.opens = False
    client = LiveAvatarClient(peer.config())
    starting = asyncio.create_task(client.start())
    socket = await peer.socket()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert peer.stops == [{"sessionId": SESSION_ID}]
    await socket.until(lambda it: it.closed_with)
    await client.stop()
    assert len(peer.stops) == 1


async def test_wrong_settings_are_refused_at_once():
    with pytest.raises(ConfigurationError):
        LiveAvatarClient(ClientConfig(api_key="", avatar_id="a"))
    with pytest.raises(ConfigurationError):
        LiveAvatarClient(ClientConfig(api_key="k", avatar_id="a"), revision="0.9")


# --- stop --------------------------------------------------------------------------------------


async def test_stop_is_idempotent_and_may_come_at_any_time(peer):
    client = LiveAvatarClient(peer.config())
    await client.stop()
    assert await client.wait_ended() is None
    await client.start()
    await asyncio.gather(client.stop(), client.stop())
    await client.stop()
    assert len(peer.stops) == 1


async def test_a_stop_that_fails_is_logged_only(peer, caplog):
    peer.stop_reply = web.json_response({"code": 40007, "message": "not yours"})
    with caplog.at_level(logging.WARNING):
        async with connect(peer.config()):
            pass
    assert "not yours" in caplog.text
    assert "key" not in caplog.text.replace("keepalive", "")


async def test_starts_again_after_a_stop(peer):
    client = LiveAvatarClient(peer.config())
    await client.start()
    await client.stop()
    await client.start()
    assert client.is_open
    await client.stop()
    assert len(peer.starts) == len(peer.stops) == 2


async def test_starts_again_after_the_platform_has_ended_it(peer):
    client = LiveAvatarClient(peer.config())
    await client.start()
    await peer.sockets[0].close()
    await client.wait_ended()
    await client.start()
    await client.stop()
    assert len(peer.starts) == len(peer.stops) == 2


async def test_stop_inside_a_callback(peer):
    class Stopper(Recorder):
        on_text_input = None

        def __getattribute__(self, name):
            if name == "on_text_input":
                return super(Listener, self).__getattribute__("stop_it")
            return super().__getattribute__(name)

        async def stop_it(self, *_):
            await client.stop()
            self.calls.append(("stopped",))

    listener = Stopper()
    client = LiveAvatarClient(peer.config(), listener)
    await client.start()
    await peer.sockets[0].send(*peer.session.send_text("r1", "bye", 0.0))
    await listener.until("on_closed")
    assert ("stopped",) in listener.calls
    assert len(peer.stops) == 1
    await client.stop()


async def test_stop_inside_the_callback_of_the_handshake(peer):
    class Stopper(Listener):
        async def on_session_init(self, *_):
            await client.stop()

    client = LiveAvatarClient(peer.config(), Stopper())
    try:
        await client.start()
    except LocalProtocolError as error:
        assert "stopped while" in str(error)  # noqa: PT017 - either is fine
    await client.stop()
    assert len(peer.stops) == 1


async def test_a_stop_that_is_cancelled_ends_the_socket(peer):
    time = clock()
    client = LiveAvatarClient(peer.config(), clock=time)
    await client.start()
    stopping = asyncio.create_task(client.stop())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert "callbacks" not in {task.get_name() for task in asyncio.all_tasks()}
    assert not client.is_running
    assert peer.stops == []
    await client.stop()  # tells the platform after all
    assert len(peer.stops) == 1
    time.stop()


async def test_stop_inside_a_callback_of_a_stop(peer):
    class Stopper(Listener):
        async def on_closed(self, *_):
            await client.stop()

    client = LiveAvatarClient(peer.config(), Stopper())
    await client.start()
    await client.stop()
    assert len(peer.stops) == 1


# --- receiving ---------------------------------------------------------------------------------


async def test_every_event_reaches_its_callback_and_the_stream(peer):
    listener = Recorder()
    client = LiveAvatarClient(peer.config(), listener)
    stream = client.events()
    texts = client.events(e.TextReceived)
    await client.start()
    socket = peer.sockets[0]
    frames = client.revision.frames
    await socket.send(
        {"event": "scene.ready"},
        {"event": "session.state", "seq": 1, "timestamp": 2, "data": {"state": "IDLE"}},
        {"event": "input.text", "requestId": "r1", "data": {"text": "hi"}},
        {"event": "control.interrupt", "requestId": "r1"},
        {"event": "system.idleTrigger", "data": {"reason": "user_idle", "idleTimeMs": 5}},
        {"event": "error", "requestId": "r1", "data": {"code": "X", "message": "y"}},
        frames.AudioFrame(key=True, samples=1, payload=b"ab").pack(),
        frames.ImageFrame(width=1, height=1, payload=b"cd").pack(),
        "nonsense",
        {"event": "session.closing", "data": {"reason": "timeout"}},
    )
    await socket.close(1000, "timeout")
    closed = await client.wait_ended()
    assert (closed.code, closed.reason) == (1000, "timeout")
    names = [type(event).__name__ async for event in stream]
    await client.settle()
    assert [call[0] for call in listener.calls] == [
        "on_session_init",
        "on_scene_ready",
        "on_session_state",
        "on_text_input",
        "on_interrupt",
        "on_idle_trigger",
        "on_error",
        "on_audio_frame",
        "on_image_frame",
        "on_ignored",
        "on_session_closing",
        "on_closed",
    ]
    assert ("on_text_input", "hi", "r1") in listener.calls
    assert ("on_error", "X", "y", "r1") in listener.calls
    assert ("on_session_closing", "timeout") in listener.calls
    assert len(names) == 12
    assert [event.text async for event in texts] == ["hi"]
    assert [event async for event in client.events()] == []  # it is over
    await client.stop()


async def test_a_failing_callback_disturbs_nothing(peer, caplog):
    class Clumsy(Recorder):
        def __getattribute__(self, name):
            if name == "on_text_input":
                return super(Listener, self).__getattribute__("fail")
            return super().__getattribute__(name)

        def fail(self, *_):
            raise ValueError("oops")

    listener = Clumsy()
    with caplog.at_level(logging.ERROR):
        async with connect(peer.config(), listener):
            await peer.sockets[0].send(*peer.session.send_text("r1", "hi", 0.0))
            await peer.sockets[0].send({"event": "scene.ready"})
            await listener.until("on_scene_ready")
    assert "oops" in caplog.text


async def test_waiting_for_the_scene(peer):
    async with connect(peer.config()) as client:
        waiting = asyncio.create_task(client.wait_scene_ready())
        await peer.sockets[0].send({"event": "scene.ready"})
        assert await waiting
        assert await client.wait_scene_ready()
        assert await client.wait_open()
        lost = asyncio.create_task(client.events(e.Closed).__anext__())
        await asyncio.sleep(0)
        await peer.sockets[0].close()
        await lost
        assert not await client.wait_open()


async def test_waiting_without_a_session(peer):
    client = LiveAvatarClient(peer.config())
    assert not await client.wait_open()
    stream = client.events()
    await client.stop()
    assert [event async for event in stream] == []
    await client.settle()


async def test_a_slow_reader_slows_the_platform(peer):
    async with connect(peer.config()) as client:
        with client.events(e.StateChanged, limit=1) as stream:
            socket = peer.sockets[0]
            for seq in range(200):
                state = {"event": "session.state", "seq": seq, "timestamp": 0}
                await socket.send(state | {"data": {"state": "IDLE" + "x" * 1000}})
            await settle_until(lambda: len(stream._events) == 2)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(stream._events) == 2
            seen = [(await anext(stream)).seq for _ in range(200)]
        assert seen == list(range(200))
