from __future__ import annotations

import json

import pytest

from protocol_core.akool import events as e
from tests.protocol_core.akool.client_side import (
    AGORA,
    BOTH,
    CONNECTED,
    PARAMETERS,
    PONG,
    README,
    V2,
    ack,
    dialled,
    error,
    fresh,
    give,
    of,
    opened,
    ready,
    the,
)
from tests.protocol_core.akool.instance import envelope, vectors


@pytest.mark.parametrize("revision", BOTH)
def test_the_confirmation_opens_the_session(revision):
    session = dialled(revision)
    assert not session.is_open
    events = give(session, CONNECTED)
    assert events == [
        e.MessageReceived(name="system/websocket_connected", message=CONNECTED),
        e.Connected(session_id=session.session_id),
    ]
    assert (session.state, session.is_open, session.is_ready) == ("OPEN", True, False)
    assert the(give(session, CONNECTED), e.Ignored).reason is e.Reason.OUT_OF_TURN


@pytest.mark.parametrize("revision", BOTH)
def test_everything_reaches_the_application(revision):
    session = opened(revision)
    sent = [
        PONG,
        error(),
        ack("nobody"),
        envelope("weather", "w"),
        envelope("system", "s", status="agora_disconnected"),
        {"v": 2, "type": "ack", "mid": "a", "pld": {}},
        {"no": "type"},
        [1],
        None,
    ]
    seen = [the(give(session, json.dumps(item)), e.MessageReceived).message for item in sent]
    assert seen == sent
    assert session.is_open  # AKO-CONN-011, AKO-ERR-003


@pytest.mark.parametrize("revision", BOTH)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("hello", e.Reason.NOT_JSON),
        (b"\x00", e.Reason.BINARY),
        ("[1]", e.Reason.NOT_AN_OBJECT),
        ('{"v":2,"type":"pong","mid":"p"}', e.Reason.MALFORMED),
    ],
)
def test_what_is_no_message_is_reported(revision, data, reason):
    for session in (dialled(revision), opened(revision), ready(revision)):
        events = give(session, data)
        assert the(events, e.Ignored).reason is reason
        error = the(events, e.ErrorRaised).error
        assert (error.code, error.phase) == ("INVALID_MESSAGE", "session")
        assert len(of(events, e.MessageReceived)) == (reason not in {"binary", "notJson"})


@pytest.mark.parametrize("revision", BOTH)
def test_what_is_unknown_is_passed_over(revision):
    session = opened(revision)
    events = give(session, envelope("weather", "w"))
    ignored = the(events, e.Ignored)
    assert (ignored.reason, ignored.name) == (e.Reason.UNKNOWN, "weather")
    assert ignored.requirement == "AKO-CONN-011"
    assert of(events, e.ErrorRaised) == []


def test_the_other_dialect_has_no_acks():
    ignored = the(give(ready(README), ack("x")), e.Ignored)
    assert (ignored.reason, ignored.name) == (e.Reason.UNKNOWN, "ack")


# --- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["ack", "agora"])
def test_parameters_take_both_halves(first):
    session = opened()
    order = session.set_parameters(PARAMETERS, 0.0)
    halves = [ack(order.key, status="success"), AGORA]
    if first == "agora":
        halves.reverse()
    assert of(give(session, halves[0]), e.RequestDone) == []
    assert not session.is_ready
    done = the(give(session, halves[1]), e.RequestDone)
    assert done == e.RequestDone(request=e.Request.PARAMETERS, key=order.key)
    assert session.is_ready


def test_the_channel_is_told():
    session = opened()
    session.set_parameters(PARAMETERS, 0.0)
    assert the(give(session, AGORA), e.AgoraConnected).channel_id == "room"
    nameless = envelope("system", "s", status="agora_connected")
    assert the(give(session, nameless), e.AgoraConnected).channel_id == ""


def test_the_other_dialect_needs_the_join_alone():
    session = opened(README)
    order = session.set_parameters(PARAMETERS, 0.0)
    events = give(session, AGORA)
    assert the(events, e.RequestDone).key == order.key
    assert session.is_ready
    assert of(give(session, AGORA), e.RequestDone) == []  # told again


@pytest.mark.parametrize("revision", BOTH)
def test_a_join_that_nobody_asked_for(revision):
    assert the(give(opened(revision), AGORA), e.Ignored).reason is e.Reason.OUT_OF_TURN
    assert the(give(dialled(revision), AGORA), e.Ignored).reason is e.Reason.OUT_OF_TURN


def test_a_repetition_is_complete_with_its_ack():
    session = ready()
    order = session.set_parameters(PARAMETERS, 0.0)
    assert of(give(session, AGORA), e.RequestDone) == []
    assert the(give(session, ack(order.key)), e.RequestDone).key == order.key
    assert session.state == "READY"


def test_a_failed_ack_fails_the_parameters():
    session = opened()
    order = session.set_parameters(PARAMETERS, 0.0)
    failed = the(give(session, ack(order.key, status="failed")), e.RequestFailed)
    assert (failed.key, failed.error.code) == (order.key, "AUDIO_STREAM_FAILED")
    assert (failed.error.phase, failed.error.requirement) == ("parameters", "AKO-ACK-004")
    assert "'failed'" in failed.error.message
    assert session.state == "OPEN"


def test_a_failed_ack_fails_a_repetition():
    session = ready()
    order = session.set_parameters(PARAMETERS, 0.0)
    the(give(session, ack(order.key, status="failed")), e.RequestFailed)
    assert session.state == "READY"


@pytest.mark.parametrize("revision", BOTH)
def test_an_error_fails_the_parameters(revision):
    session = opened(revision)
    session.set_parameters(PARAMETERS, 0.0)
    events = give(session, error(4000, "agora token expired"))
    raised = the(events, e.ErrorRaised).error
    failed = the(events, e.RequestFailed).error
    assert (raised.code, raised.server_code) == ("SERVER_ERROR", 4000)
    assert raised.server_text == "agora token expired"
    assert (failed.code, failed.server_code) == ("AUDIO_STREAM_FAILED", 4000)
    assert failed.cause is raised
    assert "agora token expired" in failed.message
    assert session.state == "OPEN"
    session.set_parameters(PARAMETERS, 0.0)


# --- correlation -------------------------------------------------------------------------------


def test_an_ack_of_nothing_is_ignored():
    session = ready()
    ignored = the(give(session, ack("nobody")), e.Ignored)
    assert (ignored.reason, ignored.requirement) == (e.Reason.UNMATCHED_ACK, "AKO-ACK-005")


def test_a_second_ack_while_joining_is_ignored():
    session = opened()
    order = session.set_parameters(PARAMETERS, 0.0)
    give(session, ack(order.key))
    assert the(give(session, ack(order.key)), e.Ignored).reason is e.Reason.UNMATCHED_ACK


@pytest.mark.parametrize("revision", BOTH)
def test_a_pong_may_come_at_any_time(revision):
    session = ready(revision)
    assert give(session, PONG) == [e.MessageReceived(name="pong", message=PONG)]
    assert the(give(dialled(revision), PONG), e.Ignored).reason is e.Reason.OUT_OF_TURN


class Play:
    """Plays a sequence of frames, and keeps what became of the requests."""

    def __init__(self, needs_ready):
        self.session = ready() if needs_ready else opened()
        self.keys = {}
        self.outcome = {}

    def client(self, step):
        kind = step["client"]
        if kind == "close":
            self.note(self.session.closed(1000, "", 0.0))
            return
        if kind == "event/leave_channel":
            self.note(self.session.leave(0.0))
            return
        order = (
            self.session.interrupt(0.0)
            if kind == "command/interrupt"
            else self.session.set_parameters(PARAMETERS, 0.0)
        )
        self.keys[step["mid"]] = order.key
        self.outcome[order.key] = "pending"

    def server(self, step):
        kind, _, second = step["server"].partition("/")
        mid = self.keys.get(step.get("mid"), "s-1")
        payload = {}
        if "original_mid" in step:
            named = step["original_mid"]
            payload["original_mid"] = self.keys.get(named, named)
        if second:
            payload |= {"status": second, "channel_id": "room"}
        if kind == "error":
            payload |= {"error_code": step["error_code"], "error_message": "no"}
        if "status" in step:
            payload["status"] = step["status"]
        self.note(give(self.session, envelope(kind, mid, **payload)))

    def note(self, events):
        for event in events:
            if isinstance(event, e.RequestDone):
                self.outcome[event.key] = "complete"
            elif isinstance(event, e.RequestFailed):
                self.outcome[event.key] = "failed"


@vectors("correlation")
def test_what_becomes_of_requests(vector):
    first = vector["steps"][0].get("client", "")
    play = Play(needs_ready=first != "command/set-params")
    for step in vector["steps"]:
        (play.client if "client" in step else play.server)(step)
    assert {mid: play.outcome[key] for mid, key in play.keys.items()} == vector["outcome"]


# --- interrupts and errors ---------------------------------------------------------------------


def test_an_interrupt_is_done_with_its_ack():
    session = ready()
    order = session.interrupt(0.0)
    done = the(give(session, ack(order.key, status="success")), e.RequestDone)
    assert done.request is e.Request.INTERRUPT


def test_an_interrupt_fails_by_its_ack():
    session = ready()
    order = session.interrupt(0.0)
    failed = the(give(session, ack(order.key, status="failed")), e.RequestFailed)
    assert (failed.error.code, failed.error.phase) == ("COMMAND_FAILED", "interrupt")
    assert session.is_ready


def test_an_interrupt_fails_by_an_error():
    session = ready()
    order = session.interrupt(0.0)
    session.set_parameters(PARAMETERS, 0.0)
    failed = the(give(session, error(4000, "nothing to interrupt")), e.RequestFailed)
    assert (failed.key, failed.error.code) == (order.key, "COMMAND_FAILED")
    assert session.state == "RECONFIGURING"  # the oldest fails, and no other (OP-7)
    failed = the(give(session, error()), e.RequestFailed)
    assert (failed.request, session.state) == (e.Request.PARAMETERS, "READY")


@pytest.mark.parametrize("revision", BOTH)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (4000, "SERVER_ERROR"),
        (4999, "SERVER_ERROR"),
        (4001, "AUTHENTICATION_FAILED"),
        (4003, "INSTANCE_OCCUPIED"),
        (4004, "RECONNECT_TOO_SOON"),
    ],
)
def test_errors_of_a_session(revision, number, code):
    for session in (opened(revision), ready(revision)):
        raised = the(give(session, error(number, "words")), e.ErrorRaised).error
        assert (raised.code, raised.server_code) == (code, number)
        assert (raised.server_text, raised.phase) == ("words", "session")
        assert session.is_open


def test_an_error_without_words():
    frame = envelope("error", "e", error_code=4999)
    raised = the(give(ready(V2), frame), e.ErrorRaised).error
    assert raised.server_text == "Unknown error"


@pytest.mark.parametrize("revision", BOTH)
def test_an_error_instead_of_the_confirmation_is_no_callback(revision):
    session = dialled(revision)
    events = give(session, error(4003, "busy"))
    assert of(events, e.ErrorRaised) == []
    assert session.state == "REFUSED"
    assert the(give(session, error()), e.Ignored).reason is e.Reason.OUT_OF_TURN
    assert the(give(session, CONNECTED), e.Ignored).reason is e.Reason.OUT_OF_TURN


@pytest.mark.parametrize("revision", BOTH)
def test_nothing_is_received_without_a_socket(revision):
    session = fresh(revision)
    assert give(session, PONG)[0].reason is e.Reason.AFTER_CLOSE
    session = ready(revision)
    session.closed(1000, "", 0.0)
    assert give(session, PONG)[0].reason is e.Reason.AFTER_CLOSE
