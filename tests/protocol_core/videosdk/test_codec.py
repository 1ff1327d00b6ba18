from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.videosdk.codec import Codec, Dropped, Ended, Interrupt, Pcm, SegmentEnd
from protocol_core.videosdk.events import Reason
from tests.protocol_core.videosdk.support import REVISION, payload, vectors

CODEC = Codec(REVISION)
MODES = REVISION.constants.Reliability


@vectors("payloads", lambda row: row["receiver"] == "server")
def test_what_a_worker_makes_of_it(vector):
    meaning = CODEC.for_worker(payload(vector))
    kinds = {
        "pcm": Pcm,
        "interrupt": Interrupt,
        "segment_end": SegmentEnd,
        "drop": Dropped,
        "error": Dropped,
    }
    assert type(meaning) is kinds[vector["action"]]
    if isinstance(meaning, Pcm):
        assert meaning.pcm.hex() == vector["plays"]
        assert meaning.received == len(payload(vector))
    if isinstance(meaning, Dropped):
        assert (meaning.code == "MESSAGE_FAILED") == (vector["action"] == "error")


@vectors("payloads", lambda row: row["receiver"] == "client")
def test_what_an_agent_makes_of_it(vector):
    meaning = CODEC.for_agent(payload(vector))
    if vector["action"] == "stream_ended":
        assert meaning == Ended(**vector["reads"])
    else:
        assert isinstance(meaning, Dropped)
        raises = "raises_when_shipped" in vector.get("flags", [])
        assert (meaning.code == "ACK_UNREADABLE") == raises


@pytest.mark.parametrize("wrapped", [bytearray, memoryview])
def test_other_buffers_count_as_bytes(wrapped):
    assert CODEC.for_worker(wrapped(b"INTERRUPT")) == Interrupt()
    assert CODEC.for_agent(wrapped(b'{"type":"stream_ended"}')) == Ended(
        playback_position=0.0, interrupted=False
    )


@pytest.mark.parametrize("foreign", [None, 7, ["INTERRUPT"], {}])
def test_anything_else_is_dropped(foreign):
    for meaning in (CODEC.for_worker(foreign), CODEC.for_agent(foreign)):
        assert isinstance(meaning, Dropped)
        assert meaning.reason is Reason.WRONG_KIND


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        '"x"',
        '{"playback_position": true}',
        '{"playback_position": "1"}',
        '{"playback_position": null}',
        '{"interrupted": 1}',
        '{"interrupted": null}',
    ],
)
def test_acknowledgements_that_cannot_be_read(data):
    meaning = CODEC.for_agent('{"type":"stream_ended","data":' + data + "}")
    assert isinstance(meaning, Dropped)
    assert meaning.requirement == "VSD-CHAN-012"


def test_a_position_beyond_all_numbers_is_none():
    assert isinstance(
        CODEC.for_agent('{"type":"stream_ended","data":{"playback_position":1e999}}'), Dropped
    )


def test_hostile_texts_are_survived():
    for text in ("[" * 100_000, "\ud800", '{"type":' + "[" * 100_000):
        assert isinstance(CODEC.for_worker(text), Dropped)
        assert isinstance(CODEC.for_agent(text), Dropped)


@given(st.one_of(st.binary(), st.text()))
def test_nothing_raises(anything):
    CODEC.for_worker(anything)
    CODEC.for_agent(anything)


def test_what_is_written():
    assert CODEC.pcm(b"\1\2").payload == b"\1\2"
    assert CODEC.pcm(b"\1\2").reliability == MODES.UNRELIABLE
    assert CODEC.interrupt().payload == b"INTERRUPT"
    assert json.loads(CODEC.segment_end().payload) == {"type": "segment_end"}
    ended = CODEC.stream_ended(1.25, interrupted=True)
    assert json.loads(ended.payload) == {
        "type": "stream_ended",
        "data": {"playback_position": 1.25, "interrupted": True},
    }
    for control in (CODEC.interrupt(), CODEC.segment_end(), ended):
        assert control.reliability == MODES.RELIABLE


def test_a_position_is_never_negative():
    ended = CODEC.stream_ended(-0.5, interrupted=False)
    assert json.loads(ended.payload)["data"]["playback_position"] == 0.0


@vectors("messages", lambda row: row.get("type") and "lenient" not in row.get("flags", []))
def test_reads_what_a_correct_sender_writes(vector):
    written = vector["text"] if vector["kind"] == "text" else bytes.fromhex(vector["hex"])
    reader = CODEC.for_worker if vector["sender"] == "client" else CODEC.for_agent
    assert not isinstance(reader(written), Dropped)
