"""What an adapter was told to do and what it answered, for checks of any protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["answer_of", "error_of", "option", "outcomes", "result_of", "told"]


def option(trace: Trace, name: str) -> Any:  # noqa: ANN401 - any option
    """An option of the first `open`; None if it is not given."""
    command = next(iter(trace.commands("open")), None)
    return None if command is None else members_of((command.data or {}).get("options")).get(name)


def answer_of(trace: Trace, command: Record) -> Record | None:
    """The answer to a command; commands of one name are answered in their order."""
    same = [r.seq for r in trace.commands(command.name)]
    answers = trace.answers(command.name)
    place = same.index(command.seq)
    return answers[place] if place < len(answers) else None


def outcomes(trace: Trace, *names: str) -> list[tuple[Record, Record]]:
    """Commands of these names, each with its answer; the unanswered ones are left out."""
    commands = [r for r in trace.commands() if r.name in names]
    pairs = [(command, answer_of(trace, command)) for command in commands]
    return [(command, answer) for command, answer in pairs if answer is not None]


def told(answer: Record) -> str:
    """The kind of an answer: ``done``, ``error`` or ``unsupported``."""
    return str((answer.data or {}).get("answer"))


def error_of(answer: Record) -> dict[str, Any]:
    """The error record of an answer; {} if it is none."""
    return members_of((answer.data or {}).get("error"))


def result_of(answer: Record) -> dict[str, Any]:
    """The result of an answer; {} if it has none."""
    return members_of((answer.data or {}).get("result"))
