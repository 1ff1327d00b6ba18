from __future__ import annotations

from typing import Any

import pytest

from conformance.stage.awaiting import FORMS, expectation
from tests.conformance.helpers import record

MESSAGE = record(
    1,
    "message",
    sender="client",
    name="AUDIO",
    connection=2,
    data={"type": "AUDIO", "audio": {"end": True, "req_id": "r"}},
)


@pytest.mark.parametrize(
    ("args", "candidate", "accepted"),
    [
        ({"message": "AUDIO"}, MESSAGE, True),
        ({"message": "*"}, MESSAGE, True),
        ({"message": "OTHER"}, MESSAGE, False),
        ({"message": "AUDIO", "from": "server"}, MESSAGE, False),
        ({"message": "AUDIO", "where": {"end": True}}, MESSAGE, True),
        ({"message": "AUDIO", "where": {"type": "AUDIO"}}, MESSAGE, True),
        ({"message": "AUDIO", "where": {"audio": {"end": True}}}, MESSAGE, True),
        ({"message": "AUDIO", "where": {"end": 1}}, MESSAGE, False),
        ({"message": "AUDIO", "where": {"absent": None}}, MESSAGE, False),
        ({"message": "*", "where": {"a": 1}}, record(1, "message"), False),
        ({"event": "error"}, record(1, "event", name="error"), True),
        ({"event": "error"}, record(1, "answer", name="error"), False),
        ({"answer": "open"}, record(1, "answer", name="open"), True),
        (
            {"answer": "open", "kind": "error"},
            record(1, "answer", name="open", data={"answer": "done"}),
            False,
        ),
        ({"http": "tokens"}, record(1, "http_request", name="tokens"), True),
        ({"upgrade": True}, record(1, "upgrade_request"), True),
        ({"upgrade": 401}, record(1, "upgrade_response", status=401), True),
        ({"upgrade": 401}, record(1, "upgrade_response", status=101), False),
        ({"connection": 2}, record(1, "open", connection=2), True),
        ({"connection": 2}, record(1, "open", connection=1), False),
        ({"close": "client"}, record(1, "close", sender="client"), True),
        ({"close": "client"}, record(1, "close", sender="server"), False),
        ({"close": "any"}, record(1, "close", sender="server"), True),
        ({"close": "any"}, record(1, "reset", sender="server"), False),
        ({"ended": True}, record(1, "reset"), True),
        ({"ended": True}, record(1, "close"), True),
        ({"ended": True}, record(1, "message"), False),
        ({"ping": "client"}, record(1, "ping", sender="client"), True),
        ({"pong": "client"}, record(1, "ping", sender="client"), False),
        ({"ping": "server"}, record(1, "ping", sender="server", opcode="sse"), True),
        ({"message": "AUDIO", "channel": 2}, MESSAGE, True),
        ({"message": "AUDIO", "channel": 1}, MESSAGE, False),
        ({"close": "server", "channel": 2}, record(1, "close", sender="server"), False),
        ({"join": "*"}, record(1, "join", participant="a"), True),
        ({"join": "a"}, record(1, "join", participant="a"), True),
        ({"join": "a"}, record(1, "join", participant="b"), False),
        ({"join": "*", "from": "server"}, record(1, "join", sender="client"), False),
        ({"leave": "a"}, record(1, "leave", participant="a"), True),
        ({"leave": "a"}, record(1, "join", participant="a"), False),
        (
            {"track": "audio", "participant": "a", "where": {"state": "published"}},
            record(1, "track", name="audio", participant="a", data={"state": "published"}),
            True,
        ),
        ({"track": "*"}, record(1, "track", name="video"), True),
        ({"track": "audio"}, record(1, "track", name="video"), False),
        ({"message": "*", "participant": "a"}, record(1, "message", participant="b"), False),
        (
            {"message": "*", "reliability": "UNRELIABLE"},
            record(1, "message", reliability="UNRELIABLE"),
            True,
        ),
        (
            {"message": "*", "reliability": "UNRELIABLE"},
            record(1, "message", reliability="RELIABLE"),
            False,
        ),
    ],
)
def test_what_is_accepted(args: dict[str, Any], candidate: Any, accepted: bool) -> None:
    assert expectation(args, under_test="client").accepts(candidate) is accepted


def test_with_a_server_http_means_the_reply() -> None:
    wanted = expectation({"http": "*"}, under_test="server")
    assert wanted.accepts(record(1, "http_response"))
    assert not wanted.accepts(record(1, "http_request"))


def test_details() -> None:
    wanted = expectation({"event": "x", "count": 3, "within": 2}, under_test="client")
    assert (wanted.count, wanted.within, wanted.consumes) == (3, 2, True)
    assert wanted.text == "event x, count 3"
    assert not expectation({"connection": 1}, under_test="client").consumes
    ended = expectation({"ended": True}, under_test="client")
    assert ended.document() == {}
    near = expectation({"event": "x", "where": {"a": 1}}, under_test="client")
    assert near.document() == {"kind": "event", "name": "x", "data": {"a": 1}}


def test_the_schema_knows_the_same_forms() -> None:
    from avatar_protocols import schemas

    options = schemas.meta("scenario")["$defs"]["await"]["oneOf"]
    assert {option["required"][0] for option in options} == set(FORMS)


def test_a_close_of_the_probes_own_has_ended_nothing() -> None:
    ended = expectation({"ended": True}, under_test="server")
    assert ended.accepts(record(1, "reset", sender="client"))
    assert not ended.accepts(record(1, "close", sender="client"))
    assert ended.accepts(record(1, "close", sender="server"))
    assert ended.accepts(record(1, "reset", sender="server"))
