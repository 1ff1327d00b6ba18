from __future__ import annotations

from typing import Any

import pytest

from conformance.errors import ConformanceError
from conformance.probe.videosdk import VideoSdkProbe
from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target, resolve
from conformance.trace import Trace, TraceHeader
from tests.conformance.helpers import scenario

TARGET = Target(protocol="videosdk", revision="1.0", role="server", server=ServerTarget())


async def play(*steps: dict[str, Any], **more: Any) -> tuple[str, Trace]:
    made = scenario(*steps, role="server", protocol="videosdk", **more)
    played, records = await perform(made, TARGET, Deadlines(), 1)
    return played.problem, Trace(TraceHeader(role="server"), records)


def said(trace: Trace, sender: str = "client") -> list[tuple[str, str, str]]:
    return [(r.name, r.opcode, r.reliability) for r in trace.messages(sender)]


async def test_a_whole_session() -> None:
    problem, trace = await play(
        {"open": {}},
        {"send_audio": {"seconds": 0.4}},
        {"send": {"message": "segment_end"}},
        {"await": {"message": "stream_ended", "from": "server"}},
        {"command": {"name": "leave"}},
    )
    assert problem == ""
    (room,) = trace.rooms()
    assert [join.sender for join in room.joins] == ["client", "server"]
    assert room.leaves[0].sender == "client"
    assert said(trace) == [
        ("PcmChunk", "binary", "UNRELIABLE"),
        ("PcmChunk", "binary", "UNRELIABLE"),
        ("segment_end", "text", "RELIABLE"),
    ]
    assert [(r.data or {})["bytes"] for r in trace.messages("client", "PcmChunk")] == [15000, 4200]
    (ack,) = trace.messages("server")
    assert (ack.name, ack.reliability, ack.participant) == (
        "stream_ended",
        "RELIABLE",
        room.joins[1].participant,
    )


async def test_payloads_by_hand() -> None:
    problem, trace = await play(
        {"open": {}},
        {"send_text": ""},
        {"send_binary": "0102"},
        {"send": {"message": "INTERRUPT", "kind": "text"}},
        {"send": {"message": "segment_end", "kind": "binary", "reliability": "UNRELIABLE"}},
        {"send_audio": {"audio": "AQI=", "reliability": "RELIABLE"}},
        {"command": {"name": "broadcast", "text": "x", "times": 2}},
        {"settle": {}},
    )
    assert problem == ""
    assert said(trace) == [
        ("", "text", "RELIABLE"),
        ("PcmChunk", "binary", "UNRELIABLE"),
        ("INTERRUPT", "text", "RELIABLE"),
        ("PcmChunk", "binary", "UNRELIABLE"),
        ("PcmChunk", "binary", "RELIABLE"),
        ("", "text", "RELIABLE"),
        ("", "text", "RELIABLE"),
    ]


async def test_third_parties() -> None:
    problem, trace = await play(
        {"open": {"agent_id": "me"}},
        {"command": {"name": "join"}},
        {"send": {"message": "segment_end", "as": "visitor"}},
        {"command": {"name": "leave", "as": "visitor"}},
        {"settle": {}},
    )
    assert problem == ""
    (record,) = trace.messages()
    assert record.sender == ""
    assert record.participant.startswith("visitor_")
    (room,) = trace.rooms()
    assert {(r.data or {}).get("probe") for r in room.joins} == {"agent", "visitor", None}
    assert "me" in room.participants("client")


async def test_tracks_are_seen() -> None:
    problem, trace = await play(
        {"connect": {}},
        {"http": {"endpoint": "dispatch"}},
        {"await": {"join": "$worker_id"}},
        {"await": {"track": "video"}},
    )
    assert problem == ""
    (room,) = trace.rooms()
    assert [(r.name, r.sender) for r in room.tracks] == [("audio", "server"), ("video", "server")]


async def test_join_requests_by_hand() -> None:
    problem, trace = await play(
        {"http": {"endpoint": "dispatch", "participant_id": "avatar_z"}},
        {"http": {"endpoint": "dispatch", "members": {"extra": 1}, "without": ["token"]}},
        {"http": {"endpoint": "dispatch", "mint": {"ttl": -5}}},
        {"http": {"endpoint": "dispatch", "mint": {"unsigned": True}}},
        {"http": {"endpoint": "rooms"}},
    )
    assert problem == ""
    requests = [request.data or {} for request, _ in trace.http("dispatch")]
    assert requests[0]["participant_id"] == "avatar_z"
    assert "token" not in requests[1]
    assert requests[1]["extra"] == 1
    assert requests[3]["token"]["signature"] == "none"
    replies = [reply.status for _, reply in trace.http() if reply is not None]
    assert replies == [202, 400, 401, 401, 200]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"send_text": "x"}, "not in a room"),
        ({"command": {"name": "leave", "as": "nobody"}}, "not in a room"),
        ({"close": {}}, "no connection"),
    ],
)
async def test_steps_that_need_a_room(step: dict[str, Any], says: str) -> None:
    problem, _ = await play(step)
    assert says in problem


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"send_audio": {"bytes": 2, "as": "nobody"}}, "nobody is not in the room"),
        ({"send_audio": {"bytes": 15362, "chunk": 20000}}, "did not take it"),
        ({"close": {}}, "leave it"),
        ({"reset": True}, "leave it"),
        ({"command": {"name": "dance"}}, "no command"),
    ],
)
async def test_steps_that_a_room_does_not_take(step: dict[str, Any], says: str) -> None:
    problem, _ = await play({"connect": {}}, step)
    assert says in problem


async def test_refused_joins() -> None:
    wrong = {"secret": "another-secret-of-at-least-32-bytes"}
    problem, trace = await play({"connect": {"mint": wrong}})
    assert "did not let agent in" in problem
    assert any("not let in" in r.reason for r in trace.records)
    problem, _ = await play({"connect": {"mint": wrong, "refused": True}}, {"settle": {}})
    assert problem == ""


async def test_a_refused_dispatch_ends_the_opening() -> None:
    problem, _ = await play({"open": {"mint": {"ttl": -5}}})
    assert "HTTP 401" in problem


async def test_the_room_acts() -> None:
    problem, trace = await play(
        {"open": {}},
        {"command": {"name": "room", "fail_sends": {"error": "send_failed", "who": "worker"}}},
        {"send_audio": {"bytes": 2}},
        {"send": {"message": "segment_end"}},
        {"settle": {}},
    )
    assert problem == ""
    assert trace.messages("server") == []


async def test_what_stands_beside_a_worker() -> None:
    options = {"pace": True, "strict_sender": "me", "loss": 0.5}
    async with VideoSdkProbe.surroundings(resolve("videosdk", "1.0"), options, 7) as beside:
        assert beside.options == {"pace": True, "strict_sender": "me"}
        assert set(beside.credentials) == {"token", "participant_id"}
        assert beside.site.credentials["participant_id"] == beside.credentials["participant_id"]
        assert beside.site.credentials["room_id"] == beside.room
        assert set(beside.site.urls) == {"room", "control"}
        assert "dispatcher" not in beside.site.urls


async def test_an_account_is_needed() -> None:
    made = scenario({"connect": {}}, role="server", protocol="videosdk")
    lonely = ServerTarget(urls={"room": "ws://127.0.0.1:1/rooms"}, credentials={"room_id": "abcd"})
    target = Target(protocol="videosdk", revision="1.0", role="server", server=lonely)
    played, _ = await perform(made, target, Deadlines(), 1)
    assert "api_key" in played.problem
    assert issubclass(ConformanceError, Exception)
