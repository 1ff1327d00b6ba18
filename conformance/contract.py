"""The adapter contract as the runner speaks it; defined in ``schemas/adapter/v1``.

JSON lines in both directions. The runner sends commands with an id and gets exactly one answer to
each; events come without an id, whenever they happen.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from avatar_protocols.adapter import v1
from avatar_protocols.adapter.v1 import Claim, Description, Event

__all__ = [
    "Answer",
    "AnswerKind",
    "Claim",
    "ContractError",
    "Description",
    "Event",
    "claims_of",
    "parse_description",
    "parse_line",
]

AnswerKind = Literal["done", "error", "unsupported"]


class ContractError(Exception):
    """An adapter said something that the contract does not allow; the message quotes it."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The one answer to a command, whichever kind it is.

    Attributes:
        id: the command's id.
        answer: ``done``, ``error`` (the implementation reported one) or ``unsupported``.
        result: what a ``done`` carries.
        error: the error record of an ``error``, in canonical words, without absent members.
        reason: why a command is ``unsupported``.
    """

    id: int
    answer: AnswerKind
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    reason: str = ""


def claims_of(description: Description, protocol: str, role: str) -> list[Claim]:
    """What an adapter claims for a protocol in a role: a row for each set of revisions."""
    return [
        claim
        for claim in description.implementations
        if claim.protocol == protocol and role in claim.roles
    ]


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def parse_line(line: bytes) -> Answer | Event:
    """Read one line of an adapter. In error records a null stands for an absent member.

    Raises:
        ContractError: it is not JSON, not UTF-8, no answer and no event, or a member is wrong.
    """
    try:
        value = _decode(line)
        if "event" in value:
            return _event(value)
        return _answer(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(
            f"the adapter printed a line that is no answer and no event ({error}): "
            f"{excerpt(line)}; stdout belongs to the contract, print logs to stderr"
        ) from error


def _event(value: dict[str, Any]) -> Event:
    if value["event"] == "error" and isinstance(value.get("data"), dict):
        value["data"] = _present(value["data"])
        msgspec.convert(value["data"], v1.ErrorRecord)
    return msgspec.convert(value, Event)


def _answer(value: dict[str, Any]) -> Answer:
    if isinstance(value.get("error"), dict):
        value["error"] = _present(value["error"])
    match msgspec.convert(value, v1.Answer):
        case v1.Done() as done:
            return Answer(id=done.id, answer="done", result=done.result)
        case v1.Failed() as failed:
            return Answer(id=failed.id, answer="error", error=value["error"])
        case unsupported:
            return Answer(id=unsupported.id, answer="unsupported", reason=unsupported.reason)


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def parse_description(result: dict[str, Any] | None) -> Description:
    """Read the result of ``describe``.

    Raises:
        ContractError: a member is missing or wrong, or the contract's version is another one.
    """
    try:
        return msgspec.convert(result or {}, Description)
    except msgspec.ValidationError as error:
        raise ContractError(f"the answer to `describe` breaks the contract: {error}") from error


def excerpt(data: bytes, limit: int = 120) -> str:
    """A harmless quotation of untrusted bytes."""
    text = repr(data[: limit + 1])[1:]
    return text if len(data) <= limit else f"{text[:limit]}… ({len(data)} bytes)"
