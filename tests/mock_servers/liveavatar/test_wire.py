from __future__ import annotations

import json

import pytest

from mock_servers.liveavatar.wire import LiveAvatarCodec
from mock_servers.schemas import SchemaCheck
from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar.revision import load


@pytest.fixture
def codec():
    return LiveAvatarCodec(load("0.2"), SchemaCheck("liveavatar", "0.2"))


def test_events_are_shown_as_they_are(codec):
    document = {"event": "input.text", "requestId": "r", "data": {"text": "x"}}
    decoded = codec.decode(json.dumps(document), "server")
    assert (decoded.name, decoded.data, decoded.problems) == ("input.text", document, [])
    assert decoded.views[0] == {**document, "text": "x"}


def test_frames_are_shown_by_their_fields(codec):
    fields = {"sequence": 4095, "samples": 2, "sample_rate": "HZ_24000", "payload": "AQACAA=="}
    data = codec.encode("AudioFrame", fields)
    decoded = codec.decode(data, "client")
    assert decoded.name == "AudioFrame"
    assert decoded.problems == []
    assert decoded.data["sequence"] == 4095
    assert decoded.data["sample_rate"] == "HZ_24000"
    assert decoded.data["payload_bytes"] == 4


@pytest.mark.parametrize(
    ("message", "sender", "name", "problem"),
    [
        ("nonsense", "client", "", "not JSON"),
        ("[1]", "client", "", "a JSON list"),
        ('{"event": 5}', "client", "", "no string member event"),
        ('{"event": "input.text"}', "server", "input.text", "required"),
        ('{"event": "session.ready"}', "server", "session.ready", "not the server's to send"),
        (b"", "client", "", "header"),
        (b"\x50", "client", "AudioFrame", "header"),
        (b"\x80", "client", "ImageFrame", "header"),
        (b"\xff" * 20, "client", "", "kind"),
    ],
)
def test_problems_are_named(codec, message, sender, name, problem):
    decoded = codec.decode(message, sender)
    assert decoded.name == name
    assert any(problem in each for each in decoded.problems), decoded.problems


def test_unknown_events_are_no_problem(codec):
    assert codec.decode('{"event": "vendor.custom"}', "client").problems == []


def test_every_name_is_known(codec):
    assert {"session.init", "response.chunk", "AudioFrame", "ImageFrame"} <= codec.names


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("AudioFrame", {"sequence": 5000}),
        ("AudioFrame", {"colour": 1}),
        ("AudioFrame", {"sample_rate": "HZ_1"}),
        ("AudioFrame", {"payload": "%"}),
    ],
)
def test_frames_that_cannot_be_built(codec, name, data):
    with pytest.raises(ConfigurationError, match="AudioFrame"):
        codec.encode(name, data)


def test_bodies_are_held_against_their_schema(codec):
    assert codec.document("session_start", b'{"avatarId": "a"}', response=False).problems == []
    assert codec.document("session_start", b"{}", response=False).problems
    assert codec.document("session_stop", b"{", response=False).problems
    assert codec.document("session_stop", b"[]", response=False).problems
    assert codec.document("session_stop", b"", response=True).problems == []
    assert (
        codec.document("session_start", b'{"code": 40004, "data": null}', response=True).problems
        == []
    )
    assert codec.document("session_start", b'{"code": 0}', response=True).problems
