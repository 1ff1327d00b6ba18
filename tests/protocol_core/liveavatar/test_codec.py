from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar.codec import EXCERPT, Codec
from protocol_core.liveavatar.events import Ignored, Reason
from tests.protocol_core.liveavatar.support import REVISION, vectors

CODEC = Codec(REVISION)
M = REVISION.messages


@vectors("events")
def test_decodes_every_event_of_the_catalogue(vector):
    message = CODEC.decode(vector["text"])
    assert type(message).__struct_config__.tag == vector["event"]
    assert CODEC.decode(CODEC.encode(message)) == message


def test_unknown_events_are_named():
    ignored = CODEC.decode('{"event":"tool.call","data":{}}')
    assert (ignored.reason, ignored.name) == (Reason.UNKNOWN_EVENT, "tool.call")
    assert ignored.requirement == "LAC-MSG-003"


@vectors("invalid_events", lambda row: "schema_only" not in row["flags"])
def test_says_what_is_wrong(vector):
    ignored = CODEC.decode(vector["text"])
    assert isinstance(ignored, Ignored)
    expected = {"not_json": Reason.NOT_JSON, "not_object": Reason.NOT_AN_OBJECT}
    for flag, reason in expected.items():
        assert (ignored.reason is reason) == (flag in vector["flags"])
    assert ignored.data == vector["text"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, Reason.NOT_JSON),
        ('{"event":"session.ready","x":' + "[" * 100_000, Reason.NOT_JSON),
        ('{"event":"session.ready","x":1' + "0" * 5000 + "}", None),
        ("\ud800", Reason.NOT_JSON),
        ('{"event":7}', Reason.NO_EVENT_NAME),
        ('{"event":"input.text"}', Reason.MALFORMED_EVENT),
    ],
)
def test_survives_hostile_texts(text, reason):
    message = CODEC.decode(text)
    if reason is None:
        assert isinstance(message, M.SessionReady)
    else:
        assert message.reason is reason
        assert len(message.data) <= EXCERPT


def test_custom_events():
    assert CODEC.custom("a.b", None, None) == '{"event":"a.b"}'
    text = CODEC.custom("a.b", "r1", {"x": 1})
    assert json.loads(text) == {"event": "a.b", "requestId": "r1", "data": {"x": 1}}
    envelope = CODEC.envelope(text)
    assert (envelope.name, envelope.request_id, envelope.data) == ("a.b", "r1", {"x": 1})
    assert CODEC.envelope('{"event":"a.b","requestId":5}').request_id is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"event":"session.state","data":{"state":"IDLE"}}', ("IDLE", None, None)),
        ('{"event":"session.state","seq":1,"timestamp":2,"data":{"state":"X"}}', ("X", 1, 2)),
        (
            '{"event":"session.state","seq":true,"timestamp":"2","data":{"state":"X"}}',
            ("X", None, None),
        ),
        ('{"event":"session.state","data":{"state":5}}', None),
        ('{"event":"session.state","data":[]}', None),
        ('{"event":"session.state"}', None),
    ],
)
def test_reads_what_there_is_of_a_state(text, expected):
    assert CODEC.state(text) == expected


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["event", "data", "seq", "requestId"]) | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
    ).map(json.dumps)
)
def test_never_raises(text):
    message = CODEC.decode(text)
    if isinstance(message, Ignored) and message.reason is Reason.UNKNOWN_EVENT:
        CODEC.envelope(text)
