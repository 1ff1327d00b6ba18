from __future__ import annotations

import json

import pytest

from mock_servers.aiavatar.wire import AIAvatarCodec
from mock_servers.schemas import SchemaCheck
from protocol_core.aiavatar.revision import load

CODEC = AIAvatarCodec(load("0.7"), SchemaCheck("aiavatar", "0.7"))
STREAM = CODEC.for_endpoint("chat")


def test_an_event_is_built_with_every_member():
    text = CODEC.encode("final", {"session_id": "s", "text": "Hi", "metadata": {}})
    document = json.loads(text)
    assert document["user_id"] is None
    assert document["language"] is None
    decoded = CODEC.decode(text, "server")
    assert (decoded.name, decoded.data, decoded.problems) == ("final", document, [])


def test_an_unknown_event_is_built_as_it_stands():
    assert json.loads(CODEC.encode("dance", {"a": 1})) == {"type": "dance", "a": 1}
    assert CODEC.decode('{"type":"dance"}', "server").problems == []
    assert CODEC.decode('{"type":"dance"}', "client").problems == []


def test_requests_are_checked_as_the_clients():
    assert CODEC.decode('{"type":"start","session_id":"s"}', "client").problems == []
    assert CODEC.decode('{"type":"start"}', "client").problems
    assert CODEC.decode('{"type":"start"}', "server").problems


def test_some_events_do_not_belong_on_a_stream():
    stop = CODEC.encode("stop", {"session_id": "s"})
    assert CODEC.decode(stop, "server").problems == []
    assert STREAM.decode(stop, "server").problems == ["stop does not belong on an event stream"]
    assert STREAM.for_endpoint("chat") is STREAM
    assert CODEC.for_endpoint("websocket") is CODEC
    assert STREAM.for_endpoint("websocket") is not STREAM


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\0", "binary"),
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ('{"kind":"start"}', "no string member type"),
    ],
)
def test_what_is_no_message(message, problem):
    decoded = CODEC.decode(message, "client")
    assert decoded.name == ""
    assert problem in decoded.problems[0]


def test_bodies_are_checked():
    good = CODEC.document("chat", b'{"type":"start","session_id":"s"}', response=False)
    assert (good.name, good.problems) == ("chat", [])
    assert CODEC.document("chat", b'{"type":"start"}', response=False).problems
    assert CODEC.document("chat", b"", response=False).name == ""
    assert CODEC.document("chat", b"{", response=False).problems
    assert CODEC.document("chat", b"[]", response=False).problems == ["a JSON list, not an object"]
    assert CODEC.document("transcribe", b'{"text":1}', response=True).problems
    assert CODEC.document("transcribe", b'{"error":"x"}', response=True).problems == []
    assert CODEC.document("synthesize", b'{"error":"x"}', response=True).data == {"error": "x"}
