from __future__ import annotations

import json

import pytest

from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.server_stream import ServerStream
from protocol_core.errors import LocalProtocolError
from protocol_core.machine import StateMachine
from tests.protocol_core.aiavatar.support import REVISION, vectors


@pytest.fixture
def answer():
    return Answer(REVISION, session_id="s", user_id=None, context_id="c")


@pytest.fixture
def stream():
    return ServerStream(now=100.0)


def names(messages):
    return [json.loads(message)["type"] for message in messages]


def test_a_turn_in_order(stream, answer):
    said = stream.send(answer.start("Hi"))
    for event in answer.chunk("[vision:camera]Yes"):
        said += stream.send(event)
    said += stream.send(answer.tool_call(None, "look", "{}"))
    said += stream.send(answer.final())
    assert names(said) == ["start", "chunk", "tool_call", "vision"]
    assert stream.state == "ENDING"
    stream.end()
    assert stream.state == "DONE"
    stream.broken()
    assert stream.state == "DONE"


def test_order_is_kept(stream, answer):
    (chunk,) = answer.chunk("Hi")
    with pytest.raises(LocalProtocolError):
        stream.send(chunk)
    with pytest.raises(LocalProtocolError):
        stream.send(answer.stop())
    stream.send(answer.start("Hi"))
    with pytest.raises(LocalProtocolError):
        stream.end()
    stream.send(answer.error())
    with pytest.raises(LocalProtocolError):
        stream.send(chunk)


def test_nothing_heard_is_an_empty_stream(stream):
    stream.end()
    assert stream.state == "DONE"


def test_the_connection_may_break(stream, answer):
    stream.send(answer.start("Hi"))
    stream.broken()
    assert stream.state == "DONE"
    assert stream.deadline() is None
    assert stream.timeout(1000.0, "now") == []


def test_a_comment_every_fifteen_seconds(stream):
    assert stream.deadline() == 115.0
    assert stream.timeout(114.9, "now") == []
    assert stream.timeout(115.0, "2026-01-01 00:00:00+00:00") == [
        "ping - 2026-01-01 00:00:00+00:00"
    ]
    assert stream.deadline() == 130.0
    assert ServerStream(revision="0.7.10", now=1.0, keepalive=2.0).deadline() == 3.0


@vectors("sequences", lambda row: row["machine"] == "stream")
def test_streams_of_the_documents(vector):
    machine = StateMachine(REVISION.states.STREAM, protocol="aiavatar")
    events = vector["events"][: vector.get("illegal")]
    for event in events:
        assert machine.allows(event) or machine.ignores(event)
        if machine.allows(event):
            machine.send(event)
    if "illegal" in vector:
        event = vector["events"][vector["illegal"]]
        assert not machine.allows(event)
        assert not machine.ignores(event)
    assert machine.state == vector["ends"]
