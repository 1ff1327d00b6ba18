"""Whatever arrives: the platform does not fail, and other sessions go on."""

from __future__ import annotations

import asyncio
import base64
import json
import random

import pytest

from avatar_protocols.aiavatar.v0_7.constants import Header as AIAvatarHeader
from avatar_protocols.akool.v0_1_8.constants import Header as AkoolHeader
from avatar_protocols.avatarkit.v0_1_7.constants import Header as AvatarKitHeader
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from mock_servers import mock

ROUNDS = 400


async def turn_over(ws):
    """Let the platform run, and read what it has sent: else both sides would wait in the end."""
    for _ in range(3):
        await asyncio.sleep(0)
    while ws._reader._buffer:
        await ws.receive()


def mutate(rng, data):
    """Cut, repeat, or change some bytes."""
    data = bytearray(data)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data) + 1)
        choice = rng.randrange(4)
        if choice == 0:
            del data[place:]
        elif choice == 1:
            data[place:place] = rng.randbytes(rng.randrange(8))
        elif choice == 2 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        else:
            data += data[place:]
    return bytes(data)


def avatarkit_message(rng):
    kind = rng.choice(list(pb.MessageType.values()))
    message = pb.Message(type=kind)
    req_id = rng.choice(["", "r1", "r2", "r3"])
    if rng.random() < 0.8:
        message.client_audio_input.req_id = req_id
        message.client_audio_input.audio = rng.randbytes(rng.randrange(5000))
        message.client_audio_input.end = rng.random() < 0.3
    else:
        message.client_interrupt.req_id = req_id
    return mutate(rng, message.SerializeToString())


def liveavatar_message(rng):
    if rng.random() < 0.3:
        return mutate(rng, b"\x50\x00\x00\x00\x00\xa0\x00\x05\x00" + bytes(1280))
    document = {
        "event": rng.choice([str(name) for name in MessageName]),
        "requestId": rng.choice(["r1", "r2", None, 5, ""]),
        "responseId": rng.choice(["x1", "x2", [], ""]),
        "seq": rng.choice([0, 1, 2, -1, 2**70, "1"]),
        "timestamp": rng.choice([0, 10**13, 1.5]),
        "data": rng.choice(
            [
                {"text": "hello"},
                {"text": "", "final": False},
                {"code": "X", "message": "y"},
                {"audioConfig": {"speed": 99, "volume": -1, "mood": "odd"}},
                {"audioConfig": None},
                [],
                None,
            ]
        ),
    }
    kept = {key: value for key, value in document.items() if rng.random() < 0.9}
    data = json.dumps(kept).encode()
    return (mutate(rng, data) if rng.random() < 0.3 else data).decode("utf-8", errors="replace")


@pytest.mark.parametrize("seed", range(4))
async def test_avatarkit(http, seed, caplog):
    rng = random.Random(seed)
    async with mock("avatarkit", pace=False, seed=seed, frozen=True) as platform:
        body = {"expireAt": int(platform.wall()) + 10**7}
        headers = {AvatarKitHeader.API_KEY: platform.credentials["api_key"]}
        url = f"{platform.urls['console']}/session-tokens"
        async with http.post(url, json=body, headers=headers) as reply:
            token = (await reply.json())["sessionToken"]
        credentials = platform.credentials
        query = f"id={credentials['avatar_id']}&appId={credentials['app_id']}&sessionKey={token}"
        configure = pb.Message(type=pb.MESSAGE_CLIENT_CONFIGURE_SESSION)
        configure.client_configure_session.sample_rate = 16000
        configure.client_configure_session.audio_format = seed % 2
        ws = None
        for _ in range(ROUNDS):
            if ws is None or ws.closed:
                ws = await http.ws_connect(f"{platform.urls['ingress']}/websocket?{query}")
                await ws.send_bytes(configure.SerializeToString())
            await ws.send_bytes(avatarkit_message(rng))
            await turn_over(ws)
            if rng.random() < 0.05:
                await platform.advance(rng.random() * 20)
        sent = platform.journal.messages(sender="server")
        assert len(sent) > ROUNDS / 10
        assert [record for record in sent if record.problems] == []
    assert caplog.records == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pace", [True, False])
async def test_liveavatar(http, seed, pace, caplog):
    rng = random.Random(seed)
    asr = rng.choice(["developer", "platform"])
    async with mock("liveavatar", pace=pace, seed=seed, frozen=True, asr=asr) as platform:
        credentials = platform.credentials
        async with http.post(
            f"{platform.urls['base']}/v1/session/start",
            json={"avatarId": credentials["avatar_id"]},
            headers={"Authorization": f"Bearer {credentials['api_key']}"},
        ) as reply:
            url = (await reply.json())["data"]["agentWsUrl"]
        ws = await http.ws_connect(url)
        await ws.send_str('{"event":"session.ready"}')
        for _ in range(ROUNDS):
            message = liveavatar_message(rng)
            await (ws.send_str if isinstance(message, str) else ws.send_bytes)(message)
            await turn_over(ws)
            if rng.random() < 0.1:
                await platform.advance(rng.random() * 3)
            if rng.random() < 0.1 and platform.sessions:
                turn = rng.choice(["r1", "r2"])
                await platform.act({"say": {"text": "hello", "request_id": turn}})
            if rng.random() < 0.05 and platform.sessions:
                await platform.act({"speak": {"seconds": 0.1, "text": rng.choice(["", "hi"])}})
        sent = platform.journal.messages(sender="server")
        assert sent
        assert [record for record in sent if record.problems] == []
        assert platform.sessions, "the session goes on whatever the agent sends"
    assert caplog.records == []


AKOOL_PAYLOADS = (
    {},
    {"cmd": "interrupt"},
    {"cmd": "set-params", "data": {"vid": "", "lang": "en", "mode": 3, "bgurl": ""}}
    | {"metadata": {"agora_data": {"appid": "a", "channel_id": "c", "token": "t", "uid": 1}}},
    {"cmd": "dance"},
    {"audio": "AAAA"},
    {"audio": "A"},
    {"event": "leave_channel", "reason": ""},
    {"channel": "c", "userId": 1, "rtcToken": "t"},
    [],
    None,
)


def akool_message(rng):
    document = {
        "v": rng.choice([2, 2, 2, "2", 3]),
        "type": rng.choice(["ping", "command", "command", "chat", "event", "audio_data", "x", 5]),
        "mid": rng.choice(["m1", "m2", "", 7]),
        "pld": rng.choice(AKOOL_PAYLOADS),
        "data": rng.choice(["AAAA", *AKOOL_PAYLOADS]),
    }
    kept = {key: value for key, value in document.items() if rng.random() < 0.95}
    data = json.dumps(kept).encode()
    return (mutate(rng, data) if rng.random() < 0.2 else data).decode("utf-8", errors="replace")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("revision", ["0.1.8", "0.1.8-documented"])
async def test_akool(http, seed, revision, caplog):
    rng = random.Random(seed)
    async with mock("akool", revision, pace=bool(seed % 2), seed=seed, frozen=True) as platform:
        headers = {AkoolHeader.API_KEY: platform.credentials["api_key"]}
        address = platform.urls["instance"].replace("http", "ws")
        ws = await http.ws_connect(f"{address}/streamingAvatar/ws/v1", headers=headers)
        if revision != "0.1.8":
            auth = {"type": "auth", "token": platform.credentials["api_key"], "avatar_id": "a"}
            await ws.send_str(json.dumps(auth))
        for _ in range(ROUNDS):
            await ws.send_str(akool_message(rng))
            await turn_over(ws)
            if rng.random() < 0.1:
                await platform.advance(rng.random() * 3)
            if rng.random() < 0.05:
                await platform.act({"error": rng.choice(["server_error", "params_refused"])})
        sent = platform.journal.messages(sender="server")
        assert len(sent) > ROUNDS / 10
        assert [record for record in sent if record.problems] == []
        assert platform.sessions, "the session goes on whatever the client sends"
    assert caplog.records == []


def aiavatar_message(rng):
    document = {
        "type": rng.choice(["invoke", "invoke", "data", "data", "config", "start", "dance"]),
        "session_id": rng.choice(["s1", "s1", "s2"]),
        "context_id": rng.choice([None, "c1"]),
        "text": rng.choice(["hello", "story", "weather", "look", "fail", "", None]),
        "audio_data": base64.b64encode(rng.choice([bytes(1024), b"\x00\x40" * 512])).decode(),
        "files": rng.choice([None, [], [{"type": "image", "url": "data:x"}]]),
        "metadata": rng.choice([{}, {"volume_db_threshold": rng.choice([-30, 0, None])}]),
    }
    data = json.dumps(document).encode()
    return (mutate(rng, data) if rng.random() < 0.02 else data).decode("utf-8", errors="replace")


@pytest.mark.parametrize("seed", range(4))
async def test_aiavatar(http, seed, caplog):
    rng = random.Random(seed)
    options = {"listen_on": "clock", "speech_rate": 1000, "merge_within": rng.choice([0, 1])}
    options |= {"ping_interval": 0}  # what is read here is messages alone
    options |= {"blocking_invoke": bool(seed % 2), "pcm_chunk_bytes": rng.choice([0, 400])}
    pace = bool(seed % 2)
    async with mock("aiavatar", seed=seed, pace=pace, frozen=True, **options) as platform:
        headers = {AIAvatarHeader.AUTHORIZATION: f"Bearer {platform.credentials['api_key']}"}
        ws, streams = None, []
        for _ in range(ROUNDS):
            if ws is None or ws.closed:
                ws = await http.ws_connect(f"{platform.urls['websocket']}/ws")
                await ws.send_str('{"type":"start","session_id":"s1"}')
            await ws.send_str(aiavatar_message(rng))
            await turn_over(ws)
            if rng.random() < 0.1:
                await platform.advance(rng.random() * 20)
            if rng.random() < 0.1:
                url = f"{platform.urls['http']}/chat"
                streams.append(await http.post(url, data=aiavatar_message(rng), headers=headers))
            if streams and rng.random() < 0.1:
                streams.pop(0).close()
            if rng.random() < 0.05 and platform.sessions:
                await platform.act({"error": rng.choice(["pipeline_error", "late_final"])})
        sent = platform.journal.messages(sender="server")
        assert len(sent) > ROUNDS / 10
        assert [record for record in sent if record.problems] == []
        for stream in streams:
            stream.close()
    assert caplog.records == []


def videosdk_payload(rng):
    return rng.choice(
        [
            rng.randbytes(rng.randrange(20000)),
            b"INTERRUPT",
            "INTERRUPT",
            '{"type": "segment_end"}',
            '{"type": "stream_ended", "data": {"playback_position": 1.0, "interrupted": false}}',
            '{"type": 1}',
            "[1]",
            "hello",
            "",
        ]
    )


def videosdk_frame(rng):
    payload = videosdk_payload(rng)
    content = (
        {"text": payload}
        if isinstance(payload, str)
        else {"binary": base64.b64encode(payload).decode()}
    )
    document = {
        "type": rng.choice(["send", "send", "send", "send", "publish", "unpublish", "dance"]),
        "id": rng.choice([1, 2, -1, "3", None]),
        "kind": rng.choice(["audio", "video", 7]),
        "reliability": rng.choice(["RELIABLE", "UNRELIABLE", "", 5]),
        **content,
    }
    used = {"send": {"id", "reliability", *content}, "dance": {"id"}}.get(
        document["type"], {"id", "kind"}
    )
    kept = {key: value for key, value in document.items() if key in {"type", *used}}
    kept = {key: value for key, value in kept.items() if key != "id" or rng.random() < 0.5}
    data = json.dumps(kept).encode()
    return (mutate(rng, data) if rng.random() < 0.2 else data).decode("utf-8", errors="replace")


@pytest.mark.parametrize("seed", range(4))
async def test_videosdk(http, seed, caplog):
    rng = random.Random(seed)
    air = {"loss": 0.1, "reorder": 0.1, "utf8_text_decoding": bool(seed % 2)}
    options = {"worker": "present", "pace": bool(seed % 2), **air}
    async with mock("videosdk", seed=seed, frozen=True, **options) as platform:
        query = f"token={platform.token()}&participant_id=agent-1"
        ws = await http.ws_connect(f"{platform.urls['room']}/demo-room?{query}")
        for _ in range(ROUNDS):
            await ws.send_str(videosdk_frame(rng))
            await turn_over(ws)
            if rng.random() < 0.1:
                await platform.advance(rng.random() * 0.5)
            if rng.random() < 0.05:
                body = mutate(rng, json.dumps({"room_name": "a", "token": "b.c.d"}).encode())
                async with http.post(platform.urls["dispatcher"], data=body) as reply:
                    assert reply.status == 400
            if rng.random() < 0.02:
                await platform.act([{"worker_leaves": True}, {"worker_joins": True}])
        sent = platform.journal.messages(sender="server")
        assert sent
        assert [record for record in sent if record.problems] == []
        assert len(platform.session().room.participants) == 2
    assert caplog.records == []
