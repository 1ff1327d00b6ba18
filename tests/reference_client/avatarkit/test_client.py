"""The reference client against a peer, over real sockets."""

import asyncio
import re

import pytest
from aiohttp import WSMsgType

from avatar_protocols.avatarkit.v0_1_7.constants import RequestId
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import codec
from protocol_core.avatarkit.events import AudioReceived, InterruptReceived, SessionConfigured
from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.http import HttpResponse
from reference_client.avatarkit import (
    AgoraEgress,
    AudioFormat,
    AvatarKitClient,
    AvatarKitError,
    LiveKitEgress,
    SessionTokenError,
    connect,
    new_log_id,
)
from tests.reference_client.avatarkit.peer import TOKEN, refusal
from tests.reference_client.avatarkit.support import PCM


async def first(peer, kind):
    link = await peer.link()
    return await link.wait_for(lambda event: isinstance(event, kind))


# -- the way in ------------------------------------------------------------------------------------


async def test_the_documented_life_cycle(peer, heard):
    async with AvatarKitClient(peer.config(), **heard.options) as client:
        assert await client.init() == client.session_token == TOKEN
        assert await client.start() == client.connection_id == "conn-1"
        assert client.ready
        req_id = await client.send_audio(PCM[:100])
        assert await client.send_audio(PCM[100:], end=True) == req_id
        audio = await (await peer.link()).wait_for(
            lambda event: isinstance(event, AudioReceived) and event.end
        )
        assert audio.req_id == req_id
        assert len(req_id) == RequestId.LENGTH
        frames = client.frames()
        assert [frame.end async for frame in _until_last(frames)] == [False, True]
        await client.settle()
    assert not client.ready
    assert [end for _, end in heard.frames] == [False, True]
    assert (heard.errors, heard.closes, heard.encoded) == ([], 1, [])
    (call,) = peer.token_requests
    assert (call.api_key, call.expire_at) == ("key", 1893456000)
    (upgrade,) = peer.upgrades
    assert (upgrade.avatar_id, upgrade.app_id, upgrade.session_token, upgrade.query_auth) == (
        "avatar",
        "app",
        TOKEN,
        False,
    )


async def _until_last(frames):
    async for frame in frames:
        yield frame
        if frame.end:
            return


async def test_query_authentication(peer):
    async with connect(peer.config(query_auth=True)):
        assert peer.upgrades[0].query_auth
        assert peer.upgrades[0].session_token == TOKEN


async def test_a_token_of_ones_own(peer):
    async with connect(peer.config(api_key="", console_url=""), token="mine"):
        assert peer.upgrades[0].session_token == "mine"
    assert peer.token_requests == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"sample_rate": 16000}),
        (
            {"audio_format": AudioFormat.OGG_OPUS, "sample_rate": 24000, "bitrate": 32000},
            {"sample_rate": 24000, "bitrate": 32000, "audio_format": 1},
        ),
        (
            {"livekit": LiveKitEgress(url="wss://lk", room_name="r", api_token="t")},
            {
                "sample_rate": 16000,
                "egress_type": 1,
                "livekit_egress": {"url": "wss://lk", "room_name": "r", "api_token": "t"},
            },
        ),
        (
            {"agora": AgoraEgress(channel_name="c", uid=7)},
            {
                "sample_rate": 16000,
                "egress_type": 2,
                "agora_egress": {"channel_name": "c", "uid": 7},
            },
        ),
    ],
)
async def test_the_configuration_arrives(peer, settings, expected):
    async with connect(peer.config(**settings)):
        event = await first(peer, SessionConfigured)
    assert event.config == pb.ClientConfigureSession(**expected)


async def test_settings_that_cannot_work_are_refused_before_any_io(peer):
    with pytest.raises(ConfigurationError):
        AvatarKitClient(peer.config(sample_rate=1))
    async with AvatarKitClient(peer.config(expire_at=None, avatar_id="")) as client:
        with pytest.raises(ConfigurationError, match="expire_at"):
            await client.init()
        with pytest.raises(LocalProtocolError, match="AVK-AUTH-001"):
            await client.start()
    assert (peer.token_requests, peer.upgrades) == ([], [])


async def test_nothing_is_sent_without_a_connection(peer):
    async with AvatarKitClient(peer.config()) as client:
        with pytest.raises(LocalProtocolError, match="not connected"):
            await client.send_audio(PCM)
        with pytest.raises(LocalProtocolError, match="not connected"):
            await client.interrupt()
        assert [frame async for frame in client.frames()] == []
        await client.settle()
        await client.close()


async def test_a_started_session_cannot_be_started(peer):
    async with connect(peer.config()) as client:
        with pytest.raises(LocalProtocolError, match="already started"):
            await client.start()
        assert client.ready


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["api_key_rejected", "token_empty", "token_redirected"])
async def test_a_refused_token_call(peer, heard, name):
    error = CATALOGUE[name]
    peer.token_reply = refusal(error.http)
    async with AvatarKitClient(peer.config(), **heard.options) as client:
        with pytest.raises(SessionTokenError) as caught:
            await client.init()
        peer.token_reply = None
        await client.init()
    assert caught.value.code == error.code
    assert (heard.errors, heard.closes) == ([], 0)


async def test_a_token_call_without_an_answer(peer):
    async with AvatarKitClient(peer.config(console_url="http://127.0.0.1:1")) as client:
        with pytest.raises(SessionTokenError) as caught:
            await client.init()
    assert (caught.value.code, caught.value.http_status) == ("connectionFailed", None)


@pytest.mark.parametrize("name", ["session_token_expired", "session_denied", "upgrade_fault"])
async def test_a_refused_upgrade(peer, heard, name):
    error = CATALOGUE[name]
    peer.upgrade_reply = response = refusal(error.http)
    async with AvatarKitClient(peer.config(), token="t", **heard.options) as client:
        with pytest.raises(AvatarKitError) as caught:
            await client.start()
        peer.upgrade_reply = None
        await client.start()
    found = caught.value
    assert (found.code, found.phase) == (error.code, "websocket_connect")
    assert (found.http_status, found.raw_body) == (error.http.status, response.text)
    assert (heard.errors, heard.closes) == ([], 1)


async def test_an_upgrade_without_an_answer(peer):
    async with AvatarKitClient(peer.config(ingress_url="ws://127.0.0.1:1"), token="t") as client:
        with pytest.raises(AvatarKitError) as caught:
            await client.start()
    assert (caught.value.code, caught.value.phase) == ("connectionFailed", "websocket_connect")


@pytest.mark.parametrize("close", [True, False])
async def test_a_refused_handshake(peer, heard, close):
    peer.confirms = False
    async with AvatarKitClient(peer.config(), token="t", **heard.options) as client:
        starting = asyncio.create_task(client.start())
        await first(peer, SessionConfigured)
        link = await peer.link()
        await link.send(link.session.send_error("sample_rate_unsupported"))
        if close:
            await link.socket.close(code=1000)
        with pytest.raises(AvatarKitError) as caught:
            await starting
        assert (await link.wait_for(lambda event: hasattr(event, "code"))).code == 1000
        peer.confirms = True
        assert await client.start() == "conn-2"
    assert (caught.value.code, caught.value.phase) == (
        "unsupportedSampleRate",
        "websocket_handshake",
    )
    assert (heard.errors, heard.closes) == ([], 1)


async def test_a_handshake_that_is_closed(peer, heard):
    peer.confirms = False
    async with AvatarKitClient(peer.config(), token="t", **heard.options) as client:
        starting = asyncio.create_task(client.start())
        link = await peer.link()
        await link.socket.close(code=1000, message=b"not now")
        with pytest.raises(AvatarKitError) as caught:
            await starting
    error = caught.value
    assert (error.code, error.close_code, error.close_reason) == (
        "connectionClosed",
        1000,
        "not now",
    )
    assert (heard.errors, heard.closes) == ([], 0)


async def test_a_silent_handshake(peer, clock, heard):
    peer.confirms = False
    async with AvatarKitClient(peer.config(), token="t", clock=clock, **heard.options) as client:
        starting = asyncio.create_task(client.start())
        await first(peer, SessionConfigured)
        clock.advance(10)
        with pytest.raises(AvatarKitError) as caught:
            await starting
        assert not client.ready
    assert (caught.value.code, caught.value.phase) == ("connectionFailed", "websocket_handshake")
    assert (heard.errors, heard.closes) == ([], 0)
    assert clock.next_deadline() is None


async def test_a_start_that_is_given_up(peer, heard):
    peer.confirms = False
    async with AvatarKitClient(peer.config(), token="t", **heard.options) as client:
        starting = asyncio.create_task(client.start())
        await first(peer, SessionConfigured)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        peer.confirms = True
        assert await client.start() == "conn-2"
    assert heard.closes == 1


async def test_an_upgrade_that_is_given_up(peer):
    peer.gate = asyncio.Event()
    async with AvatarKitClient(peer.config(), token="t") as client:
        starting = asyncio.create_task(client.start())
        await peer.waiting.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        peer.gate.set()
        await client.start()


# -- speaking --------------------------------------------------------------------------------------


async def chunks():
    yield PCM
    yield PCM


@pytest.mark.parametrize(
    ("make", "size"),
    [(lambda: PCM, 640), (lambda: [PCM, PCM[:2]], 642), (chunks, 1280), (list, 0)],
    ids=["bytes", "list", "stream", "nothing"],
)
async def test_one_request_and_its_frames(peer, make, size):
    async with connect(peer.config()) as client:
        stream = await client.speak(make())
        frames = [frame async for frame in stream]
        assert stream.complete
        assert {frame.req_id for frame in frames} == {stream.req_id}
        assert [frame.end for frame in frames] == [False, True]
        link = await peer.link()
        audio = [event for event in link.events if isinstance(event, AudioReceived)]
    assert sum(len(event.audio) for event in audio) == size
    assert [event.end for event in audio][-1:] == [True]


async def test_frames_are_handed_on_bit_exact(peer):
    peer.frames = 0
    async with connect(peer.config()) as client:
        stream = await client.speak(PCM)
        link = await peer.link()
        await link.wait_for(lambda event: isinstance(event, AudioReceived))
        odd = b"\x10\x63" + codec.animation("c", stream.req_id, end=True, frame=bytes(70_000))
        await link.send([odd])
        assert [frame.data async for frame in stream] == [odd]


async def test_requests_do_not_mix(peer):
    async with connect(peer.config()) as client:
        streams = [await client.speak(PCM) for _ in range(3)]
        for stream in reversed(streams):
            assert [frame.end async for frame in stream] == [False, True]
    assert len({stream.req_id for stream in streams}) == 3


async def test_concurrent_sends_stay_whole(peer):
    async with connect(peer.config()) as client:
        ids = await asyncio.gather(*(client.send_audio(bytes(2)) for _ in range(20)))
        assert len(set(ids)) == 1
        assert await client.send_audio(b"", end=True) == ids[0]


async def test_an_interrupt(peer):
    peer.frames = 0
    async with connect(peer.config()) as client:
        with pytest.raises(LocalProtocolError, match="AVK-INT-003"):
            await client.interrupt()
        req_id = await client.send_audio(PCM)
        assert await client.interrupt() == req_id
        assert await client.interrupt() == req_id
        event = await first(peer, InterruptReceived)
        assert (event.req_id, event.effective) == (req_id, True)
        assert await client.send_audio(PCM) != req_id


async def test_half_a_sample_is_refused(peer):
    async with connect(peer.config()) as client:
        with pytest.raises(LocalProtocolError, match="AVK-AUDIO-004"):
            await client.send_audio(b"abc", end=True)


@pytest.mark.parametrize("audio", ["text", 4, None, ["text"]])
async def test_what_is_no_audio_is_refused(peer, audio):
    async with connect(peer.config()) as client:
        with pytest.raises(LocalProtocolError, match="audio is bytes, not"):
            await client.speak(audio)
        with pytest.raises(LocalProtocolError, match="audio is bytes, not"):
            await client.send_audio(audio, end=True)


async def test_ogg_goes_through_unchanged(peer):
    async with connect(peer.config(audio_format=AudioFormat.OGG_OPUS)) as client:
        await client.send_audio(memoryview(b"OggS and so on"), end=True)
        assert (await first(peer, AudioReceived)).audio == b"OggS and so on"


# -- errors and ends -------------------------------------------------------------------------------


async def test_an_error_is_reported_once_and_the_session_goes_on(peer, heard):
    async with connect(peer.config(), **heard.options) as client:
        frames = client.frames()
        link = await peer.link()
        await link.send(link.session.send_error("upstream_failed", req_id="r"))
        await link.send(["text", b"\x08\x06", b"\x1a\xff\x01"])
        assert [frame.end async for frame in await client.speak(PCM)] == [False, True]
        await client.settle()
    assert [error.code for error in heard.errors] == ["upstreamError", "protocolError"]
    assert heard.errors[0].req_id == "r"
    assert heard.closes == 1
    assert len([frame async for frame in frames]) == 2


ENDS = [error for error in CATALOGUE.values() if error.at == "close"]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: error.name)
async def test_the_server_ends_it(peer, heard, error):
    async with connect(peer.config(), **heard.options) as client:
        link = await peer.link()
        if error.close is None:
            link.reset()
        else:
            await link.socket.close(code=error.close.code, message=error.close.reason.encode())
        await heard.closed.wait()
        assert not client.ready
        with pytest.raises(LocalProtocolError, match="not connected"):
            await client.send_audio(PCM)
    assert [found.code for found in heard.errors] == ([error.code] if error.code else [])
    for found in heard.errors:
        close = (None, "") if error.close is None else (error.close.code, error.close.reason)
        assert (found.close_code, found.close_reason) == close
    assert heard.closes == 1


async def test_a_session_can_be_started_again(peer, heard):
    async with connect(peer.config(), **heard.options) as client:
        old = await client.send_audio(PCM)
        await client.close()
        assert await client.start() == "conn-2"
        with pytest.raises(LocalProtocolError, match="AVK-INT-003"):
            await client.interrupt()
        assert await client.send_audio(PCM) != old
        await client.close()
        await client.close()
    assert (heard.errors, heard.closes) == ([], 2)
    assert len(peer.token_requests) == 1


async def test_a_message_that_is_too_long_ends_the_session(peer, heard):
    async with connect(peer.config(), **heard.options):
        link = await peer.link()
        await link.send([bytes(1024 * 1024 + 1)])
        await heard.closed.wait()
    assert [(error.code, error.close_code) for error in heard.errors] == [
        ("connectionClosed", 1009)
    ]


async def test_a_missing_pong_ends_the_session(peer, clock, heard):
    peer.autoping = False
    async with connect(peer.config(), clock=clock, **heard.options):
        link = await peer.link()
        clock.advance(20)
        await link.wait_for(lambda event: getattr(event, "type", None) is WSMsgType.PING)
        clock.advance(20)
        await heard.closed.wait()
    (error,) = heard.errors
    assert (error.code, error.close_code, error.close_reason) == (
        "connectionClosed",
        1011,
        "keepalive ping timeout",
    )


async def test_a_send_into_a_lost_connection(peer, heard):
    async with connect(peer.config(), **heard.options) as client:
        req_id = await client.send_audio(PCM)
        connection = client._connection
        connection.pump._socket._connection.transport.abort()
        await asyncio.sleep(0)
        with pytest.raises(AvatarKitError) as caught:
            await client.send_audio(PCM)
        with pytest.raises((AvatarKitError, LocalProtocolError)):
            await client.interrupt()
        await heard.closed.wait()
    error = caught.value
    assert (error.code, error.phase, error.req_id) == (
        "connectionClosed",
        "websocket_send",
        req_id,
    )
    assert [found.phase for found in heard.errors] == ["websocket_runtime"]
    assert heard.closes == 1


async def test_the_clock_is_real_time_by_default(peer):
    client = AvatarKitClient(peer.config())
    assert client.config == peer.config()
    assert client._clock.now() == pytest.approx(asyncio.get_running_loop().time(), abs=5)


def test_ids_for_logs():
    assert re.fullmatch(RequestId.PATTERN, new_log_id())


async def test_a_rejected_upgrade_reads_bodies_that_are_no_text(peer):
    peer.upgrade_reply = HttpResponse(status=400, body=b"\xff\xfe")
    async with AvatarKitClient(peer.config(), token="t") as client:
        with pytest.raises(AvatarKitError) as caught:
            await client.start()
    assert caught.value.code == "sessionTokenInvalid"
