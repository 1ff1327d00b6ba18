from __future__ import annotations

import json

import pytest

from protocol_core.liveavatar.errors import SendRefused
from tests.protocol_core.liveavatar.support import (
    INIT,
    REVISION,
    dialled,
    frame,
    give,
    load,
    names,
    opened,
    parsed,
    started,
)

F = REVISION.frames


def refused(requirement):
    return pytest.raises(SendRefused, match=requirement)


def everything(session):
    """One call of every send method, in an order that is allowed."""
    return [
        session.send_response_start("r1", "x1", speed=0.5, volume=1.5, mood="happy"),
        session.send_response_chunk("r1", "x1", "hello", timestamp=1),
        session.send_response_done("r1", "x1"),
        session.send_response_cancel("x1"),
        session.send_response_audio_start("r1", "x2"),
        session.send_audio_frame(frame()),
        session.send_response_audio_finish("r1", "x2"),
        session.send_prompt_audio_start(),
        session.send_prompt_audio_finish(),
        session.send_image_frame(F.ImageFrame(width=1, height=2, payload=b"x")),
        session.send_voice_start("u1"),
        session.send_asr_partial("u1", "he"),
        session.send_voice_finish("u1"),
        session.send_asr_final("u1", "hello"),
        session.send_interrupt("r1"),
        session.send_interrupt(),
        session.send_prompt("hello?"),
        session.send_error("ASR_FAIL", "audio decode error", request_id="r1"),
        session.send_error("ASR_FAIL", "audio decode error"),
        session.send_event("my.event", request_id="r1", data={"a": [1]}),
    ]


def test_the_wire_form_of_every_event():
    sent = [item for messages in everything(opened()) for item in parsed(messages)]
    assert sent == [
        {
            "event": "response.start",
            "requestId": "r1",
            "responseId": "x1",
            "data": {"audioConfig": {"speed": 0.5, "volume": 1.5, "mood": "happy"}},
        },
        {
            "event": "response.chunk",
            "requestId": "r1",
            "responseId": "x1",
            "seq": 0,
            "timestamp": 1,
            "data": {"text": "hello"},
        },
        {"event": "response.done", "requestId": "r1", "responseId": "x1"},
        {"event": "response.cancel", "responseId": "x1"},
        {"event": "response.audio.start", "requestId": "r1", "responseId": "x2"},
        frame().pack(),
        {"event": "response.audio.finish", "requestId": "r1", "responseId": "x2"},
        {"event": "response.audio.promptStart"},
        {"event": "response.audio.promptFinish"},
        F.ImageFrame(width=1, height=2, payload=b"x").pack(),
        {"event": "input.voice.start", "requestId": "u1"},
        {
            "event": "input.asr.partial",
            "requestId": "u1",
            "seq": 0,
            "data": {"text": "he", "final": False},
        },
        {"event": "input.voice.finish", "requestId": "u1"},
        {"event": "input.asr.final", "requestId": "u1", "data": {"text": "hello"}},
        {"event": "control.interrupt", "requestId": "r1"},
        {"event": "control.interrupt"},
        {"event": "system.prompt", "data": {"text": "hello?"}},
        {
            "event": "error",
            "requestId": "r1",
            "data": {"code": "ASR_FAIL", "message": "audio decode error"},
        },
        {"event": "error", "data": {"code": "ASR_FAIL", "message": "audio decode error"}},
        {"event": "my.event", "requestId": "r1", "data": {"a": [1]}},
    ]


def test_every_event_of_an_agent_has_a_method():
    agent = {row["event"] for row in load("events") if row["sender"] in {"client", "both"}}
    sent = {name for messages in everything(opened()) for name in names(messages)}
    assert agent - sent == {"session.ready", "session.stop"}


@pytest.mark.parametrize(
    ("session", "requirement"),
    [
        (started(), "LAC-CONN-005"),
        (dialled(), "LAC-HS-007"),
    ],
)
def test_nothing_is_sent_before_the_session_is_open(session, requirement):
    with refused(requirement) as caught:
        session.send_prompt("hello")
    assert caught.value.code == "NOT_CONNECTED"
    with refused(requirement):
        session.send_audio_frame(frame())


def test_nothing_is_sent_after_the_end():
    session = opened()
    give(session, {"event": "session.closing"})
    with refused("LAC-CONN-005"):
        session.send_prompt("hello")
    session.stop()
    with refused("LAC-CONN-005"):
        session.send_prompt("hello")


def test_defaults_are_written_and_mood_only_if_given():
    (start,) = parsed(opened().send_response_start("r", "x"))
    assert start["data"] == {"audioConfig": {"speed": 1.0, "volume": 1.0}}


@pytest.mark.parametrize(
    "settings",
    [
        {"speed": 0.49},
        {"speed": 2.1},
        {"volume": -0.1},
        {"volume": 1.6},
        {"speed": float("nan")},
        {"volume": True},
        {"speed": "1"},
    ],
)
def test_settings_stay_in_their_range(settings):
    session = opened()
    with refused("LAC-RESP-010"):
        session.send_response_start("r", "x", **settings)
    session.send_response_start("r", "x")  # nothing was booked


def test_values_are_checked_before_anything_is_booked():
    session = opened()
    for wrong in ("", "  ", None, 5):
        with refused("LAC-MSG-002"):
            session.send_response_chunk(wrong, "x", "t", timestamp=0)
        with refused("LAC-MSG-002"):
            session.send_response_start("r", "x", mood=wrong or 0)
    for text in (None, b"t"):
        with refused("LAC-MSG-002"):
            session.send_response_chunk("r", "x", text, timestamp=0)
    for timestamp in (None, 1.5, True):
        with refused("LAC-MSG-002"):
            session.send_response_chunk("r", "x", "t", timestamp=timestamp)
    with refused("LAC-MSG-001"):
        session.send_prompt("\ud800")
    assert session.open_responses == ()


def test_chunks_are_numbered():
    session = opened()
    numbers = [
        parsed(session.send_response_chunk("r", "x", "t", timestamp=0))[0]["seq"] for _ in range(3)
    ]
    assert numbers == [0, 1, 2]
    with refused("LAC-RESP-005"):
        session.send_response_chunk("r", "x", "t", timestamp=0, seq=9)
    assert session.open_responses == ("x",)


def test_cancelling_speech_finishes_its_bracket_first():
    session = opened()
    session.send_response_audio_start("r", "x")
    assert session.bracket.response_id == "x"
    assert parsed(session.send_response_cancel("x")) == [
        {"event": "response.audio.finish", "requestId": "r", "responseId": "x"},
        {"event": "response.cancel", "responseId": "x"},
    ]
    assert session.bracket is None


def test_frames_need_a_bracket():
    session = opened()
    with refused("LAC-TTS-002"):
        session.send_audio_frame(frame())
    session.send_prompt_audio_start()
    session.send_audio_frame(frame(sequence=5))
    with refused("LAC-FRAME-008"):
        session.send_audio_frame(frame(sequence=5))
    session.send_audio_frame(frame(sequence=6))
    session.send_prompt_audio_finish()
    session.send_prompt_audio_start()
    session.send_audio_frame(frame(sequence=5))  # each bracket begins anew


def test_frames_are_frames():
    session = opened()
    session.send_prompt_audio_start()
    with refused("LAC-FRAME-002"):
        session.send_audio_frame(b"bytes")
    with refused("LAC-IMG-001"):
        session.send_image_frame(frame())
    with refused("LAC-IMG-001"):
        session.send_image_frame(F.ImageFrame(width=2**16, height=1))


def test_recognition_belongs_to_one_side():
    session = opened(developer_asr=False)
    for call in (
        lambda: session.send_voice_start("u"),
        lambda: session.send_voice_finish("u"),
        lambda: session.send_asr_partial("u", "t"),
        lambda: session.send_asr_final("u", "t"),
    ):
        with refused("LAC-ASR-001"):
            call()


def test_partial_results_may_be_numbered():
    session = opened()
    session.send_voice_start("u")
    (partial,) = parsed(session.send_asr_partial("u", "t", seq=7))
    assert partial["seq"] == 7


def test_custom_events_do_not_pass_for_others():
    session = opened()
    with refused("LAC-MSG-009"):
        session.send_event("response.chunk")
    with refused("LAC-MSG-002"):
        session.send_event("")
    loop = []
    loop.append(loop)
    for data in ({"x": object()}, {"x": loop}, {"x": "\ud800"}):
        with refused("LAC-MSG-001"):
            session.send_event("my.event", data=data)
    assert json.loads(session.send_event("my.event")[0]) == {"event": "my.event"}


def test_init_opens_for_sending():
    session = dialled()
    give(session, INIT)
    assert names(session.send_prompt("now")) == ["system.prompt"]
