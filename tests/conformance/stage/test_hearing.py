from __future__ import annotations

from typing import Any

import pytest

from conformance.adapter import Adapter, ImplementationFault
from conformance.contract import Answer, Event
from conformance.stage.base import StepUnmetError, StepUnsupportedError
from conformance.stage.hearing import Hearing, expect_answer, reset_adapter
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions
from tests.conformance.helpers import fake


def journal() -> Journal:
    return Journal(lambda: 0.0, Redactor(SecretPositions()), Limits())


def test_words_become_records_and_faults_are_handed_on() -> None:
    faults: list[Exception] = []
    book = journal()
    hearing = Hearing(book, faults.append)
    hearing.answer_received("open", Answer(id=1, answer="done", result={"a": 1}))
    hearing.answer_received("dance", Answer(id=2, answer="unsupported", reason="no legs"))
    hearing.event_received(Event(event="closed", data={"code": 1000}))
    fault = ImplementationFault("gone")
    hearing.fault_occurred(fault)
    assert [(r.kind, r.name, r.data) for r in book.records] == [
        ("answer", "open", {"answer": "done", "result": {"a": 1}}),
        ("answer", "dance", {"answer": "unsupported", "reason": "no legs"}),
        ("event", "closed", {"code": 1000}),
    ]
    assert {(r.source, r.sender) for r in book.records} == {("adapter", "adapter")}
    assert faults == [fault]


async def test_a_reset_is_answered_or_noted() -> None:
    adapter = await Adapter.start(fake())
    book = journal()
    adapter.listen(Hearing(book, lambda _: None))
    await reset_adapter(adapter, book, 10)
    (answer,) = book.where(kind="answer")
    assert answer.data == {"answer": "done", "result": {"pending": ["a task"]}}
    await adapter.close()
    await reset_adapter(adapter, book, 10)  # of no further use: nothing is asked
    assert len(book.records) == 1


async def test_an_adapter_that_does_not_reset() -> None:
    adapter = await Adapter.start(fake("hang"))
    book = journal()
    adapter.send("open", {})
    await reset_adapter(adapter, book, 0.2)
    assert "no answer to `reset` within 0.2 s" in book.records[-1].reason
    await adapter.close()


@pytest.mark.parametrize(
    ("answer", "wanted", "error", "told"),
    [
        ({"answer": "done"}, "done", None, ""),
        ({"answer": "error"}, "any", None, ""),
        ({"answer": "unsupported", "reason": "why"}, "unsupported", None, ""),
        ({"answer": "unsupported", "reason": "why"}, "done", StepUnsupportedError, ": why"),
        ({"answer": "unsupported"}, "error", StepUnsupportedError, "no reason given"),
        (
            {"answer": "error", "error": {"code": "x", "kind": "local"}},
            *("done", StepUnmetError, '`open` failed: {"code":"x","kind":"local"}, expected done'),
        ),
        (
            {"answer": "done"},
            "error",
            StepUnmetError,
            "`open` was answered by done, expected error",
        ),
    ],
)
def test_what_is_expected_of_an_answer(
    answer: dict[str, Any], wanted: str, error: type[Exception] | None, told: str
) -> None:
    made = Answer(id=1, **answer)
    if error is None:
        expect_answer("open", made, wanted)
        return
    with pytest.raises(error) as caught:
        expect_answer("open", made, wanted)
    assert told in str(caught.value)
