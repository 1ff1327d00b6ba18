from __future__ import annotations

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.turns import Turns
from tests.protocol_core.aiavatar.support import (
    REVISION,
    chunk,
    final,
    response,
    start,
    vectors,
)

EVENTS = {"stop", "start", "chunk", "tool_call", "vision", "error"}


@pytest.fixture
def turns():
    return Turns(REVISION)


def play(turns, *steps):
    """What each of these events means; ``stop`` is said to the turns, not read by them."""
    found = []
    for step in steps:
        if step == "stop":
            turns.stop()
        else:
            found.append(turns.receive(step))
    return found


def kinds(events):
    return [type(event).__name__ for event in events]


def test_a_turn_begins_says_something_and_ends(turns):
    turns.invoke()
    assert turns.state == "WAITING"
    found = play(turns, "stop", start(), chunk("Hello. "), chunk("Hi."), final("Hello. Hi."))
    assert kinds(found) == ["TurnStarted", "ChunkReceived", "ChunkReceived", "TurnFinished"]
    assert turns.state == "QUIET"


@pytest.mark.parametrize("kind", ["tool_call", "vision"])
def test_other_events_of_an_answer(turns, kind):
    found = play(turns, start(), response(kind, text="Hello."))
    assert not isinstance(found[1], e.Ignored | e.TurnSuperseded)


@pytest.mark.parametrize("before", [(), (start(),), (start(), chunk("Hel"))])
def test_an_error_ends_a_turn_wherever_it_is(turns, before):
    *_, failed = play(turns, *before, response("error", metadata={"error": "broken"}))
    assert isinstance(failed, e.TurnFailed)
    assert turns.state == "QUIET"


def test_a_final_with_an_error_is_a_failure(turns):
    *_, failed = play(turns, start(), response("final", metadata={"error": "broken"}))
    assert (failed.message, failed.phase) == ("broken", "runtime")


# --- interrupted turns (AIA-INT-005, OP-2) -------------------------------------------------------


@pytest.mark.parametrize(
    "place", [0, 1, 2, 3], ids=["before start", "after start", "amid chunks", "after the end"]
)
def test_a_late_final_of_an_older_turn_ends_nothing(turns, place):
    newer = [start("And?"), chunk("New "), chunk("words."), final("New words.")]
    if place == 3:
        newer.append(final("Old"))
    else:
        newer.insert(place, final("Old"))
    found = play(turns, start(), chunk("Old"), "stop", *newer)
    rest = kinds(found)[2:]
    assert rest.count("TurnSuperseded") == 1
    assert rest.count("TurnFinished") == 1
    assert next(it for it in found if isinstance(it, e.TurnFinished)).text == "New words."


def test_a_late_final_may_hold_more_than_was_seen(turns):
    found = play(turns, start(), chunk("Old"), "stop", start("And?"), final("Old words."))
    assert kinds(found)[-1] == "TurnSuperseded"
    assert kinds(play(turns, chunk("Yes."), final("Yes."))) == ["ChunkReceived", "TurnFinished"]


def test_a_turn_that_was_interrupted_before_its_first_word_owes_an_empty_final(turns):
    found = play(turns, start(), "stop", start("And?"), final(""), chunk("Yes."), final("Yes."))
    assert kinds(found)[-3:] == ["TurnSuperseded", "ChunkReceived", "TurnFinished"]


def test_where_nobody_is_awake_the_empty_final_is_the_turns_own(turns):
    found = play(turns, start(), "stop", start(None), final(""))
    assert kinds(found)[-1] == "TurnFinished"


def test_several_turns_may_owe_their_final(turns):
    found = play(
        turns,
        *(start("1"), chunk("One"), "stop"),
        *(start("2"), chunk("Two"), "stop"),
        *(start("3"), chunk("Three")),
        *(final("Two"), final("One"), final("Three")),
    )
    assert kinds(found)[-3:] == ["TurnSuperseded", "TurnSuperseded", "TurnFinished"]


def test_a_final_that_nobody_owes_is_the_turns_own_whatever_it_says(turns):
    assert kinds(play(turns, start(), chunk("Hello"), final("Else")))[-1] == "TurnFinished"


@pytest.mark.parametrize("text", [None, "Hel lo."])
def test_a_final_goes_on_from_the_chunks_but_for_white_space_or_says_nothing(turns, text):
    play(turns, start(), chunk("Old"), "stop", start(), chunk("Hello."))
    assert isinstance(turns.receive(final(text)), e.TurnFinished)


def test_a_final_out_of_turn_is_an_older_ones(turns):
    assert kinds(play(turns, final("Hello."))) == ["TurnSuperseded"]
    turns.invoke()
    assert kinds(play(turns, final("Hello."))) == ["TurnSuperseded"]


def test_what_an_older_answer_still_says_is_dropped(turns):
    found = play(turns, start(), chunk("Old"), "stop", chunk(" words"), response("vision"))
    assert [it.reason for it in found[2:]] == [e.Reason.AFTER_STOP] * 2
    assert turns.state == "STOPPED"


def test_a_start_without_stop_loses_no_answer(turns):
    found = play(turns, start(), chunk("Old"), start("And?"), chunk("New"), final("New"))
    assert kinds(found)[-3:] == ["TurnStarted", "ChunkReceived", "TurnFinished"]


@pytest.mark.parametrize("kind", ["chunk", "tool_call", "vision"])
def test_what_belongs_to_no_turn_is_reported_as_such(turns, kind):
    found = turns.receive(response(kind, text="Hello."))
    assert (found.reason, found.requirement) == (e.Reason.OUT_OF_TURN, "AIA-SSE-002")


def test_the_end_of_the_socket_ends_all_turns(turns):
    play(turns, start(), chunk("Old"), "stop", start())
    turns.lose()
    assert turns.state == "QUIET"
    assert kinds(play(turns, start(), final("")))[-1] == "TurnFinished"


# --- the table -----------------------------------------------------------------------------------


@vectors("sequences", lambda row: row["machine"] == "turn" and "illegal" not in row)
def test_follows_the_table(turns, vector):
    said, owed = "", []
    for name in vector["events"]:
        if name == "invoke":
            turns.invoke()
        elif name == "stop":
            owed += [said] if turns.state == "ANSWERING" else []
            turns.stop()
        elif name == "chunk":
            said += "word "
            turns.receive(chunk("word "))
        elif name in {"final", "late_final"}:
            text = said if turns.state == "ANSWERING" and name == "final" else "older"
            turns.receive(final(text))
        elif name in EVENTS:
            said = "" if name == "start" else said
            turns.receive(response(name))
        else:
            continue  # what a client cannot see
    assert turns.state == vector["ends"]


def test_an_interrupted_answer_that_asked_for_a_picture_ends_late_as_well(turns):
    older = play(
        turns, start(), chunk("Let me see. "), "stop", start(), chunk("Yes."), final("Yes.")
    )
    assert kinds(older)[-1] == "TurnFinished"
    late, unasked = play(turns, *[response("vision", text="Let me see.")] * 2)
    assert isinstance(late, e.TurnSuperseded)
    assert isinstance(unasked, e.Ignored)
    assert turns.state == "QUIET"
