from __future__ import annotations

import json

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.codec import Fault, Request, decode_audio, encode_audio
from tests.protocol_core.aiavatar.support import CODEC, REVISION, event, vectors

NO_EVENT = {"not_json", "not_object"}


# --- events --------------------------------------------------------------------------------------


@vectors("events")
def test_reads_every_event(vector):
    found = CODEC.decode_event(vector["text"])
    document = json.loads(vector["text"])
    assert found.type == vector["type"] == document["type"]
    for name in ("session_id", "user_id", "context_id", "text", "voice_text"):
        assert getattr(found, name) == document[name]
    assert found.language == document.get("language")
    assert found.audio == decode_audio(document["audio_data"] or "")
    assert found.metadata == (document["metadata"] or {})
    assert found.raw == vector["text"]


@vectors("invalid_events", lambda row: not NO_EVENT & {*row["flags"]} and row["at"] != "/type")
def test_copes_with_every_event_that_is_not_quite_right(vector):
    assert isinstance(CODEC.decode_event(vector["text"]), e.Response)


@vectors("invalid_events", lambda row: NO_EVENT & {*row["flags"]} or row["at"] == "/type")
def test_what_is_no_event_is_ignored_with_the_reason(vector):
    found = CODEC.decode_event(vector["text"])
    assert isinstance(found, e.Ignored)
    assert found.reason in {e.Reason.NOT_JSON, e.Reason.NOT_AN_OBJECT, e.Reason.NO_TYPE}
    assert found.requirement


def test_takes_bytes_as_well():
    assert CODEC.decode_event(event("stop").encode()).type == "stop"
    assert CODEC.decode_event(b"\xff").data == "\ufffd"


def test_an_unknown_type_is_ignored_by_name():
    found = CODEC.decode_event('{"type":"accepted","session_id":"session-1"}')
    assert (found.reason, found.name) == (e.Reason.UNKNOWN_TYPE, "accepted")
    assert found.requirement == "AIA-RESP-003"
    assert "accepted" not in CODEC.known


def test_controls_are_read_as_far_as_they_can_be():
    control = {"face_name": "joy", "face_duration": 4, "animation_name": 1, "extra": None}
    found = CODEC.decode_event(event("chunk", avatar_control_request=control))
    assert found.control == e.AvatarControl(face_name="joy", face_duration=4.0)
    assert CODEC.decode_event(event("chunk", avatar_control_request=[])).control is None
    empty = {"face_name": "", "face_duration": True}
    found = CODEC.decode_event(event("chunk", avatar_control_request=empty))
    assert found.control == e.AvatarControl()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, None),
        ("pcm", None),
        ({"sample_rate": 24000}, None),
        (
            {"sample_rate": 24000, "channels": 1, "sample_width": 2, "more": 1},
            e.PcmFormat(sample_rate=24000, channels=1, sample_width=2),
        ),
    ],
)
def test_the_form_of_pcm_is_read_if_it_is_one(given, found):
    assert CODEC.decode_event(event("chunk", metadata={"pcm_format": given})).pcm_format == found


@pytest.mark.parametrize("audio", [None, "", "A", 7])
def test_audio_that_cannot_be_read_is_none(audio):
    assert CODEC.decode_event(event("chunk", audio_data=audio)).audio == b""


# --- requests ------------------------------------------------------------------------------------


@vectors("requests", lambda row: row["valid"])
def test_reads_every_request(vector):
    found = CODEC.decode_request(vector["text"])
    document = json.loads(vector["text"])
    assert isinstance(found, Request)
    for name in Request.__struct_fields__:
        assert getattr(found, name) == document.get(name)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", Fault(json=False)),
        ("[]", Fault(json=True)),
        ("null", Fault(json=True)),
        ("{}", Fault(json=True, member=("type",), missing=True)),
        ('{"type":1}', Fault(json=True, member=("type",))),
        ('{"type":"start","text":1}', Fault(json=True, member=("text",))),
        ('{"type":"start","files":{}}', Fault(json=True, member=("files",))),
        ('{"type":"start","files":["a"]}', Fault(json=True, member=("files", 0))),
    ],
)
def test_a_fault_says_where_it_is(text, fault):
    found = CODEC.decode_request(text)
    assert isinstance(found, Fault)
    assert found.detail
    assert (found.json, found.member, found.missing) == (fault.json, fault.member, fault.missing)


def test_writes_what_the_revision_defines():
    stop = REVISION.messages.StopRequest(session_id="session-1")
    assert json.loads(CODEC.encode(stop)) == {"type": "stop", "session_id": "session-1"}


def test_audio_goes_out_as_plain_base64_and_comes_in_as_the_package_reads_it():
    assert encode_audio(b"\x00\x01\x00\xff\xff\x00\x00\x00") == "AAEA//8AAAA="
    assert decode_audio("AA EA\n-//8AAAA=") == decode_audio("AAEA//8AAAA=")
    with pytest.raises(ValueError, match=r"\w"):
        decode_audio("A")
