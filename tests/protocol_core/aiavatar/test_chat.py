from __future__ import annotations

import json

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.chat import ChatSession
from protocol_core.aiavatar.errors import (
    AuthenticationError,
    InvalidResponseError,
    ResponseTimeout,
    SendRefused,
    StreamBroken,
    TransportError,
)
from protocol_core.http import HttpResponse
from protocol_core.sse import encode
from tests.protocol_core.aiavatar.support import config, event, silence, tone, vectors

STREAM = {"Content-Type": "text/event-stream"}


@pytest.fixture
def session():
    return ChatSession(config(user_id="user-1"))


def begun(session, **content):
    turn = session.turn(**(content or {"text": "Hello"}))
    assert turn.answered(200, STREAM)
    return turn


def body(turn):
    return json.loads(turn.request.body)


def feed(turn, *events):
    return [item for text in events for item in turn.receive(encode(text))]


def started(asked="Hello", **members):
    return event("start", metadata={"request_text": asked}, **members)


def test_needs_a_session_id():
    with pytest.raises(SendRefused) as caught:
        ChatSession(config(session_id=None))
    assert caught.value.requirement == "AIA-REQ-001"


def test_the_conversation_goes_on_with_the_id_that_start_announced(session):
    first = begun(session)
    assert body(first)["context_id"] is None
    assert body(first)["user_id"] == "user-1"
    feed(first, started(context_id="context-7"))
    assert body(session.turn(text="And?"))["context_id"] == "context-7"
    feed(begun(session), started(context_id="context-8"), started(context_id=""))
    assert session.context_id == "context-8"


def test_parameters_of_the_prompt_are_those_of_the_turn_or_of_the_client():
    session = ChatSession(config(system_prompt_params={"name": "A"}))
    assert body(session.turn(text="Hello"))["system_prompt_params"] == {"name": "A"}
    turn = session.turn(text="Hello", system_prompt_params={"name": "B"})
    assert body(turn)["system_prompt_params"] == {"name": "B"}


def test_a_picture_is_a_turn_of_one_file(session):
    turn = session.picture("data:image/png;base64,AAAA")
    assert body(turn)["files"] == [{"type": "image", "url": "data:image/png;base64,AAAA"}]
    assert body(turn)["text"] is None


@vectors("sse")
@pytest.mark.parametrize("cut", [1, 7, 100000], ids=["bytes", "pieces", "whole"])
def test_reads_every_stream(session, vector, cut):
    turn, found, outcome = begun(session), [], "done"
    data = vector["text"].encode()
    try:
        for at in range(0, len(data), cut):
            for item in turn.receive(data[at : at + cut]):
                found.append(item)  # noqa: PERF402 - what came before a fault counts
        found += turn.ended()
    except (StreamBroken, InvalidResponseError) as error:
        outcome = error.code
    failures = [it.code for it in found if isinstance(it, e.TurnFailed)]
    taken = [it.response.type for it in found if hasattr(it, "response")]
    assert [outcome, *failures][-1] == vector["outcome"]
    assert taken == vector["events"]


def test_an_empty_stream_means_that_nothing_was_heard(session):
    turn = begun(session)
    assert turn.ended() == [e.NothingHeard()]
    assert turn.complete


def test_a_turn_ends_with_its_terminal_event(session):
    turn = begun(session)
    feed(turn, started(), event("chunk", text="Hi."), event("final", text="Hi."))
    assert turn.outcome.text == "Hi."
    assert turn.ended() == []
    assert turn.state == "DONE"


def test_a_stream_that_is_cut_is_no_answer(session):
    turn = begun(session)
    feed(turn, started())
    with pytest.raises(StreamBroken) as caught:
        turn.ended()
    assert (caught.value.phase, caught.value.requirement) == ("stream", "AIA-SSE-004")


@pytest.mark.parametrize(("timed_out", "kind"), [(False, StreamBroken), (True, ResponseTimeout)])
def test_a_stream_that_breaks(session, timed_out, kind):
    turn = begun(session)
    error = turn.broken("gone", timed_out=timed_out)
    assert (type(error), error.phase) == (kind, "stream")


@pytest.mark.parametrize(("timed_out", "kind"), [(False, TransportError), (True, ResponseTimeout)])
def test_no_answer_at_all(session, timed_out, kind):
    error = session.turn(text="Hello").broken("gone", timed_out=timed_out)
    assert (type(error), error.phase) == (kind, "http")


def test_a_refusal(session):
    turn = session.turn(text="Hello")
    assert not turn.answered(401, {})
    error = turn.refused(HttpResponse(status=401, body=b"{}"))
    assert isinstance(error, AuthenticationError)
    assert turn.state == "DONE"


@pytest.mark.parametrize("text", ["hello", "[]", '{"session_id":"s"}'])
def test_what_is_no_event_breaks_the_turn(session, text):
    with pytest.raises(InvalidResponseError) as caught:
        feed(begun(session), started(), text)
    assert caught.value.raw_body == text


def test_an_endless_event_breaks_the_turn(session, monkeypatch):
    turn = begun(session)
    monkeypatch.setattr(turn._decoder, "_limit", 10)
    with pytest.raises(InvalidResponseError):
        list(turn.receive(b"data: 0123456789"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (event("later"), e.Reason.UNKNOWN_TYPE),
        (event("stop"), e.Reason.WRONG_CHANNEL),
        (event("connected"), e.Reason.WRONG_CHANNEL),
    ],
)
def test_what_does_not_belong_on_a_stream_is_ignored(session, text, reason):
    (_, ignored) = feed(begun(session), started(), text)
    assert ignored.reason is reason


def test_what_comes_before_start_or_after_the_end_is_ignored(session):
    turn = begun(session)
    (early,) = feed(turn, event("chunk", text="Hi."))
    assert early.reason is e.Reason.OUT_OF_TURN
    *_, late = feed(turn, started(), event("final"), event("chunk"))
    assert late.reason is e.Reason.OUT_OF_TURN


@pytest.mark.parametrize("kind", ["error", "final"])
def test_a_failure_is_the_outcome(session, kind):
    turn = begun(session)
    (_, failed) = feed(turn, started(), event(kind, metadata={"error": "broken"}))
    assert (turn.outcome, failed.detail) == (failed, "broken")


@pytest.mark.parametrize(("text", "said"), [("Part", "Part"), (None, "One")])
def test_an_older_turn_ends_with_part_of_its_answer(session, text, said):
    older = begun(session)
    feed(older, started(context_id="context-1"), event("chunk", text="One"))
    newer = begun(session, text="And?")
    feed(newer, started(context_id="context-2"))
    (ended,) = feed(older, event("final", text=text))
    assert isinstance(ended, e.TurnSuperseded)
    assert ended.text == said
    assert session.context_id == "context-2"


def test_hears_utterances_but_not_its_own_voice(session):
    speech = tone(0.5) + silence(0.7)
    assert session.hear(speech, playing=True) == []
    assert len(session.hear(speech)) == 1
    deaf = ChatSession(config(cancel_echo=False))
    assert len(deaf.hear(speech, playing=True)) == 1
