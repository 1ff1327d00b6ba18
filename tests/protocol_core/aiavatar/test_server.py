from __future__ import annotations

import base64
import json

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import server_events as s
from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.server import DROP, ServerConfig, ServerSession
from protocol_core.errors import ConfigurationError, LocalProtocolError
from tests.protocol_core.aiavatar.support import REVISION, silence, tone, vectors

FRAME = 1024


def request(kind, **members):
    return json.dumps({"type": kind, "session_id": "s1", **members})


def opened(**config):
    session = ServerSession(ServerConfig(**config))
    assert session.open(0.0) == []
    return session


def started(**config):
    session = opened(**config)
    session.receive(request("start", user_id="u1"), 0.0)
    session.data_to_send()
    return session


def speak(session, pcm, now=0.0, size=FRAME):
    """Send audio as data; the events that it causes."""
    found = []
    for at in range(0, len(pcm), size):
        text = base64.b64encode(pcm[at : at + size]).decode()
        found += session.receive(request("data", audio_data=text), now)
    return found


def told(session):
    return [json.loads(message) for message in session.data_to_send()]


@pytest.fixture
def answer():
    return Answer(REVISION, session_id="s1", user_id="u1", context_id="c1")


# --- opening and leaving -------------------------------------------------------------------------


def test_start_is_answered_by_connected():
    session = opened()
    (event,) = session.receive(request("start", user_id="u1", metadata={"a": 1}), 0.0)
    assert event == s.SessionStarted(
        session_id="s1", user_id="u1", context_id=None, metadata={"a": 1}, repeated=False
    )
    (connected,) = told(session)
    assert (connected["type"], connected["session_id"]) == ("connected", "s1")
    assert (connected["user_id"], connected["context_id"], connected["metadata"]) == (
        "u1",
        None,
        None,
    )
    assert session.is_ready
    assert session.close_to_send() is None


def test_a_further_start_binds_anew():
    session = opened()
    session.receive(request("start", user_id="u1", context_id="c1"), 0.0)
    (again,) = session.receive(request("start"), 1.0)
    assert (again.repeated, again.user_id, again.context_id) == (True, "u1", "c1")
    (other,) = session.receive(json.dumps({"type": "start", "session_id": "s2"}), 2.0)
    assert (other.session_id, other.user_id, other.context_id) == ("s2", None, None)
    assert [event["type"] for event in told(session)] == ["connected"] * 3


def test_stop_is_answered_by_a_close():
    session = started()
    assert session.receive(request("stop"), 1.0) == [s.Left()]
    assert session.close_to_send() == (1000, "")
    assert session.receive(request("invoke"), 1.0) == []
    assert session.closed(1000, "", 2.0) == [
        e.Closed(code=1000, reason="", opened=False, lost=False)
    ]
    assert session.connection_state == "CLOSED"
    assert session.closed(1000, "", 3.0) == []


def test_a_lost_socket_forgets_what_it_heard():
    session = started()
    speak(session, tone(0.5))
    (closed,) = session.closed(None, "", 1.0)
    assert closed == e.Closed(code=1006, reason="", opened=True, lost=True)
    assert session.deadline() is None


def test_nothing_is_sent_where_nobody_listens(answer):
    session = opened()
    assert session.send(answer.start("Hi")) == []
    session = started()
    session.closed(None, "", 1.0)
    assert session.send(answer.start("Hi")) == []


# --- faults --------------------------------------------------------------------------------------


@vectors("requests", lambda row: row["schema"] == "socket-requests")
def test_malformed_messages_are_answered_with_the_close_of_the_tables(vector):
    session = ServerSession()
    session.open(0.0)
    session.receive(json.dumps({"type": "start", "session_id": "session-1"}), 0.0)
    session.receive(vector["text"], 1.0)
    close = session.close_to_send()
    leaves = json.loads(vector["text"]).get("type") == "stop" if vector["valid"] else False
    wanted = 1000 if leaves else vector.get("close")
    assert (close and close[0]) == wanted


def test_malformed_messages_are_dropped_as_the_package_does():
    for message in (b"\0", "x", "{}", request("data", audio_data="AAAA"), request("config")):
        session = started(drops_malformed=True)
        (event,) = session.receive(message, 1.0)
        assert isinstance(event, s.Malformed)
        assert session.close_to_send() == DROP


def test_binary_messages_have_a_code_of_their_own():
    session = started()
    assert session.receive(b"\0", 1.0) == [
        s.Malformed(error="closed_binary", detail="a binary message")
    ]
    assert session.close_to_send() == (1003, "")


@pytest.mark.parametrize(
    "audio", [None, "", "A", "AAAA", "!"], ids=["none", "empty", "cut", "odd", "no"]
)
def test_audio_must_be_whole_samples(audio):
    session = started()
    (event,) = session.receive(request("data", audio_data=audio), 1.0)
    assert event.error == "closed_malformed"
    assert session.close_to_send() == (1007, "")


@pytest.mark.parametrize("value", ["loud", True, [1]])
def test_a_threshold_is_a_number(value):
    session = started()
    (event,) = session.receive(request("config", metadata={"volume_db_threshold": value}), 1.0)
    assert event.error == "closed_malformed"


@pytest.mark.parametrize("kind", ["start", "invoke", "data", "config", "stop", "other"])
@pytest.mark.parametrize("session_id", [None, ""])
def test_a_message_without_session_is_refused(kind, session_id):
    session = started()
    message = json.dumps({"type": kind, "session_id": session_id})
    assert session.receive(message, 1.0) == [s.Refused(error="session_missing")]
    (final,) = told(session)
    assert final["type"] == "final"
    words = REVISION.constants.Text.SOCKET_SESSION_ID_REQUIRED
    assert final["metadata"] == {"error": words}
    assert session.close_to_send() == (1000, "")


def test_start_comes_first():
    audio = base64.b64encode(tone(0.1)).decode()
    for message in (request("invoke", text="Hi"), request("data", audio_data=audio)):
        session = opened()
        assert session.receive(message, 0.0) == [s.Refused(error="session_not_started")]
        assert told(session)[0]["session_id"] == "s1"
        assert session.close_to_send() == (1000, "")


def test_before_start_as_in_the_package():
    session = opened(drops_malformed=True)
    (ignored,) = speak(session, silence(0.01))
    assert ignored.reason is e.Reason.BEFORE_CONNECTED
    assert session.receive(request("invoke"), 0.0)[0].error == "closed_abnormal"
    assert session.close_to_send() == DROP


def test_config_before_start_is_ignored():
    session = opened()
    (ignored,) = session.receive(request("config", metadata={"volume_db_threshold": -30}), 0.0)
    assert ignored.reason is e.Reason.BEFORE_CONNECTED
    assert session.volume_db_threshold == -50.0


def test_unknown_types_are_ignored():
    for session in (opened(), started()):
        (ignored,) = session.receive(request("dance"), 0.0)
        assert (ignored.reason, ignored.name) == (e.Reason.UNKNOWN_TYPE, "dance")
        assert session.close_to_send() is None


# --- turns ---------------------------------------------------------------------------------------


def test_a_turn_is_asked_for_and_answered(answer):
    session = started()
    (asked,) = session.receive(request("invoke", text="Hi"), 1.0)
    assert asked.request.text == "Hi"
    assert session.turn_state == "WAITING"
    said = session.send(answer.stop())
    assert session.turn_state == "STOPPED"
    said += session.send(answer.start("Hi"))
    for event in answer.chunk("Yes"):
        said += session.send(event)
    said += session.send(answer.final())
    assert session.turn_state == "QUIET"
    kinds = [json.loads(message)["type"] for message in said]
    assert kinds == ["stop", "start", "chunk", "final"]


def test_order_is_kept(answer):
    session = started()
    with pytest.raises(LocalProtocolError):
        session.send(answer.final())


def test_the_end_of_an_interrupted_answer_is_late(answer):
    session = started()
    session.receive(request("invoke", text="Hi"), 1.0)
    newer = Answer(REVISION, session_id="s1", user_id=None, context_id="c1")
    for event in (answer.stop(), answer.start("Hi"), newer.stop(), newer.start("Ho")):
        session.send(event)
    assert session.send(answer.final(), late=True)
    assert session.turn_state == "ANSWERING"


def test_nothing_heard_is_no_turn():
    session = started()
    session.nothing_heard()
    assert session.turn_state == "QUIET"
    session.receive(request("invoke"), 1.0)
    session.nothing_heard()
    assert session.turn_state == "QUIET"


# --- hearing -------------------------------------------------------------------------------------


def test_an_utterance_is_heard_after_half_a_second_of_silence():
    session = started()
    assert speak(session, tone(0.6) + silence(0.45)) == []
    (heard,) = speak(session, silence(0.1))
    assert isinstance(heard, s.UtteranceHeard)
    assert len(heard.audio) >= 2 * 0.6 * 16000
    assert session.turn_state == "WAITING"


def test_what_is_too_short_or_too_long_is_not_heard():
    session = started()
    assert speak(session, tone(0.1) + silence(1.0)) == []
    assert speak(session, tone(10.1) + silence(1.0)) == []
    assert speak(started(min_speech=0.05), tone(0.1) + silence(1.0))
    assert speak(started(max_recording=20), tone(10.1) + silence(1.0))
    assert speak(started(silence=0.1), tone(0.6) + silence(0.2))


def test_the_threshold_is_the_sessions_own():
    session, other = started(), started(volume_db_threshold=-40.0)
    assert speak(session, tone(0.6, peak=50) + silence(1.0)) == []
    (event,) = session.receive(request("config", metadata={"volume_db_threshold": -70}), 1.0)
    assert event == s.ThresholdSet(volume_db_threshold=-70.0)
    assert session.volume_db_threshold == -70.0
    assert other.volume_db_threshold == -40.0
    assert len(speak(session, tone(0.6, peak=50) + silence(1.0))) == 1
    for nothing in ({}, {"volume_db_threshold": 0}, {"volume_db_threshold": None}):
        assert session.receive(request("config", metadata=nothing), 2.0) == []
    assert session.volume_db_threshold == -70.0


def test_silence_on_the_clock_ends_an_utterance_where_it_is_to():
    session = started(silence_by_clock=True)
    assert session.deadline() is None
    assert speak(session, tone(0.6), now=10.0) == []
    assert session.deadline() == 10.5
    assert speak(session, silence(0.1), now=10.1) == []
    assert session.deadline() == 10.6
    assert speak(session, silence(0.1), now=10.3) == []
    assert session.deadline() == 10.6
    assert session.timeout(10.5) == []
    assert len(session.timeout(10.6)) == 1
    assert session.deadline() is None
    assert session.timeout(11.0) == []
    speak(session, tone(0.1), now=12.0)
    assert session.timeout(13.0) == []


def test_time_is_not_silence_otherwise():
    session = started()
    speak(session, tone(0.6), now=10.0)
    assert session.deadline() is None
    assert session.timeout(100.0) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("sample_rate", 0), ("silence", 0.0), ("max_recording", -1.0), ("min_speech", -0.1)],
)
def test_settings_that_cannot_work(setting, value):
    with pytest.raises(ConfigurationError, match=setting):
        ServerConfig(**{setting: value})


def test_a_socket_that_never_opened():
    assert ServerSession().closed(None, "", 0.0) == []
