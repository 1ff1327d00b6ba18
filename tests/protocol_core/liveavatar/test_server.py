from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from protocol_core.liveavatar.errors import SendRefused
from tests.protocol_core.liveavatar.support import (
    INIT,
    REVISION,
    frame,
    give,
    names,
    parsed,
    platform,
    ready,
)

READY = {"event": "session.ready"}
CHUNK = {
    "event": "response.chunk",
    "requestId": "r",
    "responseId": "x",
    "seq": 0,
    "timestamp": 0,
    "data": {"text": "t"},
}


def test_init_comes_first():
    session = platform()
    assert session.connection_state == "STARTED"
    assert parsed(session.open(0.0)) == [INIT]
    assert session.connection_state == "READY_WAIT"
    with pytest.raises(LocalProtocolError):
        session.open(0.0)


def test_everything_else_is_held_until_ready():
    session = platform()
    assert session.send_scene_ready(0.0) == []  # nobody listens: dropped
    session.open(0.0)
    assert session.send_text("r", "hi", 1.0) == []
    assert session.send_audio(frame(), 1.0) == []
    assert session.send_error("E", "m", 1.0, request_id="r") == []
    assert session.data_to_send() == []
    assert session.conversation.state == "IDLE"
    give(session, READY, 2.0)
    assert names(session.data_to_send()) == ["input.text", "session.state", "frame", "error"]
    assert names(session.send_text("r2", "again", 3.0)) == ["input.text"]


def test_what_the_platform_sends():
    session = ready(developer_asr=False)
    image = REVISION.frames.ImageFrame(width=1, height=1, payload=b"z")
    sent = [
        *session.send_scene_ready(1.0),
        *session.send_text("r", "hi", 1.0),
        *session.send_interrupt(2.0, "r"),
        *session.send_interrupt(2.0),
        *session.send_idle_trigger(5.0),
        *session.send_idle_trigger(5.0, idle_time_ms=7, reason="bored"),
        *session.send_error("E", "m", 5.0),
        *session.send_image(image, 5.0),
    ]
    assert parsed(sent) == [
        {"event": "scene.ready"},
        {"event": "input.text", "requestId": "r", "data": {"text": "hi"}},
        {
            "event": "session.state",
            "seq": 1,
            "timestamp": 1_000_001_000,
            "data": {"state": "THINKING"},
        },
        {"event": "control.interrupt", "requestId": "r"},
        {"event": "session.state", "seq": 2, "timestamp": 1_000_002_000, "data": {"state": "IDLE"}},
        {"event": "control.interrupt"},
        {"event": "system.idleTrigger", "data": {"reason": "user_idle", "idleTimeMs": 3000}},
        {"event": "system.idleTrigger", "data": {"reason": "bored", "idleTimeMs": 7}},
        {"event": "error", "data": {"code": "E", "message": "m"}},
        image.pack(),
    ]


def test_what_waits_goes_first():
    session = ready()
    session.happened("platform_voice_start", 1.0)
    assert names(session.send_scene_ready(1.0)) == ["session.state", "scene.ready"]


def test_ownership_of_recognition():
    with pytest.raises(SendRefused, match="LAC-INT-003"):
        ready().send_interrupt(0.0)
    with pytest.raises(SendRefused, match="LAC-ASR-003"):
        ready(developer_asr=False).send_audio(frame(), 0.0)
    with pytest.raises(SendRefused, match="LAC-FRAME-002"):
        ready().send_audio(frame(sequence=-1), 0.0)


def test_the_renderer_moves_the_conversation():
    session = ready()
    give(session, CHUNK)
    (entered,) = session.happened("rendered", 1.0)
    assert entered == p.StateEntered(state="SPEAKING", previous="STAGING", trigger="rendered")
    assert session.happened("rendered", 1.0) == []
    session.happened("playout_finished", 2.0)
    states = [item["data"]["state"] for item in parsed(session.data_to_send())]
    assert states == ["STAGING", "SPEAKING", "IDLE"]


def test_the_users_voice_outdates_what_plays():
    session = ready(developer_asr=False)
    give(session, CHUNK)
    session.happened("platform_voice_start", 1.0)
    assert not give(session, CHUNK | {"seq": 1})[-1].current


@pytest.mark.parametrize("trigger", ["chunk", "voice_start", "nonsense"])
def test_only_the_platforms_own_triggers(trigger):
    with pytest.raises(SendRefused, match="LAC-STATE-001"):
        ready().happened(trigger, 0.0)


# --- ends ------------------------------------------------------------------------------------


def test_a_lost_socket_and_the_next():
    session = ready()
    session.send_text("r", "hi", 0.0)
    give(session, CHUNK)
    give(session, {"event": "response.audio.start", "requestId": "r", "responseId": "y"})
    closed, lost, entered, end = session.closed(None, "", 5.0)
    assert not closed.complete
    assert lost == e.ResponsesLost(response_ids=("x",), bracket=True)
    assert entered.state == "IDLE"  # without a broadcast: nobody listens
    assert end == e.Closed(code=None, reason="", opened=True)
    assert session.closed(None, "", 5.0) == []
    assert session.connection_state == "RECONNECT"
    assert parsed(session.open(6.0)) == [INIT]  # LAC-RECON-003
    session.send_scene_ready(6.0)
    session.closed(None, "", 7.0)
    session.open(8.0)
    give(session, READY)
    assert session.data_to_send() == []  # OP-11: nothing is replayed
    assert give(session, CHUNK)[0].reason is e.Reason.RESPONSE_OVER
    give(session, CHUNK | {"responseId": "z"}, 9.0)
    (state,) = parsed(session.data_to_send())
    assert state["seq"] == 3  # LAC-STATE-002: counts on within the session


def test_a_planned_end():
    session = ready(closing_notice=2.0)
    assert parsed(session.begin_closing(10.0)) == [
        {"event": "session.closing", "data": {"reason": "timeout"}}
    ]
    assert session.begin_closing(11.0) == []
    assert session.send_text("r", "late", 11.0) == []
    assert session.deadline() == 12.0
    assert session.timeout(11.9) == []
    assert session.close_to_send() is None
    session.timeout(12.0)
    assert session.close_to_send() == (1000, "timeout")
    session.closed(1000, "timeout", 12.0)
    assert session.connection_state == "CLOSED"
    assert session.begin_closing(13.0) == []
    with pytest.raises(LocalProtocolError):
        session.open(13.0)


def test_a_planned_end_without_a_reason_or_notice():
    session = ready()
    assert parsed(session.begin_closing(1.0, reason="", notice=0.0)) == [
        {"event": "session.closing"}
    ]
    session.timeout(1.0)
    assert session.close_to_send() == (1000, "")


def test_a_planned_end_before_ready_is_not_announced():
    session = platform()
    session.open(0.0)
    session.send_scene_ready(0.0)
    assert session.begin_closing(0.0) == []  # OP-29
    give(session, READY)
    assert session.data_to_send() == []
    session.timeout(1.0)
    assert session.close_to_send() == (1000, "timeout")


@pytest.mark.parametrize(("fault", "code"), [("", 1000), ("renderer crashed", 1011)])
def test_an_end_at_once(fault, code):
    session = ready()
    session.end(fault=fault)
    assert session.close_to_send() == (code, fault)
    session.end()
    session.closed(code, fault, 1.0)
    assert session.connection_state == "CLOSED"


def test_an_end_without_a_socket():
    session = platform()
    session.end()
    assert session.close_to_send() is None
    with pytest.raises(LocalProtocolError):
        session.open(0.0)


def test_the_time_limit():
    session = platform(time_limit=60.0, closing_notice=5.0)
    assert session.deadline() is None
    session.open(10.0)
    give(session, READY, 10.0)
    assert session.deadline() == 70.0
    session.closed(None, "", 20.0)
    assert session.deadline() is None
    session.open(30.0)
    give(session, READY, 30.0)
    assert session.deadline() == 70.0  # from the first socket on
    assert session.timeout(69.0) == []
    assert session.timeout(70.0) == [p.ClosingAnnounced(reason="timeout", close_in=5.0)]
    assert names(session.data_to_send()) == ["session.closing"]
    assert session.deadline() == 75.0


# --- idle time -------------------------------------------------------------------------------


def test_idle_triggers_repeat():
    session = ready(idle_after=120.0)
    assert session.deadline() == 120.0
    assert session.timeout(119.0) == []
    assert session.timeout(120.0) == [p.IdleTriggerSent(idle_time_ms=120000)]
    (trigger,) = parsed(session.data_to_send())
    assert trigger["data"] == {"reason": "user_idle", "idleTimeMs": 120000}
    assert session.deadline() == 240.0
    assert session.timeout(240.0) == [p.IdleTriggerSent(idle_time_ms=240000)]


def test_activity_puts_them_off():
    session = ready(idle_after=120.0)
    session.send_text("r", "hi", 100.0)
    assert session.deadline() is None  # somebody is active
    give(session, CHUNK, 101.0)
    session.happened("rendered", 102.0)
    session.happened("playout_finished", 150.0)
    assert session.deadline() == 270.0


def test_prompts_do_not():
    session = ready(idle_after=120.0)
    session.timeout(120.0)
    session.data_to_send()
    give(session, {"event": "system.prompt", "data": {"text": "hello?"}}, 121.0)
    assert session.deadline() is None
    for trigger in ("prompt_prepared", "rendered", "playout_finished"):
        session.happened(trigger, 130.0)
    assert session.deadline() == 240.0  # LAC-SYS-004
    assert session.timeout(240.0) == [p.IdleTriggerSent(idle_time_ms=240000)]


def test_nobody_is_idle_before_ready_or_after_the_end():
    session = platform(idle_after=1.0)
    session.open(0.0)
    assert session.deadline() is None
    give(session, READY, 0.0)
    session.begin_closing(0.5)
    assert session.deadline() == 1.5


def test_frames_that_wait_have_a_deadline():
    session = ready()
    give(session, {"event": "response.audio.promptStart"})
    give(session, frame().pack())
    give(session, frame(sequence=2, timestamp=80).pack(), 1.0)
    assert session.deadline() == pytest.approx(1.2)
    (audio,) = session.timeout(1.2)
    assert audio.sequence == 2


@pytest.mark.parametrize("wrong", [{"idle_after": 0}, {"time_limit": -1}, {"closing_notice": -1}])
def test_refuses_settings_that_cannot_work(wrong):
    with pytest.raises(ConfigurationError):
        platform(**wrong)


def test_patience_can_be_set():
    session = ready(jitter_patience=0)
    give(session, {"event": "response.audio.promptStart"})
    assert len(give(session, frame(sequence=9, timestamp=80).pack())) == 1
