"""Talks with an adapter for a stage: its words become records, its answers are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from conformance.adapter import AdapterFault
from conformance.stage.base import StepUnmetError, StepUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.adapter import Adapter
    from conformance.contract import Answer, Event
    from mock_servers.journal import Journal

__all__ = ["Hearing", "expect_answer", "reset_adapter"]


class Hearing:
    """Listens to an adapter: its words become records, its faults are handed on.

    Args:
        journal: where everything is written down.
        on_fault: told when the adapter is of no further use.
    """

    def __init__(self, journal: Journal, on_fault: Callable[[Exception], None]) -> None:
        self._journal = journal
        self._on_fault = on_fault

    def answer_received(self, command: str, answer: Answer) -> None:
        data = {
            "answer": answer.answer,
            **({"result": answer.result} if answer.result is not None else {}),
            **({"error": answer.error} if answer.error is not None else {}),
            **({"reason": answer.reason} if answer.reason else {}),
        }
        self._journal.add("answer", source="adapter", sender="adapter", name=command, data=data)

    def event_received(self, event: Event) -> None:
        self._journal.add(
            "event", source="adapter", sender="adapter", name=event.event, data=event.data
        )

    def fault_occurred(self, fault: AdapterFault) -> None:
        self._on_fault(fault)


async def reset_adapter(adapter: Adapter, journal: Journal, deadline: float) -> None:
    """Make an adapter ready for the next scenario; one that cannot is replaced later.

    Args:
        adapter: the adapter.
        journal: where its answer is written down.
        deadline: seconds that it may take.
    """
    if adapter.fault is None:
        try:
            await adapter.request("reset", deadline=deadline)
        except AdapterFault as fault:
            journal.note(f"reset: {fault}")
    adapter.listen(None)


def expect_answer(command: str, answer: Answer, wanted: str) -> None:
    """Compare an answer's kind with what a step expects.

    Args:
        command: the command that was answered.
        answer: its answer.
        wanted: ``done``, ``error``, ``unsupported`` or ``any``.

    Raises:
        StepUnsupportedError: the answer is ``unsupported``, and another was expected.
        StepUnmetError: it is another one.
    """
    if wanted in {"any", answer.answer}:
        return
    if answer.answer == "unsupported":
        raise StepUnsupportedError(
            f"the implementation does not support `{command}`: {answer.reason or 'no reason given'}"
        )
    if answer.answer == "error":
        error = answer.error or {}
        told = {key: error[key] for key in ("code", "phase", "kind", "message") if error.get(key)}
        raise StepUnmetError(
            f"`{command}` failed: {msgspec.json.encode(told).decode()}, expected {wanted}"
        )
    raise StepUnmetError(f"`{command}` was answered by {answer.answer}, expected {wanted}")
