"""The room socket: participants in other processes."""

from __future__ import annotations

import json

import aiohttp
import pytest

from avatar_protocols.room import v1
from mock_servers import mock
from mock_servers.videosdk.socket import SocketSession
from protocol_core.errors import ConfigurationError

from .conftest import kinds, open_meeting


def url_of(platform, room="demo-room", token=None, **query):
    parameters = {"token": token or platform.token(), **query}
    tail = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{platform.urls['room']}/{room}?{tail}"


async def dial(http, platform, **options):
    ws = await http.ws_connect(url_of(platform, **options))
    return ws, json.loads(await ws.receive_str())


async def exchange(ws, **frame):
    await ws.send_str(json.dumps(frame))
    return json.loads(await ws.receive_str())


async def test_a_participant_joins_and_is_told_who_is_there(http):
    async with open_meeting(worker="present") as (platform, meeting, listener):
        _, joined = await dial(http, platform, participant_id="user-1")
        assert joined == {
            "type": "joined",
            "room_id": "demo-room",
            "participant_id": "user-1",
            "participants": [platform.options.worker_id, meeting.local_participant.id],
        }
        assert listener.events[-1][0] == "participant-joined"


async def test_payloads_go_both_ways(http):
    async with open_meeting(worker="absent") as (platform, meeting, listener):
        ws, _ = await dial(http, platform)
        done = await exchange(ws, type="send", id=1, binary="//8=", reliability="UNRELIABLE")
        assert done == {"type": "done", "id": 1}
        await ws.send_str('{"type": "send", "text": "hi"}')
        assert (await exchange(ws, type="publish", kind="audio", id=2))["type"] == "done"
        assert listener.payloads() == [b"\xff\xff", "hi"]
        await meeting.send(b"\0\1")
        await meeting.send("ho")
        first, second = json.loads(await ws.receive_str()), json.loads(await ws.receive_str())
        assert (first["type"], first["binary"], first["reliability"]) == (
            "message",
            "AAE=",
            "RELIABLE",
        )
        assert second["from"] == meeting.local_participant.id
        assert isinstance(second["timestamp"], int)
        assert "binary" not in second


async def test_tracks_and_people_are_announced(http):
    async with mock("videosdk", worker="absent") as platform:
        ws, _ = await dial(http, platform)
        await platform.act({"worker_joins": True})
        frames = [json.loads(await ws.receive_str()) for _ in range(3)]
        worker = platform.options.worker_id
        assert frames[0] == {"type": "participant_joined", "participant_id": worker}
        assert frames[1] == {
            "type": "track",
            "participant_id": worker,
            "kind": "audio",
            "state": "published",
        }
        await exchange(ws, type="publish", kind="video", id=1)
        await exchange(ws, type="unpublish", kind="video", id=2)
        states = [record.data["state"] for record in platform.journal.where({"kind": "track"})]
        assert states == ["published"] * 3 + ["unpublished"]
        await platform.act({"worker_leaves": True})
        left = json.loads(await ws.receive_str())
        assert left == {"type": "participant_left", "participant_id": worker}


@pytest.mark.parametrize(
    ("frame", "code", "identity"),
    [
        ("{", "INVALID_FRAME", None),
        ('{"type": "dance"}', "INVALID_FRAME", None),
        ('{"type": "dance", "id": 3}', "INVALID_FRAME", 3),
        ('{"type": "send", "id": "3", "text": ""}', "INVALID_FRAME", None),
        ('{"type": "publish", "id": 4, "kind": "smell"}', "INVALID_FRAME", 4),
        ('{"type": "send", "id": 5, "binary": "a"}', "INVALID_FRAME", 5),
        ('{"type": "send", "id": 6}', "PAYLOAD_TYPE", 6),
        ('{"type": "send", "text": "a", "binary": "AAAA"}', "PAYLOAD_TYPE", None),
        (json.dumps({"type": "send", "text": "x" * 15361}), "PAYLOAD_TOO_LARGE", None),
        ("[" * 100_000, "INVALID_FRAME", None),
    ],
)
async def test_bad_frames_are_refused_and_survived(http, frame, code, identity):
    async with mock("videosdk") as platform:
        ws, _ = await dial(http, platform)
        await ws.send_str(frame)
        error = json.loads(await ws.receive_str())
        assert (error["type"], error["code"], error["id"]) == ("error", code, identity)
        assert (await exchange(ws, type="send", id=9, text="ok"))["type"] == "done"
        await ws.send_bytes(b'{"type": "send", "id": 10, "text": "ok"}')
        assert json.loads(await ws.receive_str())["id"] == 10


@pytest.mark.parametrize("how", ["frame", "close", "abort"])
async def test_leaving(http, how):
    async with open_meeting(worker="absent") as (platform, _, listener):
        ws, joined = await dial(http, platform)
        if how == "frame":
            assert (await exchange(ws, type="leave", id=1))["type"] == "done"
            assert json.loads(await ws.receive_str()) == {"type": "left", "reason": "left"}
            assert (await ws.receive()).type == aiohttp.WSMsgType.CLOSE
        elif how == "close":
            await ws.close()
        else:
            ws._response.close()
        await platform.journal.wait_for({"kind": "leave", "participant": joined["participant_id"]})
        assert listener.events[-1][0] == "participant-left"


async def test_what_follows_a_leave_goes_nowhere(http):
    async with open_meeting(worker="absent") as (platform, _, listener):
        ws, _ = await dial(http, platform)
        for frame in (
            '{"type": "leave"}',
            '{"type": "send", "text": "late"}',
            '{"type": "publish", "kind": "audio"}',
        ):
            await ws.send_str(frame)
        while (await ws.receive()).type == aiohttp.WSMsgType.TEXT:
            pass
        assert "late" not in listener.payloads()
        assert platform.journal.where({"kind": "track"}) == []


@pytest.mark.parametrize(
    ("action", "ending"),
    [
        ({"close": {"reason": "over"}}, aiohttp.WSMsgType.CLOSE),
        ({"reset": True}, aiohttp.WSMsgType.CLOSED),
    ],
)
async def test_being_sent_out(http, action, ending):
    async with mock("videosdk") as platform:
        ws, _ = await dial(http, platform)
        await platform.act(action)
        received = await ws.receive()
        if "close" in action:
            assert json.loads(received.data) == {"type": "left", "reason": "over"}
            received = await ws.receive()
        assert received.type in {ending, aiohttp.WSMsgType.ERROR}


async def test_a_refused_join_is_an_http_answer(http):
    async with mock("videosdk") as platform:
        async with http.get(
            url_of(platform, token="abc").replace("ws://", "http://"),
            headers={"Connection": "Upgrade", "Upgrade": "websocket"},
        ) as reply:
            assert reply.status == 401
            assert "token refused" in (await reply.json())["error"]
        kinds = [record.kind for record in platform.journal.records]
        assert kinds == ["note", "upgrade_request", "upgrade_response"]
        assert "abc" not in platform.journal.records[1].target


async def test_plans_may_refuse_joins(http):
    refuse = {
        "on": "upgrade",
        "endpoint": "room",
        "times": 1,
        "do": [{"error": "join_token_expired"}],
    }
    async with mock("videosdk", plan=[refuse]) as platform:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await dial(http, platform)
        assert caught.value.status == 401
        await dial(http, platform)


async def test_the_carrier_is_not_in_the_journal(http):
    async with mock("videosdk", worker="absent") as platform:
        ws, _ = await dial(http, platform)
        await exchange(ws, type="send", id=1, text="hi")
        await ws.close()
        await platform.journal.wait_for({"kind": "leave"})
        assert [record.kind for record in platform.journal.records] == ["join", "message", "leave"]


async def test_a_carrier_is_none_of_a_plans_business(http):
    async with mock("videosdk", plan=[{"on": "open", "do": []}]) as platform:
        await dial(http, platform)
        carrier = next(each for each in platform.sessions if each not in platform.rooms.values())
        carrier.observe_open()
        carrier.observe_message("x")
        carrier.on_sent("x", {})
        with pytest.raises(ConfigurationError, match="act on the room"):
            carrier.send_error("send_failed")
        assert carrier.describe()["id"].startswith("participant-")


async def test_nothing_can_be_done_before_the_socket_is_open():
    async with mock("videosdk") as platform:
        admission = platform.gate.judge(platform.session().room, platform.token(), "user-1")
        carrier = SocketSession(platform, None, platform.session(), admission)
        for frame in (
            v1.Send(text="early"),
            v1.Publish(kind="audio"),
            v1.Unpublish(kind="audio"),
            v1.Leave(),
        ):
            assert carrier._FRAMES[type(frame)](carrier, frame) is None
        carrier.default_end(None, "")
        assert kinds(platform, "join", "leave", "track", "message") == []
