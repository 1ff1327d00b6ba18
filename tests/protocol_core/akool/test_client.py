from __future__ import annotations

import json
import random
import uuid

import pytest

from protocol_core.akool import events as e
from protocol_core.akool.client import ClientSession
from protocol_core.akool.errors import (
    AckTimeoutError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DiscoveryError,
    NoServicesError,
    RetryError,
)
from protocol_core.errors import LocalProtocolError
from tests.protocol_core.akool.client_side import (
    AGORA,
    BOTH,
    CONNECTED,
    DIRECT,
    PARAMETERS,
    PONG,
    README,
    V2,
    ack,
    config,
    dialled,
    error,
    fresh,
    give,
    listing,
    located,
    names,
    of,
    opened,
    ready,
    reply,
    the,
)

# --- finding an instance -----------------------------------------------------------------------


def test_discovery_then_dial():
    session = fresh()
    assert (session.instance, session.candidates) == (None, ())
    with pytest.raises(LocalProtocolError):
        session.upgrade_request(0.0)
    found = session.receive_discovery_response(reply(listing(1, 2, 3, 4)))
    assert found == session.candidates
    assert len(found) == 3  # no more than attempts
    assert session.instance is found[0]
    assert f"//h:{found[0].port}/" in session.upgrade_request(0.0).url


def test_a_discovery_that_fails_may_be_tried_again():
    session = fresh()
    with pytest.raises(NoServicesError):
        session.receive_discovery_response(reply(listing()))
    assert session.state == "NEW"
    session.begin()
    session.receive_discovery_response(reply(listing(1)))
    assert session.state == "LOCATED"


def test_a_discovery_without_an_answer():
    late = fresh().discovery_unanswered("no answer within 10 s", timed_out=True)
    assert (type(late), late.kind, late.requirement) == (DiscoveryError, "timeout", "AKO-DISC-015")
    lost = fresh().discovery_unanswered("refused")
    assert (lost.code, lost.kind, lost.phase) == ("DISCOVERY_FAILED", "transport", "discovery")


def test_a_given_server_is_known_at_once():
    session = fresh(DIRECT, server_url="host:81")
    assert session.upgrade_request(0.0).url.startswith("ws://host:81/streamingAvatar/ws/v1?")


def test_no_attempt_is_allowed():
    session = ClientSession(config(max_attempts=0))
    with pytest.raises(ConnectError) as caught:
        session.begin()
    assert (caught.value.code, caught.value.kind) == ("CONNECTION_FAILED", "local")


def test_a_session_connects_once():
    for session in (opened(), dialled()):
        with pytest.raises(LocalProtocolError, match="new session"):
            session.begin()
    session = opened()
    session.closed(1000, "", 0.0)
    with pytest.raises(LocalProtocolError, match="new session"):
        session.begin()


def test_session_ids():
    made = ClientSession(config()).session_id
    assert uuid.UUID(made).version == 4
    assert made != ClientSession(config()).session_id
    same = [ClientSession(config(), rng=random.Random(3)).session_id for _ in range(2)]
    assert same[0] == same[1]
    assert ClientSession(config(session_id="mine")).session_id == "mine"


# --- opening -----------------------------------------------------------------------------------


def test_the_first_frame_of_v2_is_a_ping():
    session = located()
    session.upgrade_request(0.0)
    (text,) = session.opened(0.0)
    ping = json.loads(text)
    assert (ping["v"], ping["type"], ping["pld"]) == (2, "ping", {})
    assert session.state == "GREETING"


def test_the_first_frame_of_the_other_dialect_is_auth():
    session = located(README)
    assert session.upgrade_request(0.0).headers == {}
    auth, ping = map(json.loads, session.opened(0.0))
    assert auth == {"type": "auth", "token": "key", "avatar_id": "a"}
    assert ping == {"type": "ping"}


@pytest.mark.parametrize("revision", BOTH)
def test_the_wait_for_the_confirmation_is_limited(revision):
    session = dialled(revision, connection_timeout=5)
    assert session.deadline() == 5
    assert session.timeout(4.9) == []
    failed = the(session.timeout(5.0), e.AttemptFailed)
    assert (failed.attempt, failed.delay, failed.error.kind) == (1, 1.0, "timeout")
    assert failed.error.code == "CONNECTION_FAILED"
    assert session.close_to_send() == (1000, "")
    assert session.deadline() is None  # nothing is dialled while the socket is there
    closed = session.closed(1000, "", 5.0)
    assert closed == [e.Closed(code=1000, reason="", opened=False, error=failed.error)]
    assert session.deadline() == 6.0


@pytest.mark.parametrize("revision", BOTH)
def test_the_confirmation_ends_the_wait(revision):
    assert opened(revision).deadline() == 30.0  # the next ping


def refused(revision, number, **changes):
    session = dialled(revision, **changes)
    give(session, error(number, "words"))
    return session, session.closed(number, "words", 0.0)


@pytest.mark.parametrize("revision", BOTH)
def test_an_occupied_instance(revision):
    session, events = refused(revision, 4003)
    first = session.candidates[0]
    closed, failed = events
    assert (closed.opened, closed.code) == (False, 4003)
    assert (failed.error.code, failed.error.server_code) == ("INSTANCE_OCCUPIED", 4003)
    assert session.instance is not first  # AKO-RETRY-003
    assert (session.state, session.deadline()) == ("LOCATED", 1.0)
    assert session.timeout(0.5) == []
    assert session.timeout(1.0) == [e.DialDue()]
    assert session.deadline() is None
    session.upgrade_request(1.0)
    session.opened(1.0)
    give(session, CONNECTED)
    assert session.is_open


@pytest.mark.parametrize("revision", BOTH)
@pytest.mark.parametrize(
    ("number", "code"),
    [(4003, "INSTANCE_OCCUPIED"), (4004, "RECONNECT_TOO_SOON"), (1011, "CONNECTION_FAILED")],
)
def test_a_close_without_a_frame(revision, number, code):
    session = dialled(revision, retry_base_delay=0)
    failed = the(session.closed(number, "why", 0.0), e.AttemptFailed)
    assert (failed.error.code, failed.error.close_code) == (code, number)
    assert failed.error.close_reason == "why"
    assert failed.delay == (1.0 if number == 4004 else 0)  # AKO-RETRY-004


@pytest.mark.parametrize("revision", BOTH)
def test_a_bad_key_is_not_tried_again(revision):
    session, events = refused(revision, 4001)
    given_up = the(events, e.GivenUp)
    assert isinstance(given_up.error, AuthenticationError)
    assert session.deadline() is None


@pytest.mark.parametrize("revision", BOTH)
def test_a_refusal_without_a_close(revision):
    session = dialled(revision, connection_timeout=5, max_attempts=1)
    give(session, error(4010, "something new"))
    assert session.deadline() == 5
    given_up = the(session.timeout(5.0), e.GivenUp)
    assert isinstance(given_up.error, RetryError)
    assert given_up.error.server_text == "something new"


@pytest.mark.parametrize("status", [401, 403])
def test_an_upgrade_refused_for_the_key(status):
    session = located()
    session.upgrade_request(0.0)
    given_up = the(session.dial_failed("no", 0.0, http_status=status, body="b"), e.GivenUp)
    assert isinstance(given_up.error, AuthenticationError)
    assert (given_up.error.http_status, given_up.error.raw_body) == (status, "b")


def test_attempts_are_used_up():
    session = located(ports=(1, 2))
    tried = []
    for attempt in range(3):
        tried.append(session.upgrade_request(0.0).url)
        events = session.dial_failed("refused", 0.0, timed_out=attempt == 2)
        if attempt < 2:
            assert the(events, e.AttemptFailed).attempt == attempt + 1
            session.timeout(10.0)
    error = the(events, e.GivenUp).error
    assert isinstance(error, RetryError)
    assert "3 attempts: refused" in error.message
    assert (error.cause.requirement, error.kind) == ("AKO-CONN-007", "timeout")
    assert len({*tried}) == 2
    ids = {url.partition("session_id=")[2] for url in tried}
    assert len(ids) == 1  # AKO-CONN-002


def test_a_given_server_is_tried_once():
    session = fresh(DIRECT, server_url="host")
    session.upgrade_request(0.0)
    assert type(the(session.dial_failed("no", 0.0), e.GivenUp).error) is ConnectError


# --- the heartbeat -----------------------------------------------------------------------------


@pytest.mark.parametrize("revision", BOTH)
def test_pings_at_the_interval(revision):
    session = ready(revision, heartbeat_interval=10)
    for now in (10.0, 20.0, 30.0):
        assert session.deadline() == now
        assert session.timeout(now) == []
        assert names(session.data_to_send()) == ["ping"]
    assert session.is_open  # nobody counts pongs unless told to


@pytest.mark.parametrize("revision", BOTH)
def test_three_pings_without_a_pong(revision):
    session = ready(revision, missed_pongs=3)
    give(session, PONG)
    for now in (30.0, 60.0, 90.0):
        assert session.timeout(now) == []
    lost = the(session.timeout(120.0), e.ErrorRaised).error
    assert (lost.code, lost.requirement, lost.kind) == ("CONNECTION_LOST", "AKO-HB-004", "timeout")
    assert session.close_to_send() == (1000, "")
    assert not session.is_open
    events = session.closed(None, "", 125.0)
    assert the(events, e.Closed).error is lost
    assert of(events, e.ErrorRaised) == []  # told already


# --- requests that nobody answers --------------------------------------------------------------


def test_an_ack_that_never_comes():
    session = ready(heartbeat_interval=100)
    order = session.interrupt(5.0)
    assert session.deadline() == 15.0
    failed = the(session.timeout(15.0), e.RequestFailed)
    assert isinstance(failed.error, AckTimeoutError)
    assert (failed.key, failed.error.kind) == (order.key, "timeout")
    assert session.is_ready
    assert the(give(session, ack(order.key)), e.Ignored).reason is e.Reason.UNMATCHED_ACK


def test_parameters_without_an_ack():
    session = opened()
    session.set_parameters(PARAMETERS, 0.0)
    give(session, AGORA)
    failed = the(session.timeout(10.0), e.RequestFailed)
    assert (failed.error.code, failed.error.kind) == ("AUDIO_STREAM_FAILED", "timeout")
    assert "no ack within 10 s" in failed.error.message
    assert session.state == "OPEN"


def test_parameters_without_a_join():
    session = opened(connection_timeout=20, heartbeat_interval=100)
    order = session.set_parameters(PARAMETERS, 0.0)
    give(session, ack(order.key), now=4.0)
    assert session.deadline() == 24.0
    failed = the(session.timeout(24.0), e.RequestFailed)
    assert "no agora_connected within 20 s" in failed.error.message
    assert failed.error.requirement == "AKO-PARAM-010"


def test_parameters_without_a_join_in_the_other_dialect():
    session = opened(README, connection_timeout=20)
    session.set_parameters(PARAMETERS, 1.0)
    failed = the(session.timeout(21.0), e.RequestFailed)
    assert failed.error.requirement == "AKO-PARAM-102"
    assert session.state == "OPEN"


def test_a_repetition_without_an_ack():
    session = ready()
    session.set_parameters(PARAMETERS, 0.0)
    the(session.timeout(10.0), e.RequestFailed)
    assert session.state == "READY"


# --- leaving -----------------------------------------------------------------------------------


def test_leave_then_close():
    session = ready()
    assert session.leave(7.0) == []
    (text,) = session.data_to_send()
    left = json.loads(text)
    assert left["pld"] == {"event": "leave_channel", "reason": "client_disconnect"}
    assert (session.close_to_send(), session.deadline()) == (None, 12.0)
    assert not session.is_open
    give(session, ack(left["mid"], status="success"))
    assert session.close_to_send() == (1000, "")
    assert session.closed(1000, "", 8.0) == [e.Closed(code=1000, reason="", opened=True)]
    assert session.leave(9.0) == []


def test_a_leave_that_nobody_answers():
    session = ready()
    session.leave(0.0)
    assert session.timeout(5.0) == []  # no error (AKO-LEAVE-004)
    assert session.close_to_send() == (1000, "")


@pytest.mark.parametrize("answer", ["failed", "error"])
def test_a_leave_that_is_refused(answer):
    session = ready()
    session.leave(0.0)
    mid = json.loads(session.data_to_send()[0])["mid"]
    events = give(session, error() if answer == "error" else ack(mid, status="failed"))
    assert of(events, e.RequestFailed) == []
    assert session.close_to_send() == (1000, "")


def test_errors_after_the_answer_to_the_leave():
    session = ready()
    session.leave(0.0)
    give(session, ack(json.loads(session.data_to_send()[0])["mid"]))
    the(give(session, error()), e.ErrorRaised)


def test_the_other_dialect_leaves_by_a_close():
    session = ready(README)
    assert session.leave(0.0) == []
    assert session.data_to_send() == []
    assert session.close_to_send() == (1000, "")
    assert the(session.closed(1000, "", 0.0), e.Closed).error is None


def test_pending_requests_fail():
    session = ready()
    order = session.interrupt(0.0)
    failed = the(session.leave(0.0), e.RequestFailed)
    assert (failed.key, failed.error.kind) == (order.key, "local")
    session = opened()
    session.set_parameters(PARAMETERS, 0.0)
    assert the(session.leave(0.0), e.RequestFailed).error.code == "AUDIO_STREAM_FAILED"


@pytest.mark.parametrize("revision", BOTH)
def test_leaving_before_the_session_is_open(revision):
    session = dialled(revision)
    session.leave(0.0)
    assert session.data_to_send() == []
    assert session.close_to_send() == (1000, "")
    assert session.closed(1000, "", 0.0) == [e.Closed(code=1000, reason="", opened=False)]


@pytest.mark.parametrize("revision", BOTH)
def test_leaving_without_a_socket(revision):
    session = located(revision)
    session.upgrade_request(0.0)
    assert session.leave(0.0) == []
    assert (session.close_to_send(), session.deadline()) == (None, None)
    assert type(the(session.dial_failed("no", 0.0), e.GivenUp).error) is ConnectError


def test_the_pings_go_on_while_leaving():
    session = ready(heartbeat_interval=1, missed_pongs=9)
    session.leave(0.5)
    session.data_to_send()
    session.timeout(1.0)
    assert names(session.data_to_send()) == ["ping"]
    session.closed(1000, "", 1.0)
    assert session.deadline() is None


# --- drops -------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", BOTH)
@pytest.mark.parametrize("code", [1000, 1011, None])
def test_a_connection_that_is_lost(revision, code):
    session = ready(revision)
    raised, closed = session.closed(code, "why", 0.0)
    assert isinstance(raised.error, ConnectionLostError)
    assert (raised.error.kind, raised.error.phase) == ("transport", "session")
    assert closed.error is raised.error
    assert closed.code == (1006 if code is None else code)
    assert session.closed(code, "why", 0.0) == []
    assert (session.state, session.deadline()) == ("CLOSED", None)


def test_pending_requests_fail_with_the_connection():
    session = ready()
    session.interrupt(0.0)
    session.set_parameters(PARAMETERS, 0.0)
    failed = [event.error for event in of(session.closed(1011, "fault", 0.0), e.RequestFailed)]
    assert [item.code for item in failed] == ["COMMAND_FAILED", "AUDIO_STREAM_FAILED"]
    assert all(isinstance(item.cause, ConnectionLostError) for item in failed)
    assert all(item.close_code == 1011 for item in failed)


@pytest.mark.parametrize("revision", BOTH)
def test_an_end_that_a_frame_explains_is_told_once(revision):
    session = ready(revision)
    raised = the(give(session, error(4001, "Authentication failed")), e.ErrorRaised)
    assert raised.error.code == "AUTHENTICATION_FAILED"
    (closed,) = session.closed(4001, "Authentication failed", 0.0)
    assert closed.error.code == "AUTHENTICATION_FAILED"


def test_a_close_code_has_a_meaning_of_its_own():
    raised = the(ready().closed(4003, "", 0.0), e.ErrorRaised)
    assert raised.error.code == "INSTANCE_OCCUPIED"


@pytest.mark.parametrize("revision", BOTH)
def test_a_drop_is_repaired(revision):
    session = ready(revision, reconnect=True)
    before = session.session_id
    events = session.closed(None, "", 10.0)
    failed = the(events, e.AttemptFailed)
    assert (failed.attempt, failed.delay) == (0, 1.0)
    assert session.timeout(11.0) == [e.DialDue()]
    session.upgrade_request(11.0)
    session.opened(11.0)
    connected = the(give(session, CONNECTED), e.Connected)
    assert connected == e.Connected(session_id=before, reconnected=True)
    (again,) = session.data_to_send()
    document = json.loads(again)
    assert document["type"] == ("agora_params" if revision is README else "command")
    if revision is V2:
        give(session, ack(document["mid"]))
    give(session, AGORA)
    assert session.is_ready


def test_a_drop_before_the_parameters_repeats_none():
    session = opened(reconnect=True)
    session.closed(None, "", 0.0)
    session.timeout(1.0)
    session.upgrade_request(1.0)
    session.opened(1.0)
    give(session, CONNECTED)
    assert session.data_to_send() == []


def test_parameters_that_fail_after_a_drop_are_told():
    session = ready(reconnect=True)
    session.closed(None, "", 0.0)
    session.timeout(1.0)
    session.upgrade_request(1.0)
    session.opened(1.0)
    give(session, CONNECTED, now=1.0)
    raised = of(give(session, error(4000, "no")), e.ErrorRaised)
    assert [item.error.code for item in raised] == ["SERVER_ERROR", "AUDIO_STREAM_FAILED"]


def test_a_repair_that_fails_is_told():
    session = ready(reconnect=True, max_attempts=1)
    session.closed(None, "", 0.0)
    session.timeout(1.0)
    session.upgrade_request(1.0)
    events = session.dial_failed("refused", 1.0)
    assert the(events, e.ErrorRaised).error is the(events, e.GivenUp).error
    assert the(events, e.GivenUp).error.code == "RETRIES_EXHAUSTED"


def test_no_repair_after_a_bad_key():
    session = ready(reconnect=True)
    assert of(session.closed(4001, "", 0.0), e.AttemptFailed) == []
    assert session.deadline() is None


def test_too_soon_waits_before_the_repair():
    session = ready(reconnect=True, retry_base_delay=0)
    assert the(session.closed(4004, "", 0.0), e.AttemptFailed).delay == 1.0


def test_leaving_ends_the_repair():
    session = ready(reconnect=True)
    session.closed(None, "", 0.0)
    session.leave(0.0)
    assert (session.deadline(), session.timeout(9.0)) == (None, [])


# --- audio that could not be sent --------------------------------------------------------------


def test_audio_that_fails_names_the_cause():
    failed = ready().audio_failed(1011, "fault")
    assert (failed.code, failed.phase) == ("AUDIO_STREAM_FAILED", "audio")
    assert (failed.close_code, failed.kind) == (1011, "transport")
    assert isinstance(failed.cause, ConnectionLostError)
    assert "1011 (fault)" in failed.message
    failed = ready().audio_failed(None, "", chunk=2)
    assert failed.message.startswith("chunk 2 ")
    assert failed.close_code == 1006
