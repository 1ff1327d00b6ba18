from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from tests.protocol_core.liveavatar.support import (
    REVISION,
    frame,
    give,
    load,
    names,
    parsed,
    platform,
    ready,
    vectors,
)

NEUTRAL = p.AudioConfig(speed=1.0, volume=1.0, mood="neutral")


def kinds(events):
    return [type(event).__name__ for event in events]


def start(response_id="x", request_id="r", **config):
    return {
        "event": "response.start",
        "requestId": request_id,
        "responseId": response_id,
        "data": {"audioConfig": config},
    }


def chunk(seq=0, text="t", response_id="x", request_id="r"):
    return {
        "event": "response.chunk",
        "requestId": request_id,
        "responseId": response_id,
        "seq": seq,
        "timestamp": 7,
        "data": {"text": text},
    }


def done(response_id="x", request_id="r"):
    return {"event": "response.done", "requestId": request_id, "responseId": response_id}


def cancel(response_id="x"):
    return {"event": "response.cancel", "responseId": response_id}


def audio(stage, response_id="x", request_id="r"):
    return {
        "event": f"response.audio.{stage}",
        "requestId": request_id,
        "responseId": response_id,
    }


def voice(stage, request_id="u"):
    return {"event": f"input.voice.{stage}", "requestId": request_id}


def final(request_id="u"):
    return {"event": "input.asr.final", "requestId": request_id, "data": {"text": "hello"}}


@vectors("events")
def test_every_event_of_the_catalogue_has_a_meaning(vector):
    session = ready()
    events = give(session, vector["text"])
    if vector["sender"] == "server" or vector["event"] == "session.stop":
        assert events[0].reason is e.Reason.WRONG_DIRECTION
    elif vector["event"] in {"response.audio.finish", "response.audio.promptFinish"}:
        assert events[0].reason is e.Reason.OUT_OF_TURN  # nothing was begun
    else:
        assert not isinstance(events[0], e.Ignored)


@vectors("invalid_events", lambda row: "schema_only" not in row["flags"])
def test_faulty_events_cost_nothing(vector):
    session = ready()
    (event,) = give(session, vector["text"])
    assert isinstance(event, e.Ignored)
    assert session.is_ready


def test_nothing_counts_before_ready():
    session = platform()
    session.open(0.0)
    for message in (chunk(), {"event": "my.event"}, frame().pack()):
        (event,) = give(session, message)
        assert (event.reason, event.requirement) == (e.Reason.BEFORE_HANDSHAKE, "LAC-HS-007")
    assert give(session, {"event": "session.ready"}) == [p.AgentReady()]
    assert give(session, {"event": "session.ready"}) == [p.AgentReady(repeated=True)]


def test_nothing_counts_without_a_socket_or_after_the_end():
    assert give(platform(), chunk())[0].reason is e.Reason.AFTER_CLOSE
    session = ready()
    session.end()
    assert give(session, chunk())[0].reason is e.Reason.AFTER_CLOSE
    closing = ready()
    closing.begin_closing(0.0)
    for message in (chunk(), frame().pack(), {"event": "session.ready"}, {"event": "my.event"}):
        assert give(closing, message)[0].reason is e.Reason.OUT_OF_TURN


def test_a_text_response():
    session = ready()
    session.send_text("r", "hi", 0.0)
    assert give(session, start(speed=1.2)) == [
        p.ResponseStarted(
            request_id="r",
            response_id="x",
            audio_config=p.AudioConfig(speed=1.2, volume=1.0, mood="neutral"),
            explicit=True,
            current=True,
        )
    ]
    entered, text = give(session, chunk(0, "hel"))
    assert entered == p.StateEntered(state="STAGING", previous="THINKING", trigger="chunk")
    assert (text.seq, text.text, text.timestamp, text.current) == (0, "hel", 7, True)
    assert kinds(give(session, chunk(1, "lo"))) == ["ResponseText"]
    assert give(session, done()) == [
        p.ResponseDone(request_id="r", response_id="x", text="hello", missing=(), current=True)
    ]


def test_chunks_need_no_start_and_come_in_any_order():
    session = ready()
    begun, _, first = give(session, chunk(0, "a"))
    assert (begun.explicit, begun.audio_config) == (False, NEUTRAL)
    assert give(session, chunk(2, "c")) == []
    assert [event.seq for event in give(session, chunk(1, "b"))] == [1, 2]
    assert give(session, chunk(1, "b"))[0].reason is e.Reason.DUPLICATE_CHUNK
    give(session, chunk(5, "f"))
    late, whole = give(session, done())
    assert (first.seq, late.seq) == (0, 5)
    assert (whole.text, whole.missing) == ("abcf", (3, 4))


@pytest.mark.parametrize("end", [done(), cancel()])
def test_nothing_follows_the_end(end):
    session = ready()
    give(session, chunk())
    give(session, end)
    for message in (chunk(1), start(), done(), audio("start")):
        (event,) = give(session, message)
        assert (event.reason, event.requirement) == (e.Reason.RESPONSE_OVER, "LAC-RESP-008")


def test_what_does_not_fit_the_response():
    session = ready()
    give(session, start())
    assert give(session, start())[0].requirement == "LAC-RESP-001"
    assert give(session, chunk(request_id="other"))[0].requirement == "LAC-RESP-004"


def test_done_without_a_beginning():
    (event,) = give(ready(), done())
    assert (event.text, event.current) == ("", True)


@pytest.mark.parametrize(
    ("wanted", "effective"),
    [
        ({}, NEUTRAL),
        ({"mood": "happy"}, p.AudioConfig(speed=1.0, volume=1.0, mood="happy")),
        (
            {"speed": 9, "volume": -1, "mood": "furious"},
            p.AudioConfig(speed=2.0, volume=0.0, mood="neutral", clamped=True),
        ),
        (
            {"speed": 0.1, "volume": 9},
            p.AudioConfig(speed=0.5, volume=1.5, mood="neutral", clamped=True),
        ),
    ],
)
def test_settings_are_clamped(wanted, effective):
    assert give(ready(), start(**wanted))[0].audio_config == effective


def test_cancelling_stops_what_is_heard():
    session = ready()
    session.send_text("r", "hi", 0.0)
    give(session, chunk())
    cancelled, entered = give(session, cancel())
    assert (cancelled.request_id, cancelled.current) == ("r", True)
    assert entered.state == "IDLE"
    assert give(session, cancel())[0].reason is e.Reason.RESPONSE_OVER
    assert give(session, cancel("unknown")) == [
        p.ResponseCancelled(response_id="unknown", request_id=None, current=False)
    ]


def test_cancelling_after_done_still_stops():
    session = ready()
    give(session, chunk())
    give(session, done())
    session.happened("rendered", 1.0)
    cancelled, entered = give(session, cancel())
    assert cancelled.current
    assert (entered.previous, entered.state) == ("SPEAKING", "IDLE")


def test_other_responses_to_the_turn_go_on():
    session = ready()
    give(session, chunk())
    give(session, chunk(response_id="y"))
    (cancelled,) = give(session, cancel())
    assert not cancelled.current
    give(session, audio("start", "z"))
    assert not give(session, cancel("y"))[0].current
    closed, cancelled, entered = give(session, cancel("z"))
    assert not closed.complete
    assert cancelled.current
    assert entered.state == "IDLE"


def test_cancelling_an_earlier_answer_leaves_the_turn_alone():
    session = ready()
    session.send_text("r1", "hi", 0.0)
    give(session, chunk(response_id="x1", request_id="r1"))
    session.send_text("r2", "stop", 1.0)
    (late,) = give(session, chunk(1, response_id="x1", request_id="r1"))
    assert not late.current
    (cancelled,) = give(session, cancel("x1"))
    assert not cancelled.current
    assert session.conversation.state == "THINKING"
    (begun, text) = give(session, chunk(response_id="x3", request_id="r1"))
    assert not begun.current
    assert not text.current
    assert give(session, done("x4", "r1"))[0].current is False


def test_a_bracket():
    session = ready()
    session.send_text("r", "hi", 0.0)
    opened, entered = give(session, audio("start"))
    bracket = e.Bracket(kind=e.BracketKind.RESPONSE, request_id="r", response_id="x")
    assert opened == p.BracketOpened(bracket=bracket, current=True)
    assert entered.state == "STAGING"
    assert session.bracket == bracket
    for number in range(3):
        (got,) = give(session, frame(sequence=number, timestamp=number, samples=16).pack())
        assert got.sequence == number
    assert give(session, frame(sequence=9, timestamp=300).pack()) == []
    audio_left, closed = give(session, audio("finish"))
    assert audio_left.sequence == 9
    assert (closed.frames, closed.complete) == (4, True)
    assert closed.seconds == pytest.approx(3 * 0.001 + 1 / 16000)
    assert session.bracket is None


def test_frames_that_do_not_count():
    session = ready()
    give(session, audio("start"))
    give(session, frame().pack())
    assert give(session, frame().pack())[0].reason is e.Reason.DUPLICATE_FRAME
    assert give(session, frame(sequence=5, timestamp=80).pack()) == []
    session.send_text("r2", "stop", 0.0)  # what waits is for nobody
    (closed,) = give(session, audio("finish"))
    assert closed.frames == 1


def test_frames_outside_a_bracket_are_dropped():
    session = ready()
    (event,) = give(session, frame().pack())
    assert (event.reason, event.requirement) == (e.Reason.OUTSIDE_BRACKET, "LAC-TTS-004")
    image = REVISION.frames.ImageFrame(width=1, height=1, payload=b"z")
    assert kinds(give(session, image.pack())) == ["ImageReceived"]
    assert give(session, b"\xff")[0].reason is e.Reason.UNKNOWN_FRAME


def test_a_second_bracket_ends_the_first():
    session = ready()
    give(session, audio("start"))
    closed, opened = give(session, audio("start", "y"))
    assert not closed.complete
    assert opened.bracket.response_id == "y"
    assert give(session, audio("finish"))[0].requirement == "LAC-TTS-001"
    assert kinds(give(session, audio("finish", "y"))) == ["BracketClosed"]
    assert give(session, audio("finish", "y"))[0].reason is e.Reason.OUT_OF_TURN


def test_a_prompt_bracket():
    session = ready()
    opened, entered = give(session, {"event": "response.audio.promptStart"})
    assert opened.bracket == e.Bracket(kind=e.BracketKind.PROMPT)
    assert entered.state == "PROMPT_STAGING"
    assert give(session, audio("finish"))[0].reason is e.Reason.OUT_OF_TURN
    give(session, frame().pack())
    (closed,) = give(session, {"event": "response.audio.promptFinish"})
    assert closed.frames == 1
    (again,) = give(session, {"event": "response.audio.promptFinish"})
    assert again.requirement == "LAC-TTS-003"


def test_prompts_wait_for_nobody():
    session = ready()
    session.send_text("r", "hi", 0.0)
    (opened,) = give(session, {"event": "response.audio.promptStart"})
    assert not opened.current
    assert give(session, frame().pack())[0].reason is e.Reason.OUT_OF_TURN
    prompt = {"event": "system.prompt", "data": {"text": "hello?"}}
    assert give(session, prompt) == [p.PromptRequested(text="hello?", accepted=False)]
    idle = ready()
    asked, entered = give(idle, prompt)
    assert asked.accepted
    assert entered.state == "PROMPT_THINKING"
    assert idle.conversation.turn is None


def test_an_utterance():
    session = ready()
    give(session, audio("start"))
    started, entered = give(session, voice("start"))
    assert started == p.VoiceStarted(request_id="u")
    assert entered.state == "LISTENING"
    assert give(session, frame().pack())[0].reason is e.Reason.OUT_OF_TURN  # barge-in
    (opened,) = give(session, audio("start", "late", "r"))[1:]
    assert not opened.current
    partial = {
        "event": "input.asr.partial",
        "requestId": "u",
        "seq": 3,
        "data": {"text": "he", "final": False},
    }
    assert give(session, partial) == [p.AsrPartial(request_id="u", seq=3, text="he")]
    assert give(session, voice("finish")) == [p.VoiceFinished(request_id="u")]
    result, entered = give(session, final())
    assert result == p.AsrFinal(request_id="u", text="hello")
    assert entered.state == "THINKING"
    assert session.conversation.turn == "u"
    give(session, final("other"))
    assert session.conversation.turn == "other"


@pytest.mark.parametrize(
    ("request_id", "effective"), [(None, True), ("r", True), ("earlier", False)]
)
def test_interrupts_stop_the_current_turn_only(request_id, effective):
    session = ready()
    session.send_text("r", "hi", 0.0)
    give(session, chunk())
    message = {"event": "control.interrupt"} | (
        {} if request_id is None else {"requestId": request_id}
    )
    events = give(session, message)
    assert events[0] == p.InterruptRequested(request_id=request_id, effective=effective)
    assert (session.conversation.state == "IDLE") is effective
    assert give(session, chunk(1))[-1].current is not effective


def test_an_interrupt_of_nothing():
    assert give(ready(), {"event": "control.interrupt"}) == [
        p.InterruptRequested(request_id=None, effective=False)
    ]


def test_errors_and_events_of_the_agent():
    session = ready()
    error = {"event": "error", "requestId": "r", "data": {"code": "ASR_FAIL", "message": "m"}}
    assert give(session, error) == [e.ErrorReceived(code="ASR_FAIL", message="m", request_id="r")]
    own = {"event": "my.event", "requestId": "r", "data": [1], "more": 2}
    assert give(session, own) == [p.CustomEventReceived(name="my.event", request_id="r", data=[1])]


def test_states_are_broadcast_with_counter_and_time():
    session = ready()
    give(session, voice("start"), 2.5)
    give(session, final(), 3.0)
    first, second = parsed(session.data_to_send())
    assert first == {
        "event": "session.state",
        "seq": 1,
        "timestamp": 1_000_002_500,
        "data": {"state": "LISTENING"},
    }
    assert (second["seq"], second["data"]) == (2, {"state": "THINKING"})
    assert names(session.data_to_send()) == []


SAMPLES = st.text() | st.binary() | st.sampled_from([row["text"] for row in load("events")])


@given(
    st.lists(
        SAMPLES | st.builds(lambda it: it.pack(), st.builds(frame, sequence=st.integers(0, 9)))
    )
)
def test_never_raises(messages):
    session = platform()
    session.open(0.0)
    for message in messages:
        assert all(isinstance(event, e.Event) for event in give(session, message))
        session.data_to_send()
    session.closed(None, "", 1.0)
