from __future__ import annotations

import base64
from typing import Any

import pytest

from conformance.probe.aiavatar import tone
from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target
from conformance.trace import Trace, TraceHeader
from protocol_core.aiavatar.voice import level
from tests.conformance.helpers import scenario

TARGET = Target(protocol="aiavatar", revision="0.7", role="server", server=ServerTarget())


async def play(*steps: dict[str, Any], target: Target = TARGET) -> tuple[str, Trace]:
    made = scenario(*steps, role="server", protocol="aiavatar")
    played, records = await perform(made, target, Deadlines(), 1)
    return played.problem, Trace(TraceHeader(role="server"), records)


@pytest.mark.parametrize("peak", [-6.0, -35.0])
def test_a_tone_has_its_level(peak: float) -> None:
    pcm = tone(0.5, rate=16000, level=peak)
    assert len(pcm) == 16000
    assert level(pcm) == pytest.approx(peak - 3.0, abs=0.1)


async def test_a_whole_session() -> None:
    problem, trace = await play(
        {"open": {"metadata": {"device": "test"}}},
        {"send": {"message": "invoke", "data": {"text": "Hello"}}},
        {"await": {"message": "final"}},
        {"send": {"message": "invoke", "data": {"text": "More", "context_id": "$context_id"}}},
        {"await": {"message": "final"}},
        {"send_audio": {"speech": 0.05, "silence": 0.02}},
        {"send": {"message": "stop"}},
        {"await": {"close": "server"}},
    )
    assert problem == ""
    start, first, second, *data, _ = (r.data or {} for r in trace.messages("client"))
    assert start["metadata"] == {"device": "test"}
    assert start["session_id"] == first["session_id"]
    announced = trace.messages("server", "start")[0].data or {}
    assert second["context_id"] == announced["context_id"]
    audio = [base64.b64decode(item["audio_data"]) for item in data]
    assert [len(piece) for piece in audio] == [1024, 1024, 192]


async def test_the_session_may_be_another_or_missing() -> None:
    problem, trace = await play(
        {"open": {"session_id": "mine", "user_id": None}},
        {"send": {"message": "start", "data": {"session_id": "$other_session_id"}}},
        {"send_audio": {"speech": 0.01, "session_id": "theirs"}},
    )
    assert problem == ""
    first, second, third = (r.data or {} for r in trace.messages("client"))
    assert first["session_id"] == "mine"
    assert second["session_id"].startswith("probe-")
    assert third["session_id"] == "theirs"


async def test_turns_over_http() -> None:
    problem, trace = await play(
        {"http": {"endpoint": "chat", "data": {"text": "Hi", "extra": 1}, "without": ["user_id"]}},
        {"await": {"message": "final"}},
        {"http": {"endpoint": "chat", "audio": {"speech": 0.1}}},
        {"await": {"close": "server"}},
    )
    assert problem == ""
    first, second = (stream.request for stream in trace.streams("chat"))
    assert first is not None
    assert first.headers["authorization"] == "Bearer ‹api_key›"
    assert first.data is not None
    assert (first.data["text"], first.data["extra"]) == ("Hi", 1)
    assert "user_id" not in first.data
    assert second is not None
    assert second.data is not None
    assert second.data["text"] is None
    assert len(base64.b64decode(second.data["audio_data"])) == 3200


async def test_the_speech_endpoints_and_the_key() -> None:
    problem, trace = await play(
        {"http": {"endpoint": "transcribe"}},
        {"http": {"endpoint": "synthesize", "json": {"text": "Good day"}}},
        {"http": {"endpoint": "synthesize", "api_key": None}},
        {"http": {"endpoint": "chat", "api_key": "wrong"}},
    )
    assert problem == ""
    statuses = [reply.status for _, reply in trace.http() if reply is not None]
    assert statuses == [200, 200, 401, 401]


async def test_what_the_server_does_not_have() -> None:
    alone = ServerTarget(urls={"http": "http://127.0.0.1:1"})
    target = Target(protocol="aiavatar", revision="0.7", role="server", server=alone)
    problem, _ = await play({"open": {}}, target=target)
    assert "has no websocket" in problem


async def test_a_refused_upgrade() -> None:
    problem, trace = await play({"open": {"path": "/nowhere"}})
    assert "answered by HTTP 404" in problem
    assert not trace.sockets()[0].is_open
