from __future__ import annotations

import json

import pytest

from avatar_protocols.videosdk.v1_0 import messages
from mock_servers.schemas import SchemaCheck
from mock_servers.videosdk.wire import VideoSdkCodec
from protocol_core.errors import ConfigurationError
from tests.protocol_core.videosdk.support import REVISION, load, vectors

SECRETS = {"demo-key": "demo-secret-of-at-least-32-bytes"}


@pytest.fixture(scope="module")
def codec():
    return VideoSdkCodec(REVISION, SchemaCheck("videosdk", "1.0"), SECRETS)


@pytest.mark.parametrize(
    ("payload", "sender", "name", "data"),
    [
        (b"\x01\x00", "client", "PcmChunk", {"bytes": 2}),
        (b"INTERRUPT", "client", "INTERRUPT", {}),
        ("INTERRUPT", "client", "INTERRUPT", {}),
        ('{"type": "segment_end"}', "client", "segment_end", {"type": "segment_end"}),
        ('{"type": "news", "x": 1}', "server", "news", {"type": "news", "x": 1}),
    ],
)
def test_payloads_are_named_and_explained(codec, payload, sender, name, data):
    decoded = codec.decode(payload, sender)
    assert (decoded.name, decoded.data, decoded.problems) == (name, data, [])


@pytest.mark.parametrize(
    ("payload", "sender", "problem"),
    [
        ("hello", "client", "not JSON"),
        ("[" * 100_000, "client", "not JSON"),
        ("[1]", "client", "a JSON list"),
        ('{"type": 1}', "client", "no string member type"),
        ('{"type": "stream_ended"}', "server", "data"),
        ('{"type": "segment_end"}', "server", "not the server's to send"),
        (b"\xff\xff", "server", "the agent's to send"),
    ],
)
def test_what_is_wrong_is_said(codec, payload, sender, problem):
    assert problem in " ".join(codec.decode(payload, sender).problems)


def test_a_third_party_may_say_anything(codec):
    assert codec.decode('{"type": "segment_end"}', "").problems == []


def test_a_rule_sees_members_of_the_data(codec):
    text = '{"type": "stream_ended", "data": {"interrupted": true, "playback_position": 1}}'
    assert codec.decode(text, "server").views[0]["interrupted"] is True


@pytest.mark.parametrize(
    ("name", "data", "payload"),
    [
        ("INTERRUPT", {}, b"INTERRUPT"),
        ("PcmChunk", {"bytes": 5}, b"\xff" * 5),
        ("PcmChunk", {"bytes": 0}, b""),
        ("segment_end", {}, '{"type":"segment_end"}'),
        ("news", {"x": 1}, '{"type":"news","x":1}'),
    ],
)
def test_payloads_are_built(codec, name, data, payload):
    assert codec.encode(name, data) == payload


@pytest.mark.parametrize(
    "data", [{}, {"bytes": "5"}, {"bytes": -1}, {"bytes": 10**12}, {"bytes": 2, "hex": ""}]
)
def test_audio_is_described_by_its_size(codec, data):
    with pytest.raises(ConfigurationError, match="number of bytes"):
        codec.encode("PcmChunk", data)


@vectors("rest", lambda row: row.get("schema") == "join-request")
def test_join_requests_are_judged(codec, vector):
    decoded = codec.document("dispatch", vector["text"].encode(), response=False)
    assert (decoded.problems == []) is vector["valid"]


def test_a_token_is_read_and_not_shown(codec):
    token = load("tokens")[0]["token"]
    body = json.dumps({"token": token}).encode()
    decoded = codec.document("dispatch", body, response=False)
    assert decoded.data["token"]["claims"]["participantId"] == "avatar_0a1b2c3d"
    assert decoded.data["token"]["signature"] == "valid"
    assert decoded.views[1] == {"token": token}


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000])
def test_bodies_that_are_no_json(codec, body):
    assert "not JSON" in codec.document("dispatch", body, response=False).problems[0]


def test_bodies_without_a_schema_are_left_alone(codec):
    assert codec.document("dispatch", b"ok", response=True).data is None
    assert codec.document("rooms", b"", response=False).data is None
    assert codec.document("rooms", b'{"roomId": "a"}', response=True).data == {"roomId": "a"}


def test_every_name_is_known(codec):
    assert codec.names == {"PcmChunk", "INTERRUPT", *messages.MessageName}
