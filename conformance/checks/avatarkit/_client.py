"""What the checks of the client role share: typed views of a trace.

Messages are read from their bytes with the generated protobuf classes, error records become
`Reported`, and commands are paired with their answers. A session that a scenario opens is one
`Opening`: the command, what it led to on the wire, and how it was answered.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.message import DecodeError

from avatar_protocols.avatarkit.v0_1_7.constants import Endpoint
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from avatar_protocols.trace import Record
from conformance.trace import Socket, payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Trace

__all__ = [
    "ANIMATION",
    "AUDIO",
    "CONFIGURE",
    "CONFIRM",
    "ERROR",
    "INTERRUPT",
    "Call",
    "Opening",
    "Reported",
    "Request",
    "animations",
    "audio_of",
    "calls",
    "configuration",
    "confirmed",
    "envelope",
    "frames",
    "member_of",
    "openings",
    "reported",
    "requests",
]

CONFIGURE: Final = pb.MessageType.Name(pb.MESSAGE_CLIENT_CONFIGURE_SESSION)
CONFIRM: Final = pb.MessageType.Name(pb.MESSAGE_SERVER_CONFIRM_SESSION)
AUDIO: Final = pb.MessageType.Name(pb.MESSAGE_CLIENT_AUDIO_INPUT)
ERROR: Final = pb.MessageType.Name(pb.MESSAGE_SERVER_ERROR)
ANIMATION: Final = pb.MessageType.Name(pb.MESSAGE_SERVER_RESPONSE_ANIMATION)
INTERRUPT: Final = pb.MessageType.Name(pb.MESSAGE_CLIENT_INTERRUPT)

_RESET: Final = "Reset"
"""Type of the errors that answer commands which were still running at a `reset`."""


def member_of(name: str) -> str:
    """The member of the envelope that belongs to a type: the schema names one after the other."""
    member = name.removeprefix("MESSAGE_").lower()
    return member if member in pb.Message.DESCRIPTOR.fields_by_name else ""


def envelope(record: Record) -> pb.Message | None:
    """The message of a record; None if it is text or cannot be decoded."""
    if record.opcode != "binary":
        return None
    try:
        return pb.Message.FromString(payload(record))
    except DecodeError:
        return None


# -- the wire --------------------------------------------------------------------------------------


def configuration(socket: Socket) -> tuple[Record, pb.ClientConfigureSession] | None:
    """The configuration that the client sent first on a socket."""
    for record in socket.messages("client", CONFIGURE):
        message = envelope(record)
        if message is not None:
            return record, message.client_configure_session
    return None


def confirmed(socket: Socket) -> Record | None:
    """The confirmation that opened the session; None if it never opened."""
    for record in socket.messages("server", CONFIRM):
        message = envelope(record)
        if message is not None and message.server_confirm_session.connection_id:
            return record
    return None


class Request(msgspec.Struct, kw_only=True):
    """The audio messages of one req_id on one socket.

    Attributes:
        req_id: the id.
        records: the messages, in order.
        chunks: their payloads.
    """

    req_id: str
    records: list[Record] = []
    chunks: list[pb.ClientAudioInput] = []

    @property
    def audio(self) -> bytes:
        """All its bytes."""
        return b"".join(chunk.audio for chunk in self.chunks)

    @property
    def ended(self) -> bool:
        """Whether a chunk said that it was the last."""
        return any(chunk.end for chunk in self.chunks)


def requests(socket: Socket) -> list[Request]:
    """The requests of a socket, in the order of their first chunks."""
    found: dict[str, Request] = {}
    for record in socket.messages("client", AUDIO):
        message = envelope(record)
        if message is None:
            continue
        chunk = message.client_audio_input
        request = found.setdefault(chunk.req_id, Request(req_id=chunk.req_id))
        request.records.append(record)
        request.chunks.append(chunk)
    return list(found.values())


def animations(trace: Trace) -> list[tuple[Record, pb.ServerResponseAnimation]]:
    """The animation messages that reached an open session, in order."""
    found: list[tuple[Record, pb.ServerResponseAnimation]] = []
    for socket in trace.sockets():
        ready = confirmed(socket)
        if ready is None:
            continue
        for record in socket.messages("server", ANIMATION):
            message = envelope(record)
            if message is not None and record.seq > ready.seq:
                found.append((record, message.server_response_animation))
    return sorted(found, key=lambda item: item[0].seq)


# -- the adapter -----------------------------------------------------------------------------------


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """One error that the implementation reported: an ErrorRecord and where it stands.

    Attributes:
        record: the answer or the event.
        members: what the ErrorRecord says, without empty members.
    """

    record: Record
    members: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.members.get("code", ""))

    @property
    def phase(self) -> str:
        return str(self.members.get("phase", ""))

    @property
    def local(self) -> bool:
        """Whether the implementation blames its caller; such errors have no code to be judged."""
        return self.members.get("kind") == "local"

    def get(self, member: str) -> Any:  # noqa: ANN401 - a member of any type
        """A member; None if it is empty."""
        return self.members.get(member)

    def __str__(self) -> str:
        if self.local:
            return f"a local error ({self.get('type') or self.get('message') or 'no type'})"
        return f"{self.code or 'no code'} in phase {self.phase or 'none'}"


def _error(record: Record, members: dict[str, Any] | None) -> Reported:
    table = members or {}
    told = {key: value for key, value in table.items() if value is not None and value != ""}
    return Reported(record=record, members=told)


def _dropped(record: Record) -> bool:
    """Whether an answer only says that the runner's `reset` ended the command."""
    error: dict[str, Any] = (record.data or {}).get("error") or {}
    return error.get("type") == _RESET


def reported(trace: Trace) -> list[Reported]:
    """Every error that the implementation reported, in order."""
    found: list[Reported] = []
    for record in trace.records:
        data = record.data or {}
        if record.kind == "event" and record.name == "error":
            found.append(_error(record, data))
        elif record.kind == "answer" and data.get("answer") == "error" and not _dropped(record):
            found.append(_error(record, data.get("error")))
    return found


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A command and its answer.

    Attributes:
        command: what the implementation was told.
        answer: what came back; None if nothing did.
    """

    command: Record
    answer: Record | None = None

    @property
    def params(self) -> dict[str, Any]:
        return self.command.data or {}

    @property
    def kind(self) -> str:
        """done, error, unsupported; "" without an answer."""
        return str((self.answer.data or {}).get("answer", "")) if self.answer is not None else ""

    @property
    def done(self) -> bool:
        return self.kind == "done"

    @property
    def result(self) -> dict[str, Any]:
        data = (self.answer.data or {}) if self.answer is not None else {}
        return data.get("result") or {}

    @property
    def error(self) -> Reported | None:
        """The error it was answered with."""
        if self.answer is None or self.kind != "error":
            return None
        return _error(self.answer, (self.answer.data or {}).get("error"))

    def during(self, record: Record) -> bool:
        """Whether a record was written between the command and its answer."""
        end = self.answer.seq if self.answer is not None else float("inf")
        return self.command.seq < record.seq < end


def calls(trace: Trace, name: str) -> list[Call]:
    """The commands of one name with their answers; the n-th answer belongs to the n-th command."""
    commands = trace.commands(name)
    answers = [record for record in trace.answers(name) if not _dropped(record)]
    padded = [*answers, *[None] * (len(commands) - len(answers))]
    return [
        Call(command=command, answer=answer)
        for command, answer in zip(commands, padded, strict=False)
    ]


def audio_of(call: Call) -> bytes:
    """The application's bytes in a `send_audio` command."""
    return base64.b64decode(call.params.get("audio") or "")


def frames(trace: Trace) -> list[tuple[Record, bytes, bool]]:
    """What the application got as animation: the event, its bytes, its end flag."""
    found: list[tuple[Record, bytes, bool]] = []
    for record in trace.events("frame"):
        data = record.data or {}
        found.append((record, base64.b64decode(data.get("data") or ""), data.get("end") is True))
    return found


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """One `open` command and what it led to.

    Attributes:
        call: the command and its answer.
        sockets: the WebSockets that were tried because of it.
        tokens: the token calls it made, each with its reply.
        until: seq of the `open` after it; infinite for the last.
    """

    call: Call
    until: float
    sockets: list[Socket]
    tokens: list[tuple[Record, Record | None]]

    @property
    def socket(self) -> Socket | None:
        return self.sockets[0] if self.sockets else None

    def setting(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - a setting of any type
        """A setting, looked up in options, credentials and urls, as adapters do."""
        for group in ("options", "credentials", "urls"):
            table: dict[str, Any] = self.call.params.get(group) or {}
            if name in table:
                return table[name]
        return default

    def lets_fail(self, event: str) -> bool:
        """Whether the application's callback behind an event raises."""
        faults: dict[str, Any] = self.setting("callbacks") or {}
        return event in faults


def openings(trace: Trace) -> Iterator[Opening]:
    """The `open` commands; whatever happened until the next one belongs to the one before."""
    found = calls(trace, "open")
    limits = [*(call.command.seq for call in found[1:]), math.inf]
    tokens = trace.http(Endpoint.SESSION_TOKENS.name)
    for call, until in zip(found, limits, strict=False):  # a trace may hold no `open` at all
        start = call.command.seq
        yield Opening(
            call=call,
            until=until,
            sockets=[
                socket
                for socket in trace.sockets()
                if socket.records and start < socket.records[0].seq < until
            ],
            tokens=[pair for pair in tokens if start < pair[0].seq < until],
        )
