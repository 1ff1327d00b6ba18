"""Which of several answers is heard: the rules of turns, seen through the session."""

from __future__ import annotations

import pytest

from tests.protocol_core.liveavatar.support import frame, give, ready


def chunk(request_id, response_id, seq=0):
    return {
        "event": "response.chunk",
        "requestId": request_id,
        "responseId": response_id,
        "seq": seq,
        "timestamp": 0,
        "data": {"text": "t"},
    }


def heard(session, request_id, response_id, seq=0):
    return give(session, chunk(request_id, response_id, seq))[-1].current


def test_speech_that_nobody_asked_for_is_a_turn_of_its_own():
    session = ready()
    assert heard(session, "greeting", "x1")
    assert session.conversation.turn == "greeting"
    assert not heard(session, "other", "x2")  # somebody speaks


def test_after_the_end_of_a_turn_the_next_answer_is_heard():
    session = ready()
    heard(session, "r1", "x1")
    for trigger in ("rendered", "playout_finished"):
        session.happened(trigger, 1.0)
    assert heard(session, "r0", "x2")
    assert session.conversation.turn == "r0"


def test_a_stale_answer_stays_stale():
    session = ready()
    heard(session, "r1", "x1")
    give(session, {"event": "control.interrupt"})
    assert session.conversation.idle
    assert not heard(session, "r1", "x1", 1)
    assert heard(session, "r1", "x2")  # a new answer to the same turn


@pytest.mark.parametrize("kind", ["response", "prompt"])
def test_a_stale_bracket_stays_stale(kind):
    session = ready()
    start = {"event": "response.audio.promptStart"}
    if kind == "response":
        start = {"event": "response.audio.start", "requestId": "r1", "responseId": "x1"}
    give(session, start)
    assert give(session, frame().pack())[0].payload == b"ab"
    session.send_text("r2", "stop", 0.0)
    assert "moved on" in give(session, frame(sequence=1, timestamp=1).pack())[0].detail


def test_several_answers_to_a_turn_are_heard():
    session = ready()
    session.send_text("r", "hi", 0.0)
    assert heard(session, "r", "x1")
    assert heard(session, "r", "x2")
