"""The client's end."""

import pytest

from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from protocol_core.avatarkit import (
    AudioFormat,
    AvatarKitError,
    ClientSession,
    EncoderSettings,
    SessionTokenError,
    codec,
)
from protocol_core.avatarkit.events import (
    AnimationReceived,
    ErrorReported,
    HandshakeFailed,
    MessageIgnored,
    SessionClosed,
    SessionConfirmed,
)
from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.http import HttpResponse
from tests.protocol_core.avatarkit.support import (
    CONFIRM,
    TOKEN,
    CountingEncoder,
    client,
    config,
    vectors,
)

UNDECODABLE = b"\x1a\xff\x01"


def one(happened):
    (event,) = happened
    return event


def test_the_happy_path():
    session = client()
    assert session.token_request().url == "https://console/v1/session-tokens"
    assert session.receive_token_response(TOKEN) == session.token == "tok"
    assert session.upgrade_request().headers["X-Session-Key"] == "tok"
    assert not session.connected
    assert session.opened(0.0) == [codec.configure(session.config)]
    assert session.connected
    assert not session.ready
    assert session.receive(CONFIRM, 1.0) == [SessionConfirmed(connection_id="conn-1")]
    assert session.ready
    assert session.connection_id == "conn-1"
    sent = session.send_audio(b"\1\0")
    assert sent.messages == [codec.audio("req-1", b"\1\0", end=False)]
    assert (session.state, session.open_request) == ("STREAMING", "req-1")
    assert session.send_audio(b"", end=True).req_id == "req-1"
    assert (session.state, session.open_request) == ("READY", "")
    animation = codec.animation("conn-1", "req-1", end=True, frame=b"x")
    assert session.receive(animation, 2.0) == [
        AnimationReceived(data=animation, end=True, req_id="req-1", connection_id="conn-1")
    ]
    assert session.interrupt().messages == [codec.interrupt("req-1")]
    session.close()
    assert session.close_to_send() == (1000, "")
    assert session.closed(1000, "", 3.0) == [SessionClosed(code=1000, reason="")]
    assert (session.state, session.latest_request, session.connection_id) == ("CLOSED", "", "")
    assert session.data_to_send() == []


def test_settings_are_checked_first():
    with pytest.raises(ConfigurationError, match="sample_rate"):
        client(sample_rate=11_025)


# -- token and upgrade -----------------------------------------------------------------------------


def test_a_refused_token_call_can_be_repeated():
    session = client()
    with pytest.raises(SessionTokenError):
        session.receive_token_response(HttpResponse(status=500))
    assert session.token_call_failed("no route").code == "connectionFailed"
    assert session.state == "NEW"
    session.receive_token_response(TOKEN)
    assert session.state == "TOKEN"


def test_without_a_token_there_is_no_upgrade():
    with pytest.raises(LocalProtocolError, match=r"\[AVK-AUTH-001\].*obtain a session token"):
        client().upgrade_request()


def test_a_token_may_be_brought_along():
    session = client()
    with pytest.raises(LocalProtocolError, match="empty session token"):
        session.use_token("")
    session.use_token("older")
    assert session.upgrade_request().headers["X-Session-Key"] == "older"


def test_a_started_session_cannot_be_started():
    session = client("READY")
    with pytest.raises(LocalProtocolError, match=r"\[AVK-CONN-012\].*Session already started"):
        session.upgrade_request()
    with pytest.raises(LocalProtocolError, match="close the session first"):
        session.token_request()
    assert session.state == "READY"


def test_a_setting_that_is_missing_leaves_everything_as_it_was():
    session = client("TOKEN", avatar_id="")
    with pytest.raises(ConfigurationError, match="avatar_id"):
        session.upgrade_request()
    assert session.state == "TOKEN"


def test_a_rejected_upgrade_keeps_the_token():
    session = client("CONNECTING")
    error = session.rejected(HttpResponse(status=402))
    assert (error.code, error.phase) == ("billingRequired", "websocket_connect")
    assert session.state == "TOKEN"
    session.upgrade_request()
    assert session.connect_failed("no route").code == "connectionFailed"
    assert session.state == "TOKEN"
    assert session.token == "tok"


# -- handshake -------------------------------------------------------------------------------------


@vectors("handshake")
def test_the_documented_outcomes_of_the_handshake(vector):
    session = client("HANDSHAKE")
    first, outcome = vector["first"], vector["outcome"]
    if "close" in first:
        event = one(session.closed(first["close"]["code"], first["close"]["reason"], 0.0))
    else:
        data = first["text"] if "text" in first else bytes.fromhex(first["binary"])
        event = one(session.receive(data, 0.0))
    if "connection_id" in outcome:
        assert event == SessionConfirmed(connection_id=outcome["connection_id"])
        assert session.close_to_send() is None
        return
    assert isinstance(event, HandshakeFailed)
    error = event.error
    assert error.phase == "websocket_handshake"
    assert error.message == outcome.get("text", error.message)
    assert error.message.startswith(outcome.get("text_start", ""))
    for field in ("code", "close_code", "close_reason"):
        assert getattr(error, field) == outcome.get(field, getattr(error, field))
    assert session.state == "TOKEN"
    assert session.deadline() is None
    assert session.close_to_send() == (None if "close" in first else (1000, ""))
    assert session.receive(CONFIRM, 0.0) == [
        MessageIgnored(reason="the session is over", type=None)
    ]
    assert session.closed(1000, "", 0.0) == [], "no close notification (AVK-HS-005)"


@pytest.mark.parametrize(
    "error",
    [e for e in CATALOGUE.values() if e.at == "handshake" and e.message],
    ids=lambda e: e.name,
)
def test_the_catalogue_of_the_handshake(error):
    session = client("HANDSHAKE")
    message = codec.error("c", "", error.message["code"], error.message["text"])
    event = one(session.receive(message, 0.0))
    assert (event.error.code, event.error.phase) == (error.code, error.phase)


def test_silence_ends_the_handshake():
    session = client("HANDSHAKE")
    assert session.deadline() == 10.0
    assert session.timeout(9.9) == []
    event = one(session.timeout(10.0))
    assert (event.error.code, event.error.phase) == ("connectionFailed", "websocket_handshake")
    assert "no answer within 10 s" in event.error.message
    assert session.close_to_send() == (1000, "")
    assert session.timeout(20.0) == []


def test_the_wait_can_be_unbounded():
    assert client("HANDSHAKE", confirm_limit=None).deadline() is None


def test_a_confirmation_ends_the_wait():
    assert client("READY").deadline() is None


def test_a_failed_handshake_can_be_repeated():
    session = client("HANDSHAKE")
    session.receive("no", 0.0)
    session.closed(1000, "", 0.0)
    session.upgrade_request()
    assert session.close_to_send() is None
    session.opened(0.0)
    assert one(session.receive(CONFIRM, 0.0)) == SessionConfirmed(connection_id="conn-1")


@pytest.mark.parametrize("state", ["NEW", "TOKEN", "CONNECTING", "HANDSHAKE", "CLOSED"])
def test_nothing_is_sent_outside_a_session(state):
    session = client(state)
    with pytest.raises(LocalProtocolError, match=r"\[AVK-AUDIO-011\].*not connected"):
        session.send_audio(b"")
    with pytest.raises(LocalProtocolError, match=r"\[AVK-INT-003\].*not connected"):
        session.interrupt()
    assert session.state == state


# -- the running session ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["READY", "STREAMING"])
@pytest.mark.parametrize(
    ("data", "type_"),
    [
        ("hello", None),
        (CONFIRM, 2),
        (b"", 0),
        (b"\x08\x06", 6),
        (b"\x08\x63", 99),
        (b"\x08\x03", 3),
    ],
)
def test_what_is_ignored(state, data, type_):
    session = client(state)
    event = one(session.receive(data, 0.0))
    assert isinstance(event, MessageIgnored)
    assert event.type == type_
    assert session.state == state


@pytest.mark.parametrize("state", ["READY", "STREAMING"])
def test_an_undecodable_message_is_an_error_and_the_connection_stays(state):
    session = client(state)
    event = one(session.receive(UNDECODABLE, 0.0))
    assert isinstance(event, ErrorReported)
    assert (event.error.code, event.error.phase) == ("protocolError", "websocket_runtime")
    assert session.state == state


@pytest.mark.parametrize(
    "error",
    [e for e in CATALOGUE.values() if e.at == "runtime" and e.message],
    ids=lambda e: e.name,
)
def test_the_catalogue_of_the_running_session(error):
    session = client("STREAMING")
    message = codec.error("c", "r", error.message["code"], error.message["text"])
    event = one(session.receive(message, 0.0))
    assert isinstance(event, ErrorReported)
    assert (event.error.code, event.error.phase) == (error.code, error.phase)
    assert (event.error.connection_id, event.error.req_id) == ("c", "r")
    assert session.state == "STREAMING"


def test_animation_without_payload():
    assert client("READY").receive(b"\x08\x05", 0.0) == [
        AnimationReceived(data=b"\x08\x05", end=False, req_id="", connection_id="")
    ]


@pytest.mark.parametrize(
    "error", [e for e in CATALOGUE.values() if e.at == "close"], ids=lambda e: e.name
)
def test_the_catalogue_of_closes(error):
    session = client("STREAMING")
    code, reason = (error.close.code, error.close.reason) if error.close else (None, "")
    happened = session.closed(code, reason, 0.0)
    assert happened[-1] == SessionClosed(code=code, reason=reason)
    reported = [event.error for event in happened[:-1]]
    assert [(found.code, found.phase) for found in reported] == (
        [(error.code, error.phase)] if error.code else []
    )
    for found in reported:
        assert (found.close_code, found.close_reason) == (code, reason)
    assert session.closed(code, reason, 0.0) == []


def test_a_close_without_a_code_is_clean():
    assert len(client("READY").closed(1005, "", 0.0)) == 1


def test_our_own_close_is_no_error_however_it_ends():
    session = client("READY")
    session.close()
    assert session.closed(None, "", 0.0) == [SessionClosed(code=None, reason="")]


def test_request_ids_end_with_the_connection():
    session = client("STREAMING")
    session.closed(1000, "", 0.0)
    session.upgrade_request()
    session.opened(0.0)
    session.receive(CONFIRM, 0.0)
    with pytest.raises(LocalProtocolError, match="no request to interrupt"):
        session.interrupt()
    assert session.send_audio(b"\0\0").req_id == "req-2"


# -- sends that fail -------------------------------------------------------------------------------


def test_a_failed_send_leaves_the_request_as_it_was():
    session = client("STREAMING")
    sent = session.send_audio(b"", end=True)
    error = session.send_failed(sent, 1011, "why")
    assert isinstance(error, AvatarKitError)
    assert (error.code, error.phase, error.req_id) == (
        "connectionClosed",
        "websocket_send",
        "req-1",
    )
    assert (error.close_code, error.close_reason) == (1011, "why")
    assert (session.state, session.open_request) == ("STREAMING", "req-1")
    sent = session.interrupt()
    session.send_failed(sent, None, "")
    assert session.open_request == "req-1"


def test_a_send_that_fails_after_the_end_still_names_its_request():
    session = client("READY")
    sent = session.send_audio(b"\0\0")
    session.closed(None, "", 0.0)
    assert session.send_failed(sent, None, "").req_id == "req-1"
    assert session.state == "CLOSED"


def test_half_a_sample_is_refused_and_changes_nothing():
    session = client("READY")
    with pytest.raises(LocalProtocolError, match="AVK-AUDIO-004"):
        session.send_audio(b"abc", end=True)
    assert (session.state, session.latest_request) == ("READY", "")


def test_encoding():
    session = client(
        "READY",
        opus=CountingEncoder(),
        audio_format=AudioFormat.OGG_OPUS,
        encoder=EncoderSettings(),
    )
    with pytest.raises(LocalProtocolError, match="AVK-OGG-015"):
        session.send_audio(b"abc")
    sent = session.send_audio(bytes(640), end=True)
    (message,) = sent.messages
    assert codec.decode(message).client_audio_input.audio == sent.encoded


def test_ogg_serials_are_zero_unless_made():
    session = ClientSession(
        config(audio_format=AudioFormat.OGG_OPUS, encoder=EncoderSettings()),
        mint=lambda: "r",
        make_encoder=lambda *_: CountingEncoder(),
    )
    session.use_token("t")
    session.upgrade_request()
    session.opened(0.0)
    session.receive(CONFIRM, 0.0)
    assert session.send_audio(bytes(2), end=True).encoded[14:18] == bytes(4)
