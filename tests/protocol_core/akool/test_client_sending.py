from __future__ import annotations

import base64
import json

import msgspec
import pytest

from protocol_core.akool.errors import SendRefused
from tests.protocol_core.akool.client_side import (
    BOTH,
    PARAMETERS,
    README,
    V2,
    dialled,
    error,
    give,
    names,
    opened,
    ready,
)

ACTS = {
    "parameters": lambda session: session.set_parameters(PARAMETERS, 0.0),
    "audio": lambda session: session.send_audio(b"ab", 0.0),
    "interrupt": lambda session: session.interrupt(0.0),
}


@pytest.mark.parametrize(
    ("revision", "phase"),
    [*((V2, phase) for phase in ACTS), (README, "parameters"), (README, "audio")],
)
def test_nothing_is_sent_without_a_connection(revision, phase):
    for session in (dialled(revision), closed(revision), left(revision)):
        with pytest.raises(SendRefused) as caught:
            ACTS[phase](session)
        assert (caught.value.code, caught.value.phase) == ("NOT_CONNECTED", phase)


def closed(revision):
    session = ready(revision)
    session.closed(1000, "", 0.0)
    return session


def left(revision):
    session = ready(revision)
    session.leave(0.0)
    return session


@pytest.mark.parametrize("revision", BOTH)
def test_audio_waits_for_the_parameters(revision):
    session = opened(revision)
    with pytest.raises(SendRefused) as caught:
        session.send_audio(b"ab", 0.0)
    assert (caught.value.code, caught.value.requirement) == ("NOT_READY", "AKO-PARAM-001")
    session.set_parameters(PARAMETERS, 0.0)
    assert not session.is_ready
    with pytest.raises(SendRefused, match="not possible"):
        session.send_audio(b"ab", 0.0)


def test_one_set_params_at_a_time():
    session = opened()
    session.set_parameters(PARAMETERS, 0.0)
    with pytest.raises(SendRefused) as caught:
        session.set_parameters(PARAMETERS, 0.0)
    assert caught.value.code == "NOT_READY"
    with pytest.raises(SendRefused) as caught:
        session.interrupt(0.0)
    assert (caught.value.code, caught.value.phase) == ("NOT_READY", "interrupt")


def test_set_params_again():
    session = ready()
    other = msgspec.structs.replace(PARAMETERS, voice="v")
    order = session.set_parameters(other, 1.0)
    assert (session.state, session.parameters) == ("RECONFIGURING", other)
    (text,) = order.messages
    assert json.loads(text)["mid"] == order.key
    with pytest.raises(SendRefused):
        session.send_audio(b"ab", 1.0)


def test_the_other_dialect_sets_them_once():
    with pytest.raises(SendRefused, match="only once") as caught:
        ready(README).set_parameters(PARAMETERS, 0.0)
    assert caught.value.code == "UNSUPPORTED"


def test_audio_of_v2():
    session = ready()
    (text,) = session.send_audio(b"\x01\x00\x02", 2.0)
    document = json.loads(text)
    assert (document["v"], document["type"]) == (2, "chat")
    assert base64.b64decode(document["pld"]["audio"]) == b"\x01\x00"
    assert document["mid"].startswith("audio-")
    (text,) = session.send_audio(b"\x00", 2.0)
    assert base64.b64decode(json.loads(text)["pld"]["audio"]) == b"\x02\x00"


def test_audio_of_the_other_dialect():
    (text,) = ready(README).send_audio(b"\x01\x00\x02\x00", 0.0)
    assert json.loads(text) == {"type": "audio_data", "data": "AQACAA=="}


@pytest.mark.parametrize("revision", BOTH)
def test_a_long_utterance_is_cut(revision):
    texts = ready(revision).send_audio(bytes(1_000_000), 0.0)
    assert len(texts) == 2
    assert all(len(text) <= 1048576 for text in texts)


def test_interrupt():
    session = ready()
    session.send_audio(b"\x01", 0.0)
    order = session.interrupt(3.0)
    (text,) = order.messages
    assert json.loads(text) == {
        "v": 2,
        "type": "command",
        "mid": order.key,
        "pld": {"cmd": "interrupt"},
    }
    assert session.deadline() == 13.0
    assert session.send_audio(b"\x02", 0.0) == []  # the odd byte before it is forgotten


def test_the_other_dialect_has_no_interrupt():
    with pytest.raises(SendRefused) as caught:
        ready(README).interrupt(0.0)
    assert (caught.value.code, caught.value.requirement) == ("UNSUPPORTED", "AKO-INT-101")
    with pytest.raises(AssertionError, match="no ids"):
        ready(README)._mid("x", 0.0)


def test_what_is_handed_out_is_handed_out_once():
    session = opened()
    session.timeout(30.0)
    assert names(session.data_to_send()) == ["ping"]
    assert session.data_to_send() == []
    assert session.close_to_send() is None


def test_an_error_leaves_the_session_usable():
    session = ready()
    give(session, error())
    assert session.is_ready
    assert session.revision is V2
