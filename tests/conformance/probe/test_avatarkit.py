from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conformance.stage.base import Deadlines
from conformance.stage.server import perform
from conformance.target import ServerTarget, Target
from conformance.trace import Trace, TraceHeader
from tests.conformance.helpers import scenario

if TYPE_CHECKING:
    from avatar_protocols.trace import Record

TARGET = Target(protocol="avatarkit", revision="0.1.7", role="server", server=ServerTarget())
OPEN = {"open": {}}


async def play(*steps: dict[str, Any], **members: Any) -> tuple[str, Trace]:
    made = scenario(*steps, role="server", **members)
    played, records = await perform(made, TARGET, Deadlines(), 1)
    return played.problem, Trace(TraceHeader(role="server"), records)


def audio(trace: Trace) -> list[dict[str, Any]]:
    sent = trace.messages("client", "MESSAGE_CLIENT_AUDIO_INPUT")
    return [(record.data or {})["client_audio_input"] for record in sent]


def query(upgrade: Record | None) -> dict[str, list[str]]:
    assert upgrade is not None
    return parse_qs(urlsplit(upgrade.target).query)


def replying(body: bytes) -> tuple[dict[str, Any], ...]:
    """A plan by which the token call is answered with 200 and a body."""
    answer = {"status": 200, "body": base64.b64encode(body).decode()}
    return ({"on": "http", "do": [{"respond": answer}]},)


async def test_a_token_is_fetched_once_and_hidden() -> None:
    problem, trace = await play({"connect": {}}, {"connect": {}})
    assert problem == ""
    ((request, reply),) = trace.http("session_tokens")
    assert (request.method, (request.data or {}).keys()) == ("POST", {"expireAt"})
    assert reply is not None
    assert reply.data == {"sessionToken": "‹session_token›"}
    for socket in trace.sockets():
        assert socket.is_open
        assert socket.upgrade is not None
        assert "‹session_token›" in socket.upgrade.headers.values()
        assert query(socket.upgrade).keys() == {"id"}


async def test_the_two_ways_to_authenticate() -> None:
    problem, trace = await play({"connect": {"auth": "query"}}, {"connect": {"auth": "header"}})
    assert problem == ""
    by_query, by_header = (socket.upgrade for socket in trace.sockets())
    assert query(by_query).keys() == {"id", "appId", "sessionKey"}
    assert query(by_header).keys() == {"id"}


async def test_every_part_of_an_upgrade_can_be_changed() -> None:
    changes = {
        "token": "t",
        "app_id": "a",
        "avatar_id": "v",
        "query": {"id": None, "extra": "1"},
        "headers": {"X-One": "1"},
        "path": "/websocket",
    }
    problem, trace = await play({"connect": changes}, {"await": {"upgrade": 400}})
    assert problem == ""
    assert trace.http() == []
    (socket,) = trace.sockets()
    assert socket.upgrade is not None
    assert query(socket.upgrade) == {"extra": ["1"]}
    headers = socket.upgrade.headers
    assert (headers["x-app-id"], headers["x-one"]) == ("a", "1")
    assert headers["x-session-key"] == "‹redacted›"  # no token that the server has issued


async def test_without_a_token_there_is_no_upgrade() -> None:
    plan = replying(b"{}")
    problem, trace = await play({"connect": {}}, plan=plan)
    assert problem == "step 1 (connect): the server issued no session token"
    assert trace.sockets() == []


@pytest.mark.parametrize("text", [b"no JSON", b"[]", b'{"sessionToken": 5}'])
async def test_replies_that_hold_no_token_teach_nothing(text: bytes) -> None:
    steps = ({"http": {"endpoint": "session_tokens"}}, {"connect": {}})
    problem, _ = await play(*steps, plan=replying(text))
    assert problem == "step 2 (connect): the server issued no session token"


async def test_the_handshake_of_a_scenario() -> None:
    configuration = {
        "sample_rate": 24000,
        "audio_format": "AUDIO_FORMAT_OGG_OPUS",
        "config": {"bitrate": 32000},
    }
    problem, trace = await play({"open": configuration})
    assert problem == ""
    (told,) = trace.messages("client")
    assert (told.data or {})["client_configure_session"] == {
        "sample_rate": 24000,
        "audio_format": "AUDIO_FORMAT_OGG_OPUS",
        "bitrate": 32000,
    }


async def test_audio_is_cut_into_chunks_and_only_the_last_may_end_it() -> None:
    data = base64.b64encode(bytes(range(10))).decode()
    problem, trace = await play(OPEN, {"send_audio": {"audio": data, "chunks": 3, "end": True}})
    assert problem == ""
    pieces = audio(trace)
    assert [base64.b64decode(piece["audio"]) for piece in pieces] == [
        b"\x00\x01\x02\x03",
        b"\x04\x05\x06\x07",
        b"\x08\x09",
    ]
    assert [piece.get("end", False) for piece in pieces] == [False, False, True]


async def test_lengths_are_silence() -> None:
    problem, trace = await play(
        {"open": {"sample_rate": 8000}},
        {"send_audio": {"bytes": 6}},
        {"send_audio": {"seconds": 0.01}},
        {"send_audio": {"end": True}},
    )
    assert problem == ""
    assert [base64.b64decode(piece.get("audio", "")) for piece in audio(trace)] == [
        bytes(6),
        bytes(160),
        b"",
    ]


async def test_a_request_lasts_until_its_end() -> None:
    problem, trace = await play(
        OPEN,
        {"send_audio": {"bytes": 2}},
        {"send_audio": {"bytes": 2, "end": True}},
        {"send_audio": {"bytes": 2}},
        {"send_audio": {"bytes": 2, "req_id": "own"}},
        {"send": {"message": "MESSAGE_CLIENT_INTERRUPT", "data": {"req_id": "$req_id"}}},
    )
    assert problem == ""
    assert [piece["req_id"] for piece in audio(trace)] == ["probe-1", "probe-1", "probe-2", "own"]
    (interrupt,) = trace.messages("client", "MESSAGE_CLIENT_INTERRUPT")
    assert (interrupt.data or {})["client_interrupt"] == {"req_id": "own"}
