from __future__ import annotations

import pytest

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from mock_servers.avatarkit.wire import MEMBERS, AvatarKitCodec
from mock_servers.schemas import SchemaCheck
from protocol_core.errors import ConfigurationError


@pytest.fixture
def codec():
    return AvatarKitCodec(SchemaCheck("avatarkit", "0.1.7"))


def test_every_message_has_a_member():
    assert set(MEMBERS) == set(pb.MessageType.keys()) - {"MESSAGE_UNSPECIFIED"}
    assert set(MEMBERS.values()) == {field.name for field in pb.Message.DESCRIPTOR.oneofs[0].fields}


@pytest.mark.parametrize("name", MEMBERS)
def test_messages_are_built_from_their_description_and_explained(codec, name):
    fields = {"req_id": "r", "connection_id": "c", "sample_rate": 16000}
    member = getattr(pb.Message(), MEMBERS[name])
    data = {key: value for key, value in fields.items() if key in member.DESCRIPTOR.fields_by_name}
    decoded = codec.decode(codec.encode(name, data), name.split("_")[1].lower())
    assert decoded.name == name
    assert decoded.data == {"type": name, MEMBERS[name]: data}
    assert decoded.problems == []


def test_where_may_ask_for_defaults(codec):
    decoded = codec.decode(codec.encode("MESSAGE_CLIENT_AUDIO_INPUT", {"req_id": "r"}), "client")
    assert decoded.views[0] == {"req_id": "r", "end": False, "audio": ""}


@pytest.mark.parametrize(
    ("message", "sender", "problem"),
    [
        ("text", "client", "a text message"),
        (b"\xff", "client", "not a serialized Message"),
        (b"\x08\x03", "client", "carries nothing"),
        (b"\x08\x06", "server", "MESSAGE_6 is not a message"),
        (b"", "server", "MESSAGE_UNSPECIFIED is not a message"),
        (b"\x08\x03\x22\x00", "client", "req_id is empty"),
        (b"\x08\x02\x1a\x00", "server", "connection_id is empty"),
        (b"\x08\x02\x1a\x03\x0a\x01c", "client", "not the client's to send"),
    ],
)
def test_problems_are_named(codec, message, sender, problem):
    assert any(problem in each for each in codec.decode(message, sender).problems)


def test_descriptions_that_do_not_fit(codec):
    with pytest.raises(ConfigurationError, match="no such message"):
        codec.encode("MESSAGE_NOBODY", {})
    with pytest.raises(ConfigurationError, match="colour"):
        codec.encode("MESSAGE_CLIENT_AUDIO_INPUT", {"colour": 1})


def test_bodies_are_held_against_their_schema(codec):
    assert codec.document("session_tokens", b'{"expireAt": 5}', response=False).problems == []
    assert codec.document("session_tokens", b'{"expireAt": "5"}', response=False).problems
    assert codec.document("session_tokens", b"[1]", response=False).problems
    assert codec.document("session_tokens", b"{", response=False).problems
    assert codec.document("session_tokens", b"", response=False).problems == []
    assert codec.document("session_tokens", b'{"sessionToken": ""}', response=True).problems
    assert codec.document("session_tokens", b'{"error": "x"}', response=True).problems == []
