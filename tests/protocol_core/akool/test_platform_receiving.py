"""Whatever a client sends has its meaning, or gets an error frame and has none."""

from __future__ import annotations

import pytest

from protocol_core.akool import platform_events as p
from protocol_core.akool.revision import load as load_revision
from tests.protocol_core.akool.instance import (
    AGORA_PARAMS,
    AUDIO_DATA,
    AUTH,
    BARE_PING,
    CHAT,
    DOCUMENTED,
    INTERRUPT,
    LEAVE,
    PING,
    accepted,
    configuring,
    give,
    opened,
    parsed,
    ready,
    sent,
    set_params,
    vectors,
)

CATALOGUE = load_revision("0.1.8").errors.CATALOGUE


def text_of(name):
    return CATALOGUE[name].message["pld"]["error_message"]


def of_client(row):
    return row["sender"] in {"client", "both"}


# -- v2 --------------------------------------------------------------------------------------------


@vectors("messages", of_client)
def test_valid_messages_are_never_refused_where_they_belong(vector):
    session = accepted() if vector["message"] == "command/set-params" else ready()
    (event,) = give(session, vector["text"])
    assert not isinstance(event, p.FrameRefused)
    assert sent(session) == (["pong"] if vector["message"] == "ping" else [])


@vectors("invalid_messages", of_client)
def test_invalid_messages_are_answered_and_change_nothing(vector):
    session = ready()
    (event,) = give(session, vector["text"])
    assert isinstance(event, p.FrameRefused)
    assert event.requirement == "AKO-CONN-012"
    assert sent(session) == [text_of(event.error_name)]
    assert session.state == "READY"


def test_binary_frames_are_answered():
    session = ready()
    (event,) = give(session, b"\x00\x01")
    assert (event.error_name, event.data) == ("malformed_message", b"\x00\x01")
    assert sent(session) == [text_of("malformed_message")]


def test_another_mode_is_refused_in_its_own_words():
    session = accepted()
    (event,) = give(session, set_params(mode=2))
    assert event.error_name == "params_refused"
    assert sent(session) == ["invalid parameters"]
    assert session.state == "OPEN"


def test_the_number_in_the_answers_can_be_chosen():
    session = ready(error_number=4999)
    give(session, "nonsense")
    (answer,) = parsed(session.data_to_send())
    assert answer["pld"]["error_code"] == 4999


def test_each_ping_is_answered_by_a_pong_of_its_own():
    session = accepted()
    assert give(session, PING) == [p.PingReceived(mid="m-ping")]
    give(session, PING)
    pongs = parsed(session.data_to_send())
    assert [(pong["type"], pong["pld"], pong["v"]) for pong in pongs] == [("pong", {}, 2)] * 2
    assert len({pong["mid"] for pong in pongs}) == 2


@pytest.mark.parametrize("uid", ["12345", 12345])
def test_parameters(uid):
    session = accepted()
    (event,) = give(session, set_params(uid=uid))
    assert event == p.ParametersReceived(
        mid="m-params",
        parameters=p.Parameters(
            channel_id="room",
            uid=uid,
            token="secret",
            app_id="app",
            voice_id="v",
            language="de",
            background_url="b",
        ),
    )
    assert (session.state, session.waiting, session.joining) == (
        "CONFIGURING",
        ("m-params",),
        True,
    )
    assert session.data_to_send() == []


def test_parameters_again():
    session = ready()
    (event,) = give(session, set_params("again"))
    assert event.repeated
    assert session.state == "RECONFIGURING"


def test_audio_is_measured_and_not_answered():
    session = ready()
    (event,) = give(session, CHAT)
    assert event == p.AudioReceived(mid="m-chat", audio=b"\x01\x00\x02\x00", seconds=4 / 32000)
    assert session.data_to_send() == []


def test_interrupt_and_leave_wait_for_their_acks():
    session = ready()
    assert give(session, INTERRUPT) == [p.InterruptReceived(mid="m-interrupt")]
    assert session.waiting == ("m-interrupt",)
    (event,) = give(session, LEAVE)
    assert event == p.LeaveReceived(mid="m-leave", reason="client_disconnect")
    assert session.waiting == ("m-interrupt", "m-leave")


@pytest.mark.parametrize(
    ("make", "message", "name"),
    [
        (accepted, CHAT, "audio_before_parameters"),
        (configuring, CHAT, "audio_before_parameters"),
        (accepted, INTERRUPT, "interrupt_before_parameters"),
        (configuring, INTERRUPT, "interrupt_before_parameters"),
        (configuring, set_params("second"), "parameters_pending"),
    ],
)
def test_what_comes_too_early_is_answered_and_has_no_effect(make, message, name):
    session = make()
    before = session.state, session.waiting
    (event,) = give(session, message)
    assert event.error_name == name
    assert sent(session) == [text_of(name)]
    assert (session.state, session.waiting) == before


@pytest.mark.parametrize("message", [CHAT, INTERRUPT, set_params("third")])
def test_until_the_repetition_is_acknowledged_everything_waits(message):
    session = ready()
    give(session, set_params("again"))
    (event,) = give(session, message)
    assert event.error_name == "parameters_pending"
    session.acknowledge("again", 0.0)
    (event,) = give(session, message)
    assert not isinstance(event, p.FrameRefused)


@pytest.mark.parametrize("message", [CHAT, INTERRUPT, set_params(), LEAVE])
def test_after_the_leave_event_nothing_else_is_due(message):
    session = ready()
    give(session, LEAVE)
    (event,) = give(session, message)
    assert event.error_name == "message_out_of_place"
    assert give(session, PING) == [p.PingReceived(mid="m-ping")]
    assert sent(session) == [text_of("message_out_of_place"), "pong"]


def test_nothing_precedes_the_greeting():
    session = opened()
    give(session, PING)
    give(session, "nonsense")
    give(session, CHAT)
    assert session.data_to_send() == []
    assert give(session, set_params())[0].mid == "m-params"
    assert (session.state, session.accepted) == ("EARLY", False)
    kinds = [item["type"] for item in parsed(session.accept(0.0))]
    assert kinds == ["system", "pong", "error", "error"]
    assert session.state == "CONFIGURING"


def test_a_leave_before_the_greeting_releases_what_was_held():
    session = opened()
    give(session, PING)
    give(session, LEAVE)
    assert sent(session) == ["pong"]
    assert session.state == "LEAVING"


def test_a_refused_client_is_not_answered():
    session = opened()
    session.refuse("socket_occupied")
    session._close = None  # the close has not gone out yet
    for message in (PING, CHAT, "nonsense", LEAVE, set_params()):
        (event,) = give(session, message)
        assert (type(event), event.error_name) == (p.FrameRefused, "")
    assert session.data_to_send() == []


# -- the documented dialect ------------------------------------------------------------------------


@vectors("documented_messages", of_client)
def test_documented_messages_are_never_refused_where_they_belong(vector):
    sessions = {"auth": opened, "agora_params": accepted}
    session = sessions.get(vector["message"], ready)(DOCUMENTED)
    (event,) = give(session, vector["text"])
    assert not isinstance(event, p.FrameRefused)


@vectors("documented_invalid_messages", of_client)
def test_invalid_documented_messages_are_answered_and_change_nothing(vector):
    session = ready(DOCUMENTED)
    (event,) = give(session, vector["text"])
    assert isinstance(event, p.FrameRefused)
    assert sent(session) == [text_of(event.error_name)]
    assert session.state == "READY"


def test_auth_comes_first():
    session = opened(DOCUMENTED)
    for message in (BARE_PING, AGORA_PARAMS, AUDIO_DATA):
        (event,) = give(session, message)
        assert (event.error_name, event.requirement) == ("auth_expected", "AKO-AUTH-010")
    assert sent(session) == ["auth is expected first"] * 3
    assert give(session, AUTH) == [p.AuthReceived(token="key", avatar_id="avatar")]
    assert session.state == "GREETING"


def test_a_second_auth_is_out_of_place():
    session = accepted(DOCUMENTED)
    (event,) = give(session, AUTH)
    assert event.error_name == "message_out_of_place"


def test_documented_parameters_and_audio():
    session = accepted(DOCUMENTED)
    (event,) = give(session, AUDIO_DATA)
    assert event.error_name == "audio_before_parameters"
    (event,) = give(session, AGORA_PARAMS)
    assert event.parameters == p.Parameters(channel_id="room", uid=12345, token="secret")
    assert (session.waiting, session.joining) == ((), True)
    (event,) = give(session, AGORA_PARAMS)
    assert event.error_name == "message_out_of_place"
    session.joined("room", 0.0)
    assert session.ready
    (event,) = give(session, AUDIO_DATA)
    assert (event.mid, event.audio) == ("", b"\x01\x00\x02\x00")


def test_a_bare_ping_is_answered_in_the_envelope():
    session = accepted(DOCUMENTED)
    assert give(session, BARE_PING) == [p.PingReceived(mid="")]
    (pong,) = parsed(session.data_to_send())
    assert (pong["v"], pong["type"], pong["pld"]) == (2, "pong", {})
