from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar import events as e
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
    vectors,
)

FOR_AGENTS = {
    "session.init": e.SessionOpened,
    "scene.ready": e.SceneReady,
    "session.state": e.StateChanged,
    "session.closing": e.SessionClosing,
    "input.text": e.TextReceived,
    "control.interrupt": e.InterruptReceived,
    "system.idleTrigger": e.IdleTriggered,
    "error": e.ErrorReceived,
}


@vectors("events")
def test_every_event_of_the_catalogue(vector):
    (event,) = give(opened(), vector["text"])
    kind = FOR_AGENTS.get(vector["event"], e.Ignored)
    assert isinstance(event, kind)
    if kind is e.Ignored:
        assert event.name == vector["event"]
        answerless = vector["event"].startswith(("input.", "response.audio.st", "response.audio.f"))
        expected = e.Reason.NOT_FOR_US if answerless else e.Reason.WRONG_DIRECTION
        assert event.reason is expected


@vectors("invalid_events", lambda row: "schema_only" not in row["flags"])
def test_faulty_events_cost_nothing(vector):
    session = opened()
    (event,) = give(session, vector["text"])
    if isinstance(event, e.StateChanged):  # LAC-STATE-006
        assert json.loads(vector["text"])["data"]["state"] == event.state
    else:
        assert isinstance(event, e.Ignored)
    assert session.is_open


def test_the_handshake():
    session = dialled()
    assert give(session, INIT) == [e.SessionOpened(session_id="session-1", user_id="user-1")]
    assert parsed(session.data_to_send()) == [{"event": "session.ready"}]
    assert session.data_to_send() == []
    assert session.close_to_send() is None
    assert give(session, INIT) == [
        e.SessionOpened(session_id="session-1", user_id="user-1", repeated=True)
    ]
    assert names(session.data_to_send()) == ["session.ready"]  # LAC-HS-002: every one


@vectors(
    "invalid_events",
    lambda row: (
        row["text"].startswith('{"event":"session.init"') and "not_json" not in row["flags"]
    ),
)
def test_a_faulty_init_is_answered_but_opens_nothing(vector):
    session = dialled()
    (event,) = give(session, vector["text"])
    assert event.reason is e.Reason.MALFORMED_EVENT
    assert names(session.data_to_send()) == ["session.ready"]
    assert not session.is_open
    assert isinstance(give(session, INIT)[0], e.SessionOpened)


def test_another_session_is_refused():
    session = dialled()
    other = {"event": "session.init", "data": {"sessionId": "other", "userId": "u"}}
    (failed,) = give(session, other)
    assert (failed.code, failed.requirement) == ("SESSION_MISMATCH", "LAC-HS-005")
    assert session.close_to_send() == (1008, failed.message)
    assert give(session, INIT)[0].reason is e.Reason.AFTER_CLOSE
    lenient = dialled(check_session_id=False)
    assert give(lenient, other)[0].session_id == "other"


def test_nothing_counts_before_the_handshake():
    session = dialled()
    for row in load("events"):
        if row["event"] in FOR_AGENTS.keys() - {"session.init", "session.closing"}:
            (event,) = give(session, row["text"])
            assert event.reason is e.Reason.BEFORE_HANDSHAKE
    assert give(session, frame().pack())[0].reason is e.Reason.BEFORE_HANDSHAKE
    assert session.data_to_send() == []


def test_a_session_that_closes_before_it_was_open():
    session = dialled()
    closing, failed = give(session, {"event": "session.closing", "data": {"reason": "timeout"}})
    assert closing == e.SessionClosing(reason="timeout")
    assert failed.code == "HANDSHAKE_CLOSED"
    assert session.close_to_send()[0] == 1000
    assert session.deadline() is None


def test_nothing_counts_after_closing_was_announced():
    session = opened()
    give(session, {"event": "session.closing", "data": {}})
    for message in (
        {"event": "input.text", "requestId": "r", "data": {"text": "t"}},
        frame().pack(),
        INIT,
    ):
        assert give(session, message)[0].reason is e.Reason.OUT_OF_TURN
    (state,) = give(session, {"event": "session.state", "data": {"state": "IDLE"}})
    assert state.state == "IDLE"
    assert give(session, {"event": "session.closing"}) == [e.SessionClosing(reason=None)]


def test_nothing_counts_without_a_socket():
    assert give(started(), INIT)[0].reason is e.Reason.AFTER_CLOSE
    session = opened()
    session.stop()
    assert give(session, INIT)[0].reason is e.Reason.AFTER_CLOSE


@pytest.mark.parametrize(("state", "known"), [("SPEAKING", True), ("DANCING", False)])
def test_states_are_an_open_set(state, known):
    message = {"event": "session.state", "seq": 1, "timestamp": 2, "data": {"state": state}}
    assert give(opened(), message) == [e.StateChanged(state=state, known=known, seq=1, timestamp=2)]
    early = dialled()
    del message["seq"]
    assert give(early, message)[0].reason is e.Reason.MALFORMED_EVENT


def test_the_scene():
    session = opened()
    assert not session.scene_ready
    assert give(session, {"event": "scene.ready"}) == [e.SceneReady()]
    assert session.scene_ready
    assert session.data_to_send() == []  # LAC-HS-008


def text(request_id):
    return {"event": "input.text", "requestId": request_id, "data": {"text": "hi"}}


def test_new_input_abandons_earlier_responses():
    session = opened()
    session.send_response_chunk("r1", "x1", "t", timestamp=0)
    session.send_response_chunk("r2", "x2", "t", timestamp=0)
    session.send_response_audio_start("r1", "x3")
    abandoned, received = give(session, text("r2"))
    assert abandoned == e.ResponsesAbandoned(response_ids=("x1", "x3"), cause=e.Cause.INPUT)
    assert received == e.TextReceived(request_id="r2", text="hi")
    assert names(session.data_to_send()) == [
        "response.cancel",
        "response.audio.finish",
        "response.cancel",
    ]
    assert session.open_responses == ("x2",)


def test_responses_may_be_kept():
    session = opened(abandon_responses=False)
    session.send_response_chunk("r1", "x1", "t", timestamp=0)
    assert give(session, text("r2")) == [e.TextReceived(request_id="r2", text="hi")]
    assert session.open_responses == ("x1",)


@pytest.mark.parametrize(
    ("request_id", "left"), [("r1", ("x2",)), (None, ()), ("other", ("x1", "x2"))]
)
def test_an_interrupt_abandons_what_it_means(request_id, left):
    session = opened()
    session.send_response_chunk("r1", "x1", "t", timestamp=0)
    session.send_response_chunk("r2", "x2", "t", timestamp=0)
    message = {"event": "control.interrupt"}
    events = give(session, message if request_id is None else message | {"requestId": request_id})
    assert events[-1] == e.InterruptReceived(request_id=request_id)
    assert session.open_responses == left
    assert len(events) == 1 + (len(left) < 2)


def test_idle_and_error():
    idle = {"event": "system.idleTrigger", "data": {"reason": "user_idle", "idleTimeMs": 120000}}
    assert give(opened(), idle) == [e.IdleTriggered(reason="user_idle", idle_time_ms=120000)]
    error = {"event": "error", "data": {"code": "NEW", "message": "m"}}
    assert give(opened(), error) == [e.ErrorReceived(code="NEW", message="m")]
    assert give(opened(), error | {"requestId": "r"})[0].request_id == "r"


def test_frames():
    session = opened()
    (audio,) = give(session, frame(key=True, sequence=1).pack())
    assert (audio.payload, audio.sequence, audio.channels, audio.codec) == (b"ab", 1, 1, "pcm")
    image = REVISION.frames.ImageFrame(width=1, height=1, payload=b"z")
    assert give(session, image.pack())[0].payload == b"z"
    assert give(session, b"\xff")[0].reason is e.Reason.UNKNOWN_FRAME


@given(st.lists(st.text() | st.binary() | st.sampled_from([row["text"] for row in load("events")])))
def test_never_raises(messages):
    for session in (dialled(), opened(reconnect=True)):
        for message in messages:
            assert all(isinstance(event, e.Event) for event in give(session, message))
            session.data_to_send()
        session.closed(1000, "", 1.0)
