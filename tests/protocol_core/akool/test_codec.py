from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.akool.codec import EXCERPT, Codec, Fault, Frame, Unfit, name_of
from protocol_core.akool.revision import load
from tests.protocol_core.akool.instance import DOCUMENTED, vectors

CODECS = {revision: Codec(load(revision)) for revision in ("0.1.8", "0.1.9", DOCUMENTED)}
V2, README = CODECS["0.1.8"], CODECS[DOCUMENTED]


def read(codec, sender, text):
    return codec.decode_client(text) if sender == "client" else codec.decode_server(text)


def understands(codec, vector):
    frame = read(codec, vector["sender"], vector["text"])
    assert isinstance(frame, Frame)
    assert frame.name == vector["message"] == name_of(frame.message)
    assert frame.document == json.loads(vector["text"])
    again = read(codec, vector["sender"], codec.encode(frame.message))
    assert again.message == frame.message


@vectors("messages")
def test_understands_every_message_of_v2(vector):
    understands(V2, vector)
    understands(CODECS["0.1.9"], vector)


@vectors("documented_messages")
def test_understands_every_documented_message(vector):
    understands(README, vector)


def refuses(codec, vector):
    senders = ("client", "server") if vector["sender"] == "both" else (vector["sender"],)
    flags = {*vector["flags"]}
    for sender in senders:
        found = read(codec, sender, vector["text"])
        if flags >= {"lenient", "missing"}:
            assert isinstance(found, Frame)
            continue
        assert isinstance(found, Unfit)
        assert found.data == vector["text"]
        faults = {
            "not_json": Fault.NOT_JSON,
            "not_object": Fault.NOT_AN_OBJECT,
            "unknown": Fault.UNKNOWN,
        }
        wanted = [fault for flag, fault in faults.items() if flag in flags]
        assert found.fault is (wanted[0] if wanted else Fault.MALFORMED)
        assert found.detail


@vectors("invalid_messages")
def test_says_what_is_wrong_in_v2(vector):
    refuses(V2, vector)


@vectors("documented_invalid_messages")
def test_says_what_is_wrong_in_the_other_dialect(vector):
    refuses(README, vector)


def test_a_client_copes_without_words():
    text = '{"v":2,"type":"error","mid":"e","pld":{"error_code":4001}}'
    assert V2.decode_server(text).message.pld.error_message == "Unknown error"
    assert isinstance(V2.decode_client(text), Unfit)
    text = '{"v":2,"type":"system","mid":"s","pld":{"status":"agora_connected"}}'
    assert V2.decode_server(text).message.pld.channel_id == ""


@pytest.mark.parametrize("payload", ['"none"', '{"error_code":"x"}'])
def test_substitutes_do_not_help_everywhere(payload):
    text = f'{{"v":2,"type":"error","mid":"e","pld":{payload}}}'
    assert V2.decode_server(text).fault is Fault.MALFORMED


@pytest.mark.parametrize(
    ("text", "name", "fault"),
    [
        ('{"v":2,"type":"command","mid":"m","pld":{"cmd":"dance"}}', "command/dance", "unknown"),
        ('{"v":2,"type":"command","mid":"m","pld":{"cmd":7}}', "command", "malformed"),
        ('{"v":2,"type":"command","mid":"m","pld":[]}', "command", "malformed"),
        ('{"v":2,"type":"chat","mid":"m","pld":{}}', "chat", "malformed"),
        ('{"v":2,"type":"ack","mid":"m","pld":{}}', "ack", "unknown"),
        ('{"v":2,"type":7}', "", "malformed"),
    ],
)
def test_faulty_frames_are_named_as_far_as_possible(text, name, fault):
    found = V2.decode_client(text)
    assert (found.name, found.fault) == (name, fault)


def test_bytes_and_long_frames():
    found = V2.decode_client(b"\x00" * (EXCERPT + 1))
    assert (found.fault, len(found.data)) == (Fault.BINARY, EXCERPT)
    found = V2.decode_server("[" * 100_000)
    assert (found.fault, len(found.data)) == (Fault.NOT_JSON, EXCERPT)


def test_null_is_json():
    found = V2.decode_server("null")
    assert (found.fault, found.document) == (Fault.NOT_AN_OBJECT, None)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["v", "type", "mid", "pld", "cmd", "status", "data"])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda value: msgspec.json.encode(value).decode())
)
def test_nothing_that_arrives_raises(text):
    for codec in CODECS.values():
        assert isinstance(codec.decode_client(text), Frame | Unfit)
        assert isinstance(codec.decode_server(text), Frame | Unfit)
