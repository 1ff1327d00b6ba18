"""Whatever arrives: the platform does not fail, and other sessions go on."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

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
