"""The server's end."""

import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import Limit
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import LiveKitEgress, ServerSession, codec
from protocol_core.avatarkit.events import (
    AudioDiscarded,
    AudioReceived,
    DurationExceeded,
    IdleTimedOut,
    InterruptReceived,
    Malformed,
    PeerClosed,
    Refused,
    SessionConfigured,
)
from protocol_core.errors import LocalProtocolError
from tests.protocol_core.avatarkit.support import CONFIRM, config, server

CONFIGURE = codec.configure(config())
LIVEKIT = codec.configure(
    config(livekit=LiveKitEgress(url="wss://lk", room_name="r", api_token="t", idle_timeout=30))
)
AUDIO = codec.audio("a", b"\1\0", end=False)
UNDECODABLE = b"\x1a\xff\x01"


def answered(session):
    """The ServerError that is queued, as code and text."""
    (data,) = session.data_to_send()
    message = codec.decode(data)
    assert message.type == pb.MESSAGE_SERVER_ERROR
    assert message.server_error.connection_id == "conn-1"
    return message.server_error.code, message.server_error.message


def catalogued(name):
    message = CATALOGUE[name].message
    return message["code"], message["text"]


def test_the_happy_path():
    session = ServerSession(connection_id="conn-1")
    assert session.open(0.0) == []
    assert session.state == "CONFIGURING"
    (event,) = session.receive(CONFIGURE, 1.0)
    assert event == SessionConfigured(config=codec.decode(CONFIGURE).client_configure_session)
    assert event.direct
    assert session.confirm(2.0) == [CONFIRM]
    assert session.receive(AUDIO, 3.0) == [
        AudioReceived(req_id="a", audio=b"\1\0", first=True, end=False)
    ]
    assert (session.state, session.open_request) == ("STREAMING", "a")
    assert session.send_animation("a", end=False, frame=b"x") == [
        codec.animation("conn-1", "a", end=False, frame=b"x")
    ]
    assert session.receive(codec.audio("a", b"", end=True), 4.0) == [
        AudioReceived(req_id="a", audio=b"", first=False, end=True)
    ]
    assert session.send_animation("a", end=True) == [codec.animation("conn-1", "a", end=True)]
    assert session.closed(1000, "", 5.0) == [PeerClosed(code=1000, reason="")]
    assert session.state == "CLOSED"
    assert session.data_to_send() == []
    assert session.close_to_send() is None


def test_a_connection_needs_an_id():
    with pytest.raises(LocalProtocolError, match="AVK-HS-003"):
        ServerSession(connection_id="")


@pytest.mark.parametrize(
    ("first", "error_name"),
    [
        pytest.param(AUDIO, "configure_expected", id="audio"),
        pytest.param(codec.interrupt("a"), "configure_expected", id="interrupt"),
        pytest.param(CONFIRM, "configure_expected", id="a server's message"),
        pytest.param(b"", "configure_expected", id="type 0"),
        pytest.param("hello", "configure_expected", id="text"),
        pytest.param(UNDECODABLE, "configure_undecodable", id="undecodable"),
    ],
)
def test_the_first_message_is_a_configuration(first, error_name):
    session = server("CONFIGURING")
    (event,) = session.receive(first, 0.0)
    assert isinstance(event, Malformed)
    assert (event.error_name, event.data) == (error_name, first)
    assert session.close_to_send() is None, "the answer goes out first"
    assert answered(session) == catalogued(error_name)
    assert session.close_to_send() == (1000, "")
    assert session.state == "TOKEN"
    assert session.receive(CONFIGURE, 0.0) == [], "the session is over"


def test_a_configuration_has_a_payload():
    session = server("CONFIGURING")
    assert session.receive(b"\x08\x01", 0.0) == [
        Refused(
            error_name="configure_without_payload",
            requirement="AVK-HS-007",
            reason="no configuration in the message",
        )
    ]
    assert answered(session) == catalogued("configure_without_payload")


def test_a_configuration_that_breaks_a_rule_is_refused():
    session = server("CONFIGURING")
    message = pb.Message(type=1, client_configure_session={"sample_rate": 11_025})
    (event,) = session.receive(message.SerializeToString(), 0.0)
    assert (event.error_name, event.requirement) == ("sample_rate_unsupported", "AVK-HS-008")
    assert answered(session) == (0, "unsupported sample rate")
    assert session.close_to_send() == (1000, "")


@pytest.mark.parametrize(
    ("early", "error_name"),
    [
        (AUDIO, "unexpected_message_type"),
        (codec.interrupt("a"), "unexpected_message_type"),
        (CONFIGURE, "unexpected_message_type"),
        (CONFIRM, "unexpected_message_type"),
        ("hello", "text_message"),
        (UNDECODABLE, "message_undecodable"),
    ],
)
def test_nothing_comes_before_the_confirmation(early, error_name):
    session = server("HANDSHAKE")
    (event,) = session.receive(early, 0.0)
    assert isinstance(event, Malformed)
    assert answered(session) == catalogued(error_name)
    assert session.close_to_send() == (1000, "")


@pytest.mark.parametrize(
    ("message", "error_name"),
    [
        pytest.param(CONFIGURE, "unexpected_message_type", id="second configuration"),
        pytest.param(CONFIRM, "unexpected_message_type", id="a server's message"),
        pytest.param(b"\x08\x06", "unexpected_message_type", id="type 6"),
        pytest.param("hello", "text_message", id="text"),
        pytest.param(UNDECODABLE, "message_undecodable", id="undecodable"),
        pytest.param(b"\x08\x03", "audio_without_request", id="audio without payload"),
    ],
)
def test_later_mistakes_are_answered_and_the_session_goes_on(message, error_name):
    session = server()
    (event,) = session.receive(message, 0.0)
    assert isinstance(event, Malformed)
    assert event.error_name == error_name
    assert answered(session) == catalogued(error_name)
    assert session.close_to_send() is None
    assert session.receive(AUDIO, 0.0) != []


@pytest.mark.parametrize("message", [bytes(Limit.MESSAGE_BYTES + 1), "é" * Limit.MESSAGE_BYTES])
def test_a_message_that_is_too_long_ends_the_session(message):
    session = server()
    (event,) = session.receive(message, 0.0)
    assert isinstance(event, Malformed)
    assert event.requirement == "AVK-FRAME-010"
    assert session.data_to_send() == []
    assert session.close_to_send() == (1009, "")


def test_late_audio_is_discarded():
    session = server()
    session.receive(AUDIO, 0.0)
    assert session.receive(codec.interrupt("a"), 0.0) == [
        InterruptReceived(req_id="a", effective=True)
    ]
    assert session.state == "READY"
    assert session.receive(AUDIO, 0.0) == [
        AudioDiscarded(req_id="a", audio=b"\1\0", reason="interrupted")
    ]
    session.receive(codec.audio("b", b"", end=True), 0.0)
    assert session.receive(codec.audio("b", b"x", end=False), 0.0) == [
        AudioDiscarded(req_id="b", audio=b"x", reason="ended")
    ]
    assert session.state == "READY"


def test_interrupts_are_repeatable_and_of_no_effect_then():
    session = server()
    session.receive(codec.audio("a", b"x", end=True), 0.0)
    session.receive(codec.audio("b", b"x", end=False), 0.0)
    assert session.receive(codec.interrupt("a"), 0.0)[0].effective
    assert session.state == "STREAMING", "another request is open"
    for req_id in ("a", "nobody", ""):
        assert not session.receive(codec.interrupt(req_id), 0.0)[0].effective
    assert session.data_to_send() == []


def test_animation_goes_to_requests_only():
    session = server()
    with pytest.raises(LocalProtocolError, match="no such request"):
        session.send_animation("a", end=True)
    with pytest.raises(LocalProtocolError, match="no such request"):
        server("HANDSHAKE").send_animation("a", end=True)


def test_with_an_egress_there_is_no_animation():
    session = server(configure=LIVEKIT)
    session.receive(codec.audio("a", b"x", end=True), 0.0)
    with pytest.raises(LocalProtocolError, match="AVK-ANIM-007"):
        session.send_animation("a", end=True)


@pytest.mark.parametrize(
    "error", [e for e in CATALOGUE.values() if e.message], ids=lambda e: e.name
)
def test_every_error_of_the_catalogue_can_be_sent(error):
    session = server("HANDSHAKE" if error.at == "handshake" else "READY")
    (data,) = session.send_error(error.name, req_id="a")
    message = codec.decode(data).server_error
    assert (message.code, message.message, message.req_id) == (*catalogued(error.name), "a")
    close = error.close and (error.close.code, error.close.reason)
    assert session.close_to_send() == close
    assert session.state == ("TOKEN" if error.at == "handshake" else "READY")


def test_an_error_may_be_worded_otherwise():
    (data,) = server().send_error("server_fault", code=99, message="sorry")
    assert codec.decode(data).server_error.message == "sorry"
    assert codec.decode(data).server_error.code == 99


@pytest.mark.parametrize("name", ["no_such_error", "connection_lost", "token_empty"])
def test_what_is_no_error_of_the_websocket(name):
    with pytest.raises(LocalProtocolError, match="no error of the catalogue"):
        server().send_error(name)


def test_confirming_twice_or_without_configuration():
    with pytest.raises(LocalProtocolError, match="AVK-HS-002"):
        server("CONFIGURING").confirm(0.0)
    with pytest.raises(LocalProtocolError, match="AVK-HS-002"):
        server().confirm(0.0)


def test_idleness():
    session = server(idle_limit=5)
    assert session.deadline() == 5
    assert session.timeout(4.9) == []
    session.receive(AUDIO, 3.0)
    session.receive(codec.audio("a", b"", end=False), 4.0)
    assert session.deadline() == 8, "audio counts, an empty chunk does not"
    assert session.timeout(8.0) == [IdleTimedOut(limit=5)]
    assert answered(session) == (0, "no audio input for 5 seconds")
    assert session.close_to_send() == (1000, "")
    assert session.deadline() is None
    session.end(1011, "too late")
    assert session.close_to_send() == (1000, "")


def test_the_documented_default_of_idleness():
    session = server()
    session.timeout(60.0)
    assert answered(session) == catalogued("idle_timeout")


def test_livekit_brings_its_own_idle_limit():
    assert server(configure=LIVEKIT).deadline() == 30
    assert server(idle_limit=None).deadline() is None


def test_duration():
    session = server(idle_limit=100, duration_limit=50)
    assert session.deadline() == 50
    assert session.timeout(49.0) == []
    assert session.timeout(50.0) == [DurationExceeded(limit=50)]
    assert answered(session) == catalogued("session_duration_exceeded")


def test_the_owner_may_end_it():
    session = server()
    session.end(1001, "bye")
    assert session.close_to_send() == (1001, "bye")
    assert session.deadline() is None


@pytest.mark.parametrize("state", ["CONFIGURING", "HANDSHAKE", "READY"])
def test_a_close_is_accepted_in_every_state(state):
    session = server(state)
    assert session.closed(None, "", 0.0) == [PeerClosed(code=None, reason="")]
    assert session.closed(None, "", 0.0) == [PeerClosed(code=None, reason="")]
    assert session.deadline() is None
