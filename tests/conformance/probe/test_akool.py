from __future__ import annotations

import base64
from typing import Any

import pytest

from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target
from conformance.trace import Trace, TraceHeader
from tests.conformance.helpers import scenario

REVISIONS = ("0.1.8", "0.1.8-documented", "0.1.9")


async def play(
    *steps: dict[str, Any], revision: str = "0.1.8", **members: Any
) -> tuple[str, Trace]:
    made = scenario(*steps, role="server", protocol="akool", **members)
    target = Target(protocol="akool", revision=revision, role="server", server=ServerTarget())
    played, records = await perform(made, target, Deadlines(step=1.0), 1)
    return played.problem, Trace(TraceHeader(role="server", revision=revision), records)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_whole_session(revision: str) -> None:
    problem, trace = await play(
        {"open": {}},
        {"command": {"name": "set_params"}},
        {"send_audio": {"seconds": 0.25}},
        {"send": {"message": "ping"}},
        {"await": {"message": "pong", "from": "server"}},
        {"close": {}},
        revision=revision,
    )
    assert problem == ""
    ((call, reply),) = trace.http()
    assert reply is not None
    assert "WEBSOCKET_GROUP_TEST" in call.target
    assert ("avatar_id" in call.target) == (revision == "0.1.9")
    (socket,) = trace.sockets()
    assert socket.upgrade is not None
    sent = [record.name for record in socket.messages("client")]
    if revision == "0.1.8-documented":
        assert sent == ["auth", "agora_params", *["audio_data"] * 3, "ping"]
        assert socket.upgrade.target == "/streamingAvatar/ws/v1"
    else:
        assert sent == ["command/set-params", *["chat"] * 3, "ping"]
        assert "session_id=" in socket.upgrade.target
    assert all(not record.problems for record in trace.messages())


async def test_the_key_is_a_secret() -> None:
    problem, trace = await play({"open": {}}, revision="0.1.8-documented")
    assert problem == ""
    (auth,) = trace.messages("client", "auth")
    assert (auth.data or {})["token"] == "‹api_key›"
    ((call, _),) = trace.http()
    assert "‹api_key›" in call.headers.values()


async def test_everything_can_be_changed() -> None:
    problem, trace = await play(
        {"http": {"endpoint": "service_status", "environment": "prod", "query": {"a": "b"}}},
        {"http": {"endpoint": "service_status", "api_key": "nobody", "text": "x"}},
        {"connect": {"instance": 1, "session_id": "s", "avatar_id": "x", "query": {"q": "1"}}},
        {"await": {"message": "system/websocket_connected"}},
        {"command": {"name": "set_params", "uid": 5, "voice_id": "v", "channel": "c"}},
        {"send_audio": {"audio": base64.b64encode(b"abcdef").decode(), "chunk": 4}},
    )
    assert problem == ""
    (first, _), (second, refusal) = trace.http()
    assert first.target == "/streamingAvatar/service_status?a=b"
    assert second.raw == "x"
    assert refusal is not None
    assert refusal.status == 401
    (socket,) = trace.sockets()
    assert socket.upgrade is not None
    assert socket.upgrade.target.endswith("?session_id=s&avatar_id=x&q=1")
    (params,) = trace.messages("client", "command/set-params")
    payload = (params.data or {})["pld"]
    assert payload["data"]["vid"] == "v"
    assert payload["metadata"]["agora_data"]["uid"] == 5
    audio = [(r.data or {})["pld"]["audio"] for r in trace.messages("client", "chat")]
    assert list(map(base64.b64decode, audio)) == [b"abcd", b"ef"]


async def test_instances_are_remembered() -> None:
    problem, trace = await play({"open": {}}, {"open": {"instance": 2}})
    assert problem == ""
    assert len(trace.http()) == 1
    problem, _ = await play({"connect": {"instance": 9}})
    assert "discovery gave 3 usable instances; 9 are needed" in problem


async def test_nobody_to_connect_to() -> None:
    problem, _ = await play({"open": {}}, platform={"instances": 0})
    assert "discovery gave 0 usable instances" in problem


async def test_a_given_url() -> None:
    problem, trace = await play({"connect": {"url": "ws://127.0.0.1:1/x"}})
    assert "cannot connect" in problem
    assert trace.http() == []


async def test_an_upgrade_that_is_refused() -> None:
    problem, _ = await play(
        {"open": {}}, plan=[{"on": "upgrade", "do": [{"error": "upgrade_not_found"}]}]
    )
    assert "answered by HTTP 404" in problem


async def test_parameters_that_nobody_awaits() -> None:
    problem, trace = await play(
        {"open": {}},
        {"command": {"name": "set_params", "wait": False}},
        {"settle": {}},
        platform={"acks": False, "joins": False},
    )
    assert problem == ""
    assert trace.messages("server", "ack") == []


async def test_auth_with_other_members() -> None:
    problem, trace = await play(
        {"connect": {}},
        {"command": {"name": "auth", "token": "nobody", "avatar_id": 7}},
        {"await": {"message": "error"}},
        revision="0.1.8-documented",
    )
    assert problem == ""
    (auth,) = trace.messages("client", "auth")
    assert (auth.data or {})["avatar_id"] == 7


async def test_v2_has_no_auth() -> None:
    problem, _ = await play({"open": {}}, {"command": {"name": "auth"}})
    assert "the probe has no command 'auth'" in problem
