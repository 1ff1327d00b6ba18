from __future__ import annotations

import pytest

from protocol_core.errors import LocalProtocolError
from protocol_core.liveavatar import events as e
from protocol_core.liveavatar.client import ClientSession
from protocol_core.liveavatar.errors import ConnectError, StartError
from tests.protocol_core.liveavatar.support import (
    DATA,
    INIT,
    URL,
    config,
    dialled,
    frame,
    give,
    opened,
    reply,
    started,
)

SUCCESS = reply({"code": 0, "message": "success", "data": DATA})


def test_start_then_dial_unchanged():
    session = ClientSession(config())
    assert session.state == "NEW"
    assert session.start_request().url.endswith("/v1/session/start")
    assert session.stop_request() is None
    with pytest.raises(LocalProtocolError):
        session.upgrade_request()
    result = session.receive_start_response(SUCCESS)
    assert result is session.result
    upgrade = session.upgrade_request()
    assert (upgrade.url, upgrade.headers) == (URL, {})
    with pytest.raises(LocalProtocolError, match="has been started"):
        session.start_request()


def test_a_start_that_fails_may_be_tried_again():
    session = ClientSession(config())
    with pytest.raises(StartError):
        session.receive_start_response(reply({"code": 40001}))
    assert session.start_unanswered("reset", timed_out=True).kind == "timeout"
    assert session.stop_request() is None
    session.start_request()
    session.receive_start_response(SUCCESS)
    assert session.state == "STARTED"


def test_the_first_dial_is_not_repeated():
    session = started(reconnect=True)
    with pytest.raises(ConnectError) as caught:
        session.dial_failed("HTTP 403", 0.0, http_status=403, body="expired")
    assert (caught.value.http_status, caught.value.raw_body) == (403, "expired")
    assert session.deadline() is None
    assert session.stop_request() is not None  # LAC-CLOSE-005
    with pytest.raises(ConnectError) as caught:
        started().dial_failed("late", 0.0, timed_out=True)
    assert caught.value.kind == "timeout"


def test_the_wait_for_init_is_limited():
    session = dialled(timeout=5)
    assert session.deadline() == 5
    assert session.timeout(4.9) == []
    (failed,) = session.timeout(5.0)
    assert (failed.code, failed.requirement) == ("HANDSHAKE_TIMEOUT", "LAC-HS-004")
    assert session.close_to_send()[0] == 1000
    assert session.deadline() is None
    error = session.handshake_error(failed)
    assert (error.code, error.kind, error.phase) == ("HANDSHAKE_TIMEOUT", "timeout", "handshake")
    assert session.closed(1000, "", 6.0) == [e.Closed(code=1000, reason="", opened=False)]
    assert session.state == "CLOSED"


def test_init_ends_the_wait():
    assert opened().deadline() is None


def test_a_socket_that_ends_before_the_handshake():
    session = dialled(reconnect=True)
    (closed,) = session.closed(1011, "no", 1.0)
    error = session.handshake_error(closed)
    assert (error.code, error.close_code, error.close_reason) == ("HANDSHAKE_CLOSED", 1011, "no")
    assert session.state == "CLOSED"  # LAC-RECON-004


def test_other_events_mean_no_error():
    session = opened()
    assert session.handshake_error(e.SceneReady()) is None
    assert session.handshake_error(e.Closed(code=1000, reason="", opened=True)) is None


def test_every_end_is_reported_once():
    session = opened()
    assert session.closed(None, "", 1.0) == [e.Closed(code=1006, reason="", opened=True)]
    assert session.closed(1000, "", 1.0) == []
    assert (session.state, session.deadline()) == ("CLOSED", None)  # LAC-RECON-001


def test_what_was_in_progress_is_lost():
    session = opened()
    session.send_response_chunk("r", "x", "t", timestamp=0)
    session.send_prompt_audio_start()
    session.send_voice_start("u")
    give(session, frame(key=True).pack())
    give(session, frame(sequence=3, timestamp=120).pack())
    audio, lost, _ = session.closed(1001, "", 1.0)
    assert audio.sequence == 3
    assert lost == e.ResponsesLost(response_ids=("x",), bracket=True)
    assert session.bracket is None


def test_dials_again_with_growing_delays():
    session = opened(reconnect=True)
    events = session.closed(1000, "", 100.0)
    assert events[-1] == e.ReconnectScheduled(attempt=1, delay=1.0)
    assert session.deadline() == 101.0
    assert session.timeout(100.5) == []
    now = 101.0
    for attempt, delay in enumerate((2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0), start=1):
        assert session.timeout(now) == [e.ReconnectDue(attempt=attempt)]
        assert session.deadline() is None
        assert session.upgrade_request().url == URL
        (scheduled,) = session.dial_failed("refused", now)
        assert scheduled == e.ReconnectScheduled(attempt=attempt + 1, delay=delay)
        now += delay
    session.timeout(now)
    session.opened(now)
    assert session.deadline() == now + 30
    assert give(session, INIT) == [
        e.SessionOpened(session_id="session-1", user_id="user-1", reconnected=True)
    ]
    assert session.closed(1006, "", now)[-1].delay == 1.0  # LAC-RECON-002: reset by the socket


def test_dials_again_when_a_later_handshake_is_cut_off():
    session = opened(reconnect=True, reconnect_base_delay=2.0, reconnect_max_delay=3.0)
    session.closed(None, "", 0.0)
    session.timeout(2.0)
    session.opened(2.0)
    events = session.closed(None, "", 2.0)
    assert events == [
        e.Closed(code=1006, reason="", opened=False),
        e.ReconnectScheduled(attempt=1, delay=2.0),
    ]


def test_a_planned_end_is_final():
    session = opened(reconnect=True)
    give(session, {"event": "session.closing", "data": {"reason": "timeout"}})
    assert session.closed(1000, "timeout", 1.0)[-1] == e.Closed(
        code=1000, reason="timeout", opened=True
    )
    assert session.state == "CLOSED"


@pytest.mark.parametrize("state", ["STARTED", "INIT_WAIT", "OPEN", "RECONNECT"])
def test_stop_ends_everything_and_is_idempotent(state):
    session = {
        "STARTED": started,
        "INIT_WAIT": dialled,
        "OPEN": opened,
        "RECONNECT": lambda: opened(reconnect=True),
    }[state]()
    if state == "RECONNECT":
        session.closed(None, "", 0.0)
    assert session.state == state
    assert session.stop()
    assert not session.stop()
    assert session.state == "CLOSED"
    assert session.deadline() is None
    assert session.stop_request().url.endswith("/v1/session/stop")
    session.receive_stop_response(reply({"code": 0}))
    with pytest.raises(StartError):
        session.receive_stop_response(reply({"code": 40007, "message": "no"}))
    assert [type(event) for event in session.closed(1000, "", 1.0)] in ([], [e.Closed])
    assert session.state == "CLOSED"


def test_stop_before_the_start():
    session = ClientSession(config())
    assert not session.stop()
    assert session.state == "NEW"


def test_a_new_start_after_the_end():
    session = opened(reconnect=True)
    give(session, {"event": "scene.ready"})
    session.stop()
    session.closed(1000, "", 1.0)
    session.start_request()
    session.receive_start_response(SUCCESS)
    assert not session.scene_ready
    session.opened(2.0)
    assert session.closed(1006, "", 3.0)[-1] == e.Closed(code=1006, reason="", opened=False)


def test_frames_that_wait_have_a_deadline():
    session = opened()
    session.receive(frame(key=True).pack(), 1.0)
    assert session.receive(frame(sequence=2, timestamp=80).pack(), 1.0) == []
    assert session.deadline() == pytest.approx(1.2)
    (audio,) = session.timeout(1.2)
    assert audio.sequence == 2


def test_an_interrupted_send():
    error = opened().send_failed(None, "")
    assert (error.code, error.close_code, error.kind) == ("NOT_CONNECTED", 1006, "transport")
    assert opened().send_failed(1011, "x").close_reason == "x"
