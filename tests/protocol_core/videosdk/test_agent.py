from __future__ import annotations

import json

import pytest

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.http import HttpResponse
from protocol_core.videosdk import events as e
from protocol_core.videosdk.agent import AgentSession
from protocol_core.videosdk.config import AgentConfig
from protocol_core.videosdk.credentials import verify
from protocol_core.videosdk.errors import CredentialsError, DispatchError, RoomCreationError
from tests.protocol_core.videosdk.support import REVISION, vectors

SECRET = "demo-secret-of-at-least-32-bytes"
ACCOUNT = {"api_key": "key", "secret": SECRET}
WALL = 1_700_000_000.0
ACK = '{"type":"stream_ended","data":{"playback_position":0.1,"interrupted":false}}'
CUT = '{"type":"stream_ended","data":{"playback_position":0.1,"interrupted":true}}'


def attached(**settings):
    session = AgentSession(AgentConfig(room_id="abcd", **settings))
    assert session.dispatch_request(WALL) is None
    session.joined()
    return session


def say(session, turn, size=4800, now=0.0):
    sent = [session.pcm(turn, chunk, now) for chunk in session.cut(bytes(size))]
    return [outgoing for outgoing in sent if outgoing is not None]


# --- the way into the room ----------------------------------------------------------------------


def test_the_join_request_carries_minted_credentials():
    session = AgentSession(AgentConfig(room_id="abcd", dispatcher_url="http://d/x", **ACCOUNT))
    body = json.loads(session.dispatch_request(WALL).body)
    assert body["participant_id"] == session.participant_id
    claims = verify(REVISION, body["token"], secret=SECRET, now=WALL)
    assert claims.participant_id == session.participant_id
    assert session.credentials(WALL + 5000).token == body["token"]  # minted once
    session.receive_dispatch_response(HttpResponse(status=202))
    assert session.state == "DISPATCHED"
    with pytest.raises(LocalProtocolError, match="already"):
        session.dispatch_request(WALL)


def test_somebody_elses_token_is_passed_on():
    config = AgentConfig(
        room_id="abcd", dispatcher_url="http://d", participant_id="p", avatar_token="a.b.c"
    )
    body = json.loads(AgentSession(config).dispatch_request(WALL).body)
    assert (body["participant_id"], body["token"]) == ("p", "a.b.c")


def test_without_a_room_nobody_is_asked():
    session = AgentSession(AgentConfig(dispatcher_url="http://d", **ACCOUNT))
    with pytest.raises(DispatchError) as caught:
        session.dispatch_request(WALL)
    assert caught.value.code == "ROOM_ID_UNSET"
    assert session.state == "CREATED"


def test_without_an_account_there_is_no_token():
    session = AgentSession(AgentConfig(room_id="abcd", dispatcher_url="http://d", api_key="key"))
    with pytest.raises(CredentialsError) as caught:
        session.dispatch_request(WALL)
    assert (caught.value.code, caught.value.kind) == ("CREDENTIALS_MISSING", "local")
    with pytest.raises(CredentialsError):
        session.token(WALL)


def test_a_refused_start_may_be_tried_again():
    session = AgentSession(AgentConfig(room_id="abcd", dispatcher_url="http://d", **ACCOUNT))
    session.dispatch_request(WALL)
    with pytest.raises(DispatchError):
        session.receive_dispatch_response(HttpResponse(status=503))
    session.dispatch_request(WALL)
    error = session.dispatch_unanswered("refused", timed_out=False)
    assert error.code == "DISPATCH_UNREACHABLE"
    assert session.state == "CREATED"


def test_a_room_is_made_where_none_is_known():
    session = AgentSession(
        AgentConfig(create_room=True, signaling_base_url="http://s", token="t0ken")
    )
    request = session.rooms_request(WALL)
    assert request.headers["Authorization"] == "t0ken"
    assert session.receive_room_response(HttpResponse(status=200, body=b'{"roomId":"r"}')) == "r"
    assert session.room_id == "r"
    assert session.rooms_request(WALL) is None


def test_no_room_is_made():
    session = AgentSession(AgentConfig(create_room=True, **ACCOUNT))
    assert session.rooms_request(WALL) is not None
    with pytest.raises(RoomCreationError):
        session.receive_room_response(HttpResponse(status=401))
    assert session.room_unanswered("slow", timed_out=True).code == "ROOM_CREATION_FAILED"
    assert AgentSession(AgentConfig()).rooms_request(WALL) is None


def test_the_own_token_is_minted_once():
    session = AgentSession(AgentConfig(ttl=60, **ACCOUNT))
    token = session.token(WALL)
    assert verify(REVISION, token, secret=SECRET, now=WALL, worker=False).participant_id is None
    assert session.token(WALL + 30) == token


def test_a_refused_join_has_its_error():
    assert AgentSession(AgentConfig()).join_refused("401").code == "JOIN_REFUSED"


def test_the_room_comes_after_the_dispatcher():
    with pytest.raises(LocalProtocolError, match="VSD-LIFE-001"):
        AgentSession(AgentConfig(room_id="abcd")).joined()


def test_settings_that_cannot_work():
    with pytest.raises(ConfigurationError):
        AgentSession(AgentConfig(ttl=0))


# --- speech -------------------------------------------------------------------------------------


class Shell:
    """Sends what a session hands out; a failing send detaches."""

    def __init__(self):
        self.session = AgentSession(AgentConfig(room_id="abcd", patient=False))
        self.session.dispatch_request(WALL)
        self.sent, self.tries, self.fails = [], 0, None
        self.turn = None

    def send(self, outgoing):
        if outgoing is None:
            return False
        self.tries += 1
        if self.tries == self.fails:
            self.session.send_failed(RuntimeError("no"))
            return False
        payload = outgoing.payload
        if isinstance(payload, str):
            self.sent.append(json.loads(payload)["type"])
        else:
            self.sent.append("INTERRUPT" if payload == b"INTERRUPT" else len(payload))
        return True

    def speak(self, size):
        self.turn = self.turn or self.session.begin_turn()
        for chunk in self.session.cut(b"\1" * size):
            if not self.send(self.session.pcm(self.turn, chunk, 0.0)):
                return

    def end(self, outcome):
        turn, self.turn = self.turn or self.session.begin_turn(), None
        self.send(self.session.end_turn(turn, completed=outcome == "completed"))

    def do(self, step):
        if step == "join":
            self.session.joined()
        elif step == "interrupt":
            self.send(self.session.interrupt(0.0))
        elif isinstance(step, str):
            self.end(step)
        elif "fail_send" in step:
            self.fails = step["fail_send"]
        else:
            self.speak(step["speak"])


@vectors("turns")
def test_what_an_agent_sends(vector):
    shell = Shell()
    for step in vector["steps"]:
        shell.do(step)
    assert shell.sent == vector["sends"]


def test_nothing_is_said_in_a_turn_that_is_over():
    session = attached()
    turn = session.begin_turn()
    assert session.end_turn(turn) is not None
    assert session.end_turn(turn) is None
    with pytest.raises(LocalProtocolError, match="over"):
        session.pcm(turn, b"\1\2", 0.0)


def test_new_audio_waits_for_the_cooldown():
    session = attached()
    assert session.deadline() is None
    assert session.interrupt(10.0) is not None
    assert session.deadline() == pytest.approx(10.3)
    turn = session.begin_turn()
    with pytest.raises(LocalProtocolError, match="VSD-INT-009"):
        session.pcm(turn, b"\1\2", 10.299)
    assert session.timeout(10.2) == []
    assert session.timeout(10.3) == [e.CooledDown()]
    assert session.timeout(10.4) == []
    assert say(session, turn, now=10.3)


def test_a_further_interrupt_starts_it_anew():
    session = attached()
    session.interrupt(10.0)
    session.interrupt(10.2)
    assert session.cooling(10.4)
    assert not session.cooling(10.5)


def test_an_interrupted_turn_has_no_end():
    session = attached()
    turn = session.begin_turn()
    say(session, turn)
    session.interrupt(0.0)
    assert turn.interrupted
    assert say(session, turn, now=9.0) == []
    assert session.end_turn(turn) is None


def test_an_utterance_that_is_not_interruptible_is_left_alone():
    session = attached()
    turn = session.begin_turn(interruptible=False)
    assert session.interrupt(0.0) is None
    say(session, turn, size=48000)  # one second
    session.end_turn(turn)
    assert session.interrupt(2.9) is None  # it may still be heard
    assert session.interrupt(3.0) is not None


def test_it_is_over_when_it_was_acknowledged():
    session = attached()
    turn = session.begin_turn(interruptible=False)
    say(session, turn)
    session.end_turn(turn)
    session.receive(ACK)
    assert session.interrupt(0.0) is not None


# --- what arrives -------------------------------------------------------------------------------


def test_acknowledgements_close_segments():
    session = attached()
    say(session, session.begin_turn())
    (ack,) = session.receive(CUT, "avatar_1")
    assert (ack.segment, ack.interrupted, ack.sender) == (1, True, "avatar_1")
    (stray,) = session.receive(ACK.encode())
    assert stray.segment is None


def test_all_else_is_ignored_with_its_reason():
    session = attached()
    (ignored,) = session.receive("[1]", "x")
    assert (ignored.reason, ignored.code) == (e.Reason.NOT_AN_OBJECT, "ACK_UNREADABLE")
    assert (ignored.sender, ignored.data) == ("x", "[1]")
    (ignored,) = session.receive(None)
    assert ignored.data == ""


def test_only_the_avatar_counts_in_a_strict_profile():
    session = attached(strict_sender=True, participant_id="avatar_1")
    (ignored,) = session.receive(ACK, "avatar_2")
    assert ignored.reason is e.Reason.FOREIGN_SENDER
    (ack,) = session.receive(ACK, "avatar_1")
    assert isinstance(ack, e.AckReceived)


def test_outside_of_the_room_nothing_counts():
    session = AgentSession(AgentConfig(room_id="abcd"))
    (ignored,) = session.receive(ACK)
    assert ignored.reason is e.Reason.NOT_ATTACHED


def test_who_is_in_the_room():
    session = AgentSession(AgentConfig(room_id="abcd", participant_id="avatar_1"))
    session.dispatch_request(WALL)
    (joined,) = session.joined(["user"])
    assert (joined.participant_id, joined.counterpart) == ("user", False)
    assert not session.avatar_present
    assert session.participant_joined("avatar_1")[0].counterpart
    assert session.avatar_present
    assert session.participant_left("avatar_1") == [
        e.ParticipantLeft(participant_id="avatar_1", counterpart=True)
    ]
    assert not session.avatar_present


# --- the end ------------------------------------------------------------------------------------


@vectors(
    "local_failures", lambda row: row["phase"] == "send" and row["code"] not in {None, "ACK_LOST"}
)
def test_a_failed_send_detaches(vector):
    session = attached()
    session.interrupt(0.0)
    (detached,) = session.send_failed(RuntimeError(vector.get("text", "broken")))
    assert detached.error.code == vector["code"]
    assert (session.state, session.deadline()) == ("DETACHED", None)
    assert session.send_failed("again") == []
    assert say(session, session.begin_turn()) == []


def test_an_error_without_words_has_a_name():
    (detached,) = attached().send_failed(TimeoutError())
    assert "TimeoutError" in str(detached.error)


def test_closing_is_repeatable_and_final():
    session = attached()
    turn = session.begin_turn()
    session.close()
    session.close()
    assert session.state == "CLOSED"
    assert say(session, turn) == []
    assert session.interrupt(0.0) is None
    assert session.receive(ACK)[0].reason is e.Reason.NOT_ATTACHED
    with pytest.raises(LocalProtocolError):
        session.joined()
