"""What the checks of agents ask of a trace again and again."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols.trace import Record
from avatar_protocols.videosdk.v1_0 import constants
from avatar_protocols.videosdk.v1_0.messages import MessageName
from conformance.checks.commands import answer_of, outcomes, told
from conformance.trace import members_of, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Trace

__all__ = [
    "CONTROL",
    "DISPATCH",
    "INTERRUPT",
    "PCM",
    "Buffer",
    "accepted",
    "advanced",
    "attached",
    "buffers",
    "failed_sends",
    "faults",
    "is_success",
    "option",
    "rejoined",
    "spoken",
    "token_of",
]

DISPATCH = constants.Endpoint.DISPATCH.name
PCM: str = constants.Payload.PCM
INTERRUPT: str = constants.Control.INTERRUPT
CONTROL = (INTERRUPT, MessageName.SEGMENT_END)
#: Notes and events that only our own room and adapters make.
_SEND_FAILED = "send_failed"
_FAULT = "fault"


# --- HTTP and tokens -----------------------------------------------------------------------------


def is_success(reply: Record | None) -> bool:
    """Whether an HTTP reply has a status of success."""
    status = 0 if reply is None else reply.status or 0
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def token_of(request: Record) -> dict[str, Any]:
    """What the token of a join request says: header, claims, signature; {} if it is no JWT."""
    return members_of((request.data or {}).get(constants.JoinField.TOKEN))


# --- the adapter's side --------------------------------------------------------------------------


def option(trace: Trace, name: str) -> Any:  # noqa: ANN401 - any option
    """A setting of the first `open`: its own option, or the platform's value of that name."""
    command = next(iter(trace.commands("open")), None)
    if command is None:
        return None
    data = command.data or {}
    given = members_of(data.get("options"))
    if name in given:
        return given[name]
    known = {**members_of(data.get("urls")), **members_of(data.get("credentials"))}
    return known.get(name)


def accepted(trace: Trace, *names: str) -> list[Record]:
    """Commands of these names that were carried out."""
    return [command for command, answer in outcomes(trace, *names) if told(answer) == "done"]


def advanced(trace: Trace, first: Record, last: Record) -> float:
    """At most how many seconds the agent lived through between two records.

    Its clock is moved by `advance`, on top of the time that passes. Within one `advance`
    everything may have happened at any moment, and what a timer sent may arrive after the answer.
    """
    commands = [record.seq for record in trace.commands()]
    seconds = max(0.0, last.time - first.time)
    for command in trace.commands("advance"):
        answer = answer_of(trace, command)
        answered = last.seq if answer is None else answer.seq
        end = next((seq for seq in commands if seq > answered), last.seq + 1)
        if command.seq < last.seq and end > first.seq:
            seconds += float((command.data or {}).get("seconds", 0.0))
    return seconds


def faults(trace: Trace) -> list[Record]:
    """Exceptions that escaped from the agent's listener, as its adapter saw them."""
    return trace.events(_FAULT)


# --- the room ------------------------------------------------------------------------------------


def spoken(trace: Trace) -> list[Record]:
    """Everything that the agent broadcast."""
    return trace.messages("client")


def attached(trace: Trace, record: Record) -> bool:
    """Whether the agent was in the room and attached, at a record."""
    state = False
    for each in trace.records:
        if each.seq >= record.seq:
            break
        if each.kind == "join" and each.sender == "client":
            state = True
        elif (each.kind == "leave" and each.sender == "client") or _fails(each):
            state = False
    return state


def failed_sends(trace: Trace) -> list[Record]:
    """The agent's sends that the room refused."""
    return [record for record in trace.records if _fails(record)]


def rejoined(trace: Trace, record: Record) -> Record | None:
    """The agent's next join behind a record."""
    return next(
        (
            each
            for each in trace.records
            if each.seq > record.seq and each.kind == "join" and each.sender == "client"
        ),
        None,
    )


def _fails(record: Record) -> bool:
    return record.kind == "note" and record.name == _SEND_FAILED and record.sender == "client"


# --- speech --------------------------------------------------------------------------------------


class Buffer(msgspec.Struct, frozen=True, kw_only=True):
    """One buffer of speech and what became of it.

    Attributes:
        command: the order to say it.
        audio: its bytes.
        chunks: the audio messages that carry it, as far as their number of bytes tells.
    """

    command: Record
    audio: bytes
    chunks: tuple[Record, ...]

    @property
    def sent(self) -> bytes:
        """What went out."""
        return b"".join(map(payload, self.chunks))

    @property
    def wanted(self) -> bytes:
        """What should have: an odd buffer is completed by a zero byte (VSD-PCM-004)."""
        missing = len(self.audio) % constants.Audio.BYTES_PER_SAMPLE
        return self.audio + bytes((constants.Audio.PAD_BYTE,)) * missing


def buffers(trace: Trace) -> Iterator[Buffer]:
    """The buffers that were handed over in the room, each with its share of the chunks.

    Chunks go to buffers by size, in order: how an agent cuts a buffer is its own business.
    """
    chunks = [record for record in spoken(trace) if record.name == PCM]
    for command in accepted(trace, "send_audio"):
        audio = _audio(command)
        if audio is None or not attached(trace, command):
            continue
        mine: list[Record] = []
        size = 0
        while chunks and size < len(audio):
            mine.append(chunks.pop(0))
            size += len(payload(mine[-1]))
        yield Buffer(command=command, audio=audio, chunks=tuple(mine))


def _audio(command: Record) -> bytes | None:
    try:
        return base64.b64decode(str((command.data or {}).get("audio", "")), validate=True)
    except binascii.Error:
        return None
