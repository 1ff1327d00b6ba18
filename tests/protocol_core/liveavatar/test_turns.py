from __future__ import annotations

import pytest

from protocol_core.liveavatar.errors import SendRefused
from protocol_core.liveavatar.events import Bracket, BracketKind
from protocol_core.liveavatar.turns import Kind, Memory, ResponseBook, UtteranceBook

PROMPT = Bracket(kind=BracketKind.PROMPT)


def book(**changes):
    return ResponseBook(**{"first_seq": 0} | changes)


def bracket(request_id="r", response_id="x"):
    return Bracket(kind=BracketKind.RESPONSE, request_id=request_id, response_id=response_id)


def refused(requirement):
    return pytest.raises(SendRefused, match=requirement)


def test_chunks_count_from_the_first_number():
    text = book(first_seq=3)
    assert [text.chunk("r", "x", None) for _ in range(3)] == [3, 4, 5]
    assert text.chunk("r", "x", 6) == 6
    with refused("LAC-RESP-005"):
        text.chunk("r", "x", 8)
    with refused("LAC-RESP-005"):
        text.chunk("r", "y", 0)
    assert set(text.open) == {"x"}
    assert text.open["x"].kind is Kind.TEXT


def test_start_comes_first_and_once():
    text = book()
    text.start("r", "x")
    with refused("LAC-RESP-001"):
        text.start("r", "x")
    text.chunk("r", "y", None)
    with refused("LAC-RESP-001"):
        text.start("r", "y")


@pytest.mark.parametrize("end", ["done", "cancel"])
def test_nothing_follows_the_end(end):
    text = book()
    text.chunk("r", "x", None)
    text.done("r", "x") if end == "done" else text.cancel("x")
    for attempt in (
        lambda: text.chunk("r", "x", None),
        lambda: text.start("r", "x"),
        lambda: text.done("r", "x"),
        lambda: text.open_bracket(bracket()),
    ):
        with refused("LAC-RESP-008"):
            attempt()


def test_ends_need_a_beginning():
    with refused("LAC-RESP-007"):
        book().done("r", "x")


def test_cancels_what_is_done_but_only_once():
    text = book()
    text.start("r", "x")
    text.done("r", "x")
    assert text.cancel("x") is None
    with refused("LAC-RESP-007"):
        text.cancel("x")
    assert text.cancel("unknown") is None


def test_one_response_answers_one_turn_in_one_way():
    text = book()
    text.start("r", "x")
    with refused("LAC-RESP-004"):
        text.chunk("other", "x", None)
    with refused("LAC-RESP-003"):
        text.open_bracket(bracket())
    text.open_bracket(bracket(response_id="y"))
    with refused("LAC-RESP-003"):
        text.chunk("r", "y", None)


def test_one_bracket_at_a_time():
    audio = book()
    audio.open_bracket(bracket())
    with refused("LAC-TTS-002"):
        audio.open_bracket(PROMPT)
    with refused("LAC-TTS-001"):
        audio.close_bracket(bracket("other"))
    with refused("LAC-TTS-003"):
        audio.close_bracket(PROMPT)
    audio.close_bracket(bracket())
    audio.open_bracket(PROMPT)
    audio.close_bracket(PROMPT)
    assert audio.bracket is None
    assert audio.open == {}


def test_cancelling_speech_hands_its_bracket_back():
    audio = book()
    audio.open_bracket(bracket())
    assert audio.cancel("other") is None
    assert audio.cancel("x") == bracket()
    assert audio.bracket is None


def test_a_lost_socket_takes_everything_along():
    both = book()
    both.chunk("r", "x", None)
    both.open_bracket(PROMPT)
    assert both.lose() == (("x",), True)
    assert both.lose() == ((), False)
    with refused("LAC-RESP-008"):
        both.chunk("r", "x", None)


def test_memory_is_bounded():
    memory = Memory(2)
    for item in "abac":
        memory.note(item, item.upper())
    assert [memory.get(item) for item in "abc"] == ["A", None, "C"]
    text = book(remembered=1)
    for response_id in "xy":
        text.start("r", response_id)
        text.done("r", response_id)
    text.start("r", "x")  # forgotten


def utterances():
    return UtteranceBook(first_seq=0)


def test_an_utterance_in_its_order():
    speech = utterances()
    speech.voice_start("u")
    assert [speech.partial("u", None), speech.partial("u", 5), speech.partial("u", None)] == [
        0,
        5,
        6,
    ]
    with refused("LAC-ASR-006"):
        speech.partial("u", 6)
    speech.voice_finish("u")
    speech.final("u")


@pytest.mark.parametrize(
    "steps",
    [
        ("partial",),
        ("voice_finish",),
        ("final",),
        ("voice_start", "voice_start"),
        ("voice_start", "final"),
        ("voice_start", "voice_finish", "partial"),
        ("voice_start", "voice_finish", "voice_finish"),
        ("voice_start", "voice_finish", "final", "final"),
        ("voice_start", "voice_finish", "final", "voice_start"),
    ],
)
def test_any_other_order_is_refused(steps):
    speech = utterances()

    def take(step):
        arguments = ("u", None) if step == "partial" else ("u",)
        getattr(speech, step)(*arguments)

    for step in steps[:-1]:
        take(step)
    with refused("LAC-ASR-004"):
        take(steps[-1])


def test_a_lost_socket_ends_utterances():
    speech = utterances()
    speech.voice_start("u")
    speech.lose()
    with refused("LAC-ASR-004"):
        speech.voice_finish("u")
    speech.voice_start("v")
