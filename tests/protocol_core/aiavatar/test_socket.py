from __future__ import annotations

import base64
import json

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.errors import (
    ConnectError,
    ConnectionLost,
    HandshakeTimeout,
    SendRefused,
    SessionRefused,
)
from protocol_core.aiavatar.socket import SocketSession
from tests.protocol_core.aiavatar.support import config, event

REFUSED = "WebSocket disconnect: session_id is required."


@pytest.fixture
def session():
    """A session whose socket is open and whose start is on its way."""
    made = SocketSession(config(user_id="user-1"))
    made.opened(0.0)
    return made


@pytest.fixture
def ready(session):
    session.receive(event("connected"), 1.0)
    return session


def sent(messages):
    return [json.loads(message) for message in messages]


def started(asked="Hello", **members):
    return event("start", metadata={"request_text": asked}, **members)


# --- connection ----------------------------------------------------------------------------------


def test_needs_a_session_id():
    with pytest.raises(SendRefused):
        SocketSession(config(session_id=None))


def test_start_comes_first():
    session = SocketSession(config(user_id="user-1", metadata={"room": 1}))
    request = session.upgrade_request()
    assert (request.url, request.headers) == ("ws://localhost:8000/ws", {})
    (start,) = sent(session.opened(5.0))
    assert start["type"] == "start"
    assert (start["session_id"], start["user_id"]) == ("session-1", "user-1")
    assert (start["context_id"], start["metadata"]) == (None, {"room": 1})
    assert (session.state, session.deadline()) == ("STARTING", 15.0)


def test_a_threshold_that_is_configured_follows_start():
    session = SocketSession(config(volume_db_threshold=-40.0))
    _, setting = sent(session.opened(0.0))
    assert (setting["type"], setting["metadata"]) == ("config", {"volume_db_threshold": -40.0})


def test_connected_opens_the_session(session):
    (connected,) = session.receive(event("connected"), 1.0)
    assert isinstance(connected, e.Connected)
    assert session.is_open
    assert session.deadline() is None
    assert session.receive(event("connected"), 2.0)[0].response.type == "connected"


def test_one_socket_at_a_time(session):
    with pytest.raises(SendRefused):
        session.upgrade_request()


@pytest.mark.parametrize(
    ("options", "code", "kind"),
    [
        ({"http_status": 404}, "CONNECT_FAILED", "transport"),
        ({}, "CONNECT_FAILED", "transport"),
        ({"timed_out": True}, "CONNECT_FAILED", "timeout"),
    ],
)
def test_a_socket_that_cannot_be_opened(options, code, kind):
    session = SocketSession(config())
    error = session.dial_failed("no", **options)
    assert isinstance(error, ConnectError)
    assert (error.code, error.kind, error.phase) == (code, kind, "websocket_connect")
    assert session.state == "CLOSED"
    assert session.upgrade_request()


def test_waits_for_connected_only_so_long(session):
    assert session.timeout(9.9) == []
    (failed,) = session.timeout(10.0)
    assert isinstance(session.failure_error(failed), HandshakeTimeout)
    assert session.close_to_send() == (1000, "")
    assert session.timeout(20.0) == []


@pytest.mark.parametrize("connected", [False, True], ids=["in the handshake", "later"])
def test_a_final_with_an_error_may_refuse_the_session(session, connected):
    if connected:
        session.receive(event("connected"), 1.0)
    text = event("final", session_id=None, metadata={"error": REFUSED})
    (failed,) = session.receive(text, 1.0)
    error = session.failure_error(failed)
    assert isinstance(error, SessionRefused)
    assert (error.detail, error.raw_body) == (REFUSED, text)
    assert session.close_to_send() == (1000, "")
    (closed,) = session.closed(1000, "", 2.0)
    assert not closed.lost


def test_any_error_in_the_handshake_refuses_the_session(session):
    text = event("final", metadata={"error": "WebSocket disconnect: start is required."})
    assert isinstance(session.receive(text, 1.0)[0], e.SessionFailed)


def test_leaving(ready):
    (stop,) = sent(ready.stop(3.0))
    assert stop == {"type": "stop", "session_id": "session-1"}
    assert ready.stop(4.0) == []
    assert ready.deadline() == 13.0
    assert ready.receive(event("chunk"), 4.0)[0].reason is e.Reason.AFTER_STOP
    assert ready.timeout(13.0) == []
    assert ready.close_to_send() == (1000, "")
    (closed,) = ready.closed(1000, "", 14.0)
    assert (closed.code, closed.opened, closed.lost) == (1000, True, False)
    assert ready.closed(1000, "", 15.0) == []


def test_nothing_to_leave():
    assert SocketSession(config()).stop(0.0) == []


@pytest.mark.parametrize(("code", "seen"), [(None, 1006), (1011, 1011), (1005, 1005)])
def test_a_lost_connection_keeps_the_conversation(ready, code, seen):
    ready.receive(event("stop"), 1.0)
    ready.receive(started(context_id="context-7"), 1.0)
    (closed,) = ready.closed(code, "why", 2.0)
    assert (closed.code, closed.lost, closed.opened) == (seen, True, True)
    error = ready.ended_error(closed)
    assert isinstance(error, ConnectionLost)
    assert (error.close_code, error.close_reason, error.phase) == (seen, "why", "runtime")
    with pytest.raises(SendRefused) as caught:
        ready.invoke(text="Hello")
    assert caught.value.code == "NOT_CONNECTED"
    assert sent(ready.opened(3.0))[0]["context_id"] == "context-7"


def test_an_end_before_connected(session):
    (closed,) = session.closed(1011, "", 1.0)
    assert session.ended_error(closed).phase == "handshake"


def test_a_policy_close_is_a_matter_of_the_key(session):
    (closed,) = session.closed(1008, "", 1.0)
    assert session.ended_error(closed).code == "AUTHENTICATION_FAILED"


# --- sending -------------------------------------------------------------------------------------


def test_a_turn_is_an_invoke(ready):
    picture = {"type": "image", "url": "https://host/a.png"}
    (turn,) = sent(ready.invoke(text="Hello", files=[picture], system_prompt_params={"a": 1}))
    assert (turn["type"], turn["session_id"], turn["user_id"]) == ("invoke", "session-1", "user-1")
    assert (turn["text"], turn["files"], turn["context_id"]) == ("Hello", [picture], None)
    assert turn["system_prompt_params"] == {"a": 1}
    (turn,) = sent(ready.invoke(audio=b"\1\0"))
    assert (turn["text"], turn["audio_data"]) == (None, "AQA=")


def test_a_turn_goes_on_with_the_conversation(ready):
    ready.receive(event("stop"), 1.0)
    ready.receive(started(context_id="context-7"), 1.0)
    ready.receive(started(None, context_id=None), 1.0)
    assert sent(ready.invoke(text="And?"))[0]["context_id"] == "context-7"


def test_the_picture_for_vision_is_an_invoke(ready):
    (turn,) = sent(ready.picture("data:image/png;base64,AAAA"))
    assert turn["type"] == "invoke"
    assert turn["files"] == [{"type": "image", "url": "data:image/png;base64,AAAA"}]


def test_the_microphone_is_streamed_in_whole_samples(ready):
    messages = sent([*ready.audio(b"\0" * 1025), *ready.audio(b""), *ready.audio(b"\0" * 3)])
    pieces = [base64.b64decode(message["audio_data"]) for message in messages]
    assert [len(piece) for piece in pieces] == [1024, 4]
    assert {message["type"] for message in messages} == {"data"}


def test_the_microphone_is_withheld_while_something_plays(ready):
    assert ready.audio(b"\0\0", playing=True) == []
    eager = SocketSession(config(cancel_echo=False))
    eager.opened(0.0)
    assert len(eager.audio(b"\0\0", playing=True)) == 1


@pytest.mark.parametrize(
    "send",
    [
        lambda it: it.invoke(text="Hello"),
        lambda it: it.audio(b"\0\0"),
        lambda it: it.configure(volume_db_threshold=-40),
    ],
)
def test_nothing_is_sent_without_a_session(send):
    with pytest.raises(SendRefused) as caught:
        send(SocketSession(config()))
    assert caught.value.code == "NOT_CONNECTED"


def test_nothing_is_answered_of_itself(ready):
    ready.receive(event("tool_call"), 1.0)
    assert ready.data_to_send() == []


# --- receiving -----------------------------------------------------------------------------------


def test_a_turn(ready):
    ready.invoke(text="Hello")
    texts = [event("stop"), started(), event("chunk", text="Hi."), event("final", text="Hi.")]
    found = [type(it) for text in texts for it in ready.receive(text, 1.0)]
    assert found == [e.PlaybackStopped, e.TurnStarted, e.ChunkReceived, e.TurnFinished]


def test_a_failed_turn_leaves_the_session(ready):
    (failed,) = ready.receive(event("error", metadata={"error": "broken"}), 1.0)
    assert (failed.code, failed.phase) == ("PIPELINE_ERROR", "runtime")
    (failed,) = ready.receive(event("final", metadata={"error": "broken"}), 1.0)
    assert isinstance(failed, e.TurnFailed)
    assert ready.is_open


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\1", e.Reason.BINARY_MESSAGE),
        ("hello", e.Reason.NOT_JSON),
        (event("later"), e.Reason.UNKNOWN_TYPE),
        (event("chunk"), e.Reason.OUT_OF_TURN),
    ],
)
def test_what_is_no_use_is_ignored(ready, data, reason):
    (ignored,) = ready.receive(data, 1.0)
    assert ignored.reason is reason


@pytest.mark.parametrize("kind", ["stop", "start", "chunk", "final"])
def test_output_of_an_older_socket_may_come_before_connected(session, kind):
    (ignored,) = session.receive(event(kind), 1.0)
    assert ignored.reason is e.Reason.BEFORE_CONNECTED


def test_what_comes_after_a_refusal_is_ignored(session):
    session.receive(event("final", metadata={"error": REFUSED}), 1.0)
    (ignored,) = session.receive(event("connected"), 1.0)
    assert ignored.reason is e.Reason.OUT_OF_TURN


def test_what_comes_without_a_socket_is_reported_as_such(ready):
    ready.closed(1000, "", 1.0)
    (ignored,) = ready.receive(event("connected"), 2.0)
    assert ignored.requirement == "AIA-WS-003"
