"""The life of a connection to an instance: greeting, refusal, acks, errors, silence, ends."""

from __future__ import annotations

import json

import pytest

from protocol_core.akool import platform_events as p
from protocol_core.akool.server import ServerConfig, ServerSession
from protocol_core.errors import ConfigurationError, LocalProtocolError
from tests.protocol_core.akool.instance import (
    AGORA_PARAMS,
    AUTH,
    CHAT,
    DOCUMENTED,
    INTERRUPT,
    LEAVE,
    PING,
    accepted,
    configuring,
    envelope,
    give,
    names,
    opened,
    parsed,
    ready,
    sent,
    set_params,
)


def test_defaults():
    session = ServerSession()
    assert (session.state, session.accepted, session.ready) == ("NEW", False, False)
    assert session.config == ServerConfig()


@pytest.mark.parametrize("silence", [0, -1.0])
def test_silence_cannot_be_nothing(silence):
    with pytest.raises(ConfigurationError, match="silence"):
        ServerConfig(silence=silence)


# -- greeting and refusal --------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["0.1.8", "0.1.9"])
def test_the_greeting(revision):
    session = opened(revision)
    (greeting,) = parsed(session.accept(0.0))
    assert greeting == envelope("system", greeting["mid"], status="websocket_connected")
    assert session.accepted
    with pytest.raises(LocalProtocolError, match="AKO-CONN-005"):
        session.accept(0.0)


def test_the_documented_greeting_answers_auth():
    session = opened(DOCUMENTED)
    assert not session.accepted
    give(session, AUTH)
    assert names(session.accept(0.0)) == ["websocket_connected"]
    assert session.state == "OPEN"


@pytest.mark.parametrize("revision", ["0.1.8", DOCUMENTED])
@pytest.mark.parametrize(
    ("name", "number"),
    [("socket_authentication", 4001), ("socket_occupied", 4003), ("socket_too_soon", 4004)],
)
def test_a_refusal_is_an_error_and_a_close(revision, name, number):
    session = opened(revision)
    (error,) = parsed(session.refuse(name))
    assert (error["type"], error["pld"]["error_code"]) == ("error", number)
    code, reason = session.close_to_send()
    assert (code, reason) == (number, error["pld"]["error_message"])
    assert not session.accepted
    assert give(session, PING) == []
    with pytest.raises(LocalProtocolError):
        session.refuse(name)


@pytest.mark.parametrize("name", ["server_error", "closed_normal", "nonsense"])
def test_not_every_row_refuses(name):
    with pytest.raises(LocalProtocolError, match="catalogue"):
        opened().refuse(name)


# -- acks ------------------------------------------------------------------------------------------


def test_parameters_in_either_order():
    session = configuring()
    (ack,) = parsed(session.acknowledge("m-params", 0.0))
    assert ack["pld"] == {"original_mid": "m-params", "status": "success"}
    assert (session.state, session.joining) == ("ACKNOWLEDGED", True)
    (agora,) = parsed(session.joined("room", 0.0))
    assert agora["pld"] == {"status": "agora_connected", "channel_id": "room"}
    assert (session.ready, session.joining) == (True, False)
    session = configuring()
    session.joined("room", 0.0)
    assert session.state == "JOINED"
    session.acknowledge("m-params", 0.0)
    assert session.ready


def test_the_repetition_is_complete_with_its_ack():
    session = ready()
    give(session, set_params("again"))
    session.acknowledge("again", 0.0)
    assert session.ready
    assert session.joining
    session.joined("elsewhere", 0.0)
    assert not session.joining


def test_an_ack_that_fails_the_parameters():
    session = configuring()
    (ack,) = parsed(session.acknowledge("m-params", 0.0, status="failed"))
    assert ack["pld"]["status"] == "failed"
    assert (session.state, session.joining, session.waiting) == ("OPEN", False, ())


def test_acks_of_interrupt_and_leave():
    session = ready()
    give(session, INTERRUPT)
    assert names(session.acknowledge("m-interrupt", 0.0)) == ["success"]
    give(session, LEAVE)
    assert names(session.acknowledge("m-leave", 0.0)) == ["success"]
    assert (session.state, session.waiting) == ("LEAVING", ())


def test_only_what_was_asked_is_acknowledged():
    with pytest.raises(LocalProtocolError, match="AKO-ACK-001"):
        ready().acknowledge("m-params", 0.0)
    session = opened()
    give(session, set_params())
    with pytest.raises(LocalProtocolError, match="EARLY"):
        session.acknowledge("m-params", 0.0)
    with pytest.raises(LocalProtocolError, match="AKO-PARAM-008"):
        accepted().joined("room", 0.0)
    session = accepted(DOCUMENTED)
    give(session, AGORA_PARAMS)
    with pytest.raises(LocalProtocolError, match="AKO-ACK-001"):
        session.acknowledge("", 0.0)


# -- errors ----------------------------------------------------------------------------------------


def test_an_error_leaves_a_ready_session_ready():
    session = ready()
    (error,) = parsed(session.send_error("server_error"))
    assert error["pld"] == {"error_code": 4000, "error_message": "renderer failed"}
    assert session.ready
    assert session.close_to_send() is None
    (error,) = parsed(session.send_error("server_error", number=4242, text="other"))
    assert error["pld"] == {"error_code": 4242, "error_message": "other"}


@pytest.mark.parametrize("revision", ["0.1.8", DOCUMENTED])
def test_an_error_fails_pending_parameters(revision):
    session = accepted(revision)
    give(session, AGORA_PARAMS if revision == DOCUMENTED else set_params())
    session.send_error("agora_failed")
    assert (session.state, session.joining, session.waiting) == ("OPEN", False, ())


def test_an_error_fails_a_pending_repetition_and_nothing_else():
    session = ready()
    give(session, INTERRUPT)
    give(session, set_params("again"))
    session.send_error("agora_failed")
    assert (session.state, session.joining, session.waiting) == ("READY", False, ("m-interrupt",))


def test_an_error_that_closes():
    session = ready()
    session.send_error("closed_authentication")
    assert session.close_to_send() == (4001, "Authentication failed")


@pytest.mark.parametrize("name", ["closed_normal", "params_ack_failed", "nonsense"])
def test_not_every_row_is_an_error_frame(name):
    with pytest.raises(LocalProtocolError, match="catalogue"):
        ready().send_error(name)


def test_errors_wait_for_the_greeting():
    with pytest.raises(LocalProtocolError, match="AKO-ERR-001"):
        opened().send_error("server_error")


# -- messages of the owner's own making ------------------------------------------------------------


def test_the_session_takes_note_of_what_its_owner_sends():
    session = opened()
    give(session, PING)
    session.took(json.dumps(envelope("system", "x", status="websocket_connected")))
    assert session.accepted
    assert sent(session) == ["pong"]
    give(session, set_params())
    session.took(json.dumps(envelope("ack", "x", original_mid="m-params")))
    assert session.state == "ACKNOWLEDGED"
    session.took(json.dumps(envelope("system", "x", status="agora_connected", channel_id="c")))
    assert (session.ready, session.joining) == (True, False)
    give(session, set_params("again"))
    session.took(json.dumps(envelope("ack", "x", original_mid="again", status="failed")))
    assert (session.ready, session.joining) == (True, False)
    give(session, set_params("third"))
    session.took(json.dumps(envelope("error", "x", error_code=1, error_message="t")))
    assert (session.ready, session.waiting) == (True, ())


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        json.dumps(envelope("pong", "x")),
        json.dumps(envelope("ack", "x", original_mid="unknown", status="success")),
        json.dumps(envelope("system", "x", status="agora_connected", channel_id="c")),
        json.dumps(envelope("error", "x", error_code=1, error_message="t")),
    ],
)
def test_what_means_nothing_here_changes_nothing(text):
    for session in (opened(), configuring()):
        state = session.state
        if state == "CONFIGURING" and '"status"' in text and "channel" in text:
            continue
        if state == "CONFIGURING" and '"error"' in text:
            continue
        session.took(text)
        assert session.state == state


# -- silence and ends ------------------------------------------------------------------------------


def test_silence_ends_the_connection():
    session = ready(silence=90.0)
    assert session.deadline() == 90.0
    give(session, PING, now=80.0)
    assert session.deadline() == 170.0
    assert session.timeout(169.9) == []
    assert session.timeout(170.0) == [p.SilenceExceeded(limit=90.0)]
    assert session.close_to_send() == (1000, "idle timeout")
    assert session.deadline() is None
    assert session.timeout(500.0) == []


def test_without_a_limit_there_is_no_deadline():
    session = ready()
    assert session.deadline() is None
    assert session.timeout(1000.0) == []


def test_the_owner_ends_it_once():
    session = ready()
    session.end()
    session.end(1011, "late")
    assert session.close_to_send() == (1000, "")
    assert give(session, CHAT) == []


def test_a_bare_close_is_a_leave():
    session = ready(silence=90.0)
    give(session, PING)
    assert session.closed(None, "", 1.0) == [
        p.ConnectionEnded(code=None, reason="", announced=False)
    ]
    assert session.data_to_send() == []
    assert session.closed(None, "", 1.0) == []
    assert session.deadline() is None
    assert give(session, CHAT) == []
    assert session.state == "CLOSED"


def test_an_announced_leave():
    session = ready()
    give(session, LEAVE)
    (event,) = session.closed(1000, "", 1.0)
    assert event == p.ConnectionEnded(code=1000, reason="", announced=True)


def test_a_documented_end_is_never_announced():
    (event,) = ready(DOCUMENTED).closed(1000, "bye", 1.0)
    assert event == p.ConnectionEnded(code=1000, reason="bye", announced=False)
