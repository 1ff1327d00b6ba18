from __future__ import annotations

from conformance.checks.commands import answer_of, error_of, option, outcomes, result_of, told
from tests.conformance.helpers import record, trace

OPEN = record(1, "command", name="open", data={"options": {"codec": "opus"}, "urls": {"a": "b"}})
OPENED = record(2, "answer", name="open", data={"answer": "done", "result": {"id": "s"}})
SEND = record(3, "command", name="send")
STOP = record(4, "command", name="stop")
REFUSED = record(5, "answer", name="send", data={"answer": "error", "error": {"code": "X"}})
AGAIN = record(6, "command", name="send")
TRACE = trace(OPEN, OPENED, SEND, STOP, REFUSED, AGAIN)


def test_options_are_those_of_the_first_open():
    assert option(TRACE, "codec") == "opus"
    assert option(TRACE, "a") is None
    assert option(trace(), "codec") is None


def test_commands_of_one_name_are_answered_in_their_order():
    assert answer_of(TRACE, OPEN) == OPENED
    assert answer_of(TRACE, SEND) == REFUSED
    assert answer_of(TRACE, AGAIN) is None


def test_outcomes_leave_out_what_was_not_answered():
    assert outcomes(TRACE, "send", "stop") == [(SEND, REFUSED)]
    assert outcomes(TRACE, "send", "open") == [(OPEN, OPENED), (SEND, REFUSED)]


def test_what_an_answer_says():
    assert (told(OPENED), result_of(OPENED), error_of(OPENED)) == ("done", {"id": "s"}, {})
    assert (told(REFUSED), result_of(REFUSED), error_of(REFUSED)) == ("error", {}, {"code": "X"})
