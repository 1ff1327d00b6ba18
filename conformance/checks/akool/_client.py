"""What the checks of Akool clients ask of a trace again and again."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from avatar_protocols import registry
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

__all__ = [
    "API_KEY",
    "DOCUMENTED",
    "NEWER",
    "V2",
    "Candidate",
    "Dialect",
    "advanced",
    "answer_after",
    "audio_in",
    "candidates_before",
    "credential",
    "dialect_of",
    "host_of",
    "payload_of",
    "query_of",
    "sent",
]

PROTOCOL = "akool"
#: Revisions that a rule holds in, where it does not hold in all.
V2 = ("0.1.8", "0.1.9")
NEWER = ("0.1.9",)
DOCUMENTED = ("0.1.8-documented",)
#: What the platform's key looks like in a trace.
API_KEY = "‹api_key›"


class Dialect:
    """What the messages of a revision are called.

    Attributes:
        constants: the revision's constants.
        errors: its error tables.
        documented: whether it is README's other dialect (OP-1).
        parameters, audio: names of the messages that set parameters and carry audio.
        greeting, joined: names of the two system messages.
    """

    def __init__(self, revision: str) -> None:
        info = registry.resolve(PROTOCOL, revision or None)
        self.constants: Any = info.load("constants")
        self.errors: Any = info.load("errors")
        kinds, status = self.constants.MessageType, self.constants.SystemStatus
        self.documented = hasattr(kinds, "AUTH")
        self.greeting = f"{kinds.SYSTEM}/{status.WEBSOCKET_CONNECTED}"
        self.joined = f"{kinds.SYSTEM}/{status.AGORA_CONNECTED}"
        if self.documented:
            self.parameters, self.audio = kinds.AGORA_PARAMS, kinds.AUDIO_DATA
            self.interrupt = self.leave = ""
        else:
            commands, events = self.constants.Command, self.constants.ClientEvent
            self.parameters, self.audio = f"{kinds.COMMAND}/{commands.SET_PARAMS}", kinds.CHAT
            self.interrupt = f"{kinds.COMMAND}/{commands.INTERRUPT}"
            self.leave = f"{kinds.EVENT}/{events.LEAVE_CHANNEL}"


def dialect_of(trace: Trace) -> Dialect:
    """The dialect that a trace is judged by."""
    return Dialect(trace.header.revision)


# --- messages ------------------------------------------------------------------------------------


def sent(trace: Trace, name: str) -> list[Record]:
    """The client's messages of one name; of any, if that is ""."""
    return trace.messages("client", name)


def payload_of(record: Record) -> dict[str, Any]:
    """The payload of a message in the envelope; {} if it has none."""
    return members_of((record.data or {}).get("pld"))


def audio_in(dialect: Dialect, record: Record) -> bytes | None:
    """The audio of a message; None if it cannot be read."""
    text = record.data.get("data") if dialect.documented and record.data else None
    if not dialect.documented:
        text = payload_of(record).get("audio")
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except binascii.Error:
        return None


# --- where a client dials ------------------------------------------------------------------------


class Candidate(msgspec.Struct, frozen=True):
    """One entry of a discovery response.

    Attributes:
        address: ``host:port``.
        usable: whether a client may connect to it.
        avatar_id: avatar that it has; "" where the dialect does not say.
    """

    address: str
    usable: bool
    avatar_id: str


def candidates_before(trace: Trace, record: Record) -> list[Candidate] | None:
    """What the last discovery before a record listed; None if there was none."""
    replies = [reply for _, reply in trace.http() if reply is not None and reply.seq < record.seq]
    if not replies:
        return None
    data = members_of((replies[-1].data or {}).get("data"))
    of = dialect_of(trace)
    entries: list[object] = data.get("services" if of.documented else "instances") or []
    return [_candidate(of, members_of(entry)) for entry in entries]


def _candidate(of: Dialect, entry: dict[str, Any]) -> Candidate:
    if of.documented:
        usable = entry.get("status") == of.constants.ServiceStatus.ACTIVE
        return Candidate(f"{entry.get('host')}:{entry.get('port')}", usable, "")
    available = entry.get("status") == of.constants.InstanceStatus.AVAILABLE
    usable = available and entry.get("healthy") is True
    address = f"{entry.get('ip')}:{entry.get('port')}"
    return Candidate(address, usable, str(entry.get("avatar_id")))


def host_of(socket: Socket) -> str:
    """``host:port`` that a client has dialled."""
    return "" if socket.upgrade is None else socket.upgrade.headers.get("host", "")


def query_of(record: Record) -> dict[str, str]:
    """The query of a request, decoded; of several of one name, the last."""
    query = parse_qs(urlsplit(record.target).query, keep_blank_values=True)
    return {name: values[-1] for name, values in query.items()}


# --- the adapter's side --------------------------------------------------------------------------


def credential(trace: Trace, name: str) -> Any:  # noqa: ANN401 - any option
    """A setting of the first `open`: an option, or else a credential; None if it is neither."""
    command = next(iter(trace.commands("open")), None)
    if command is None:
        return None
    data = command.data or {}
    return {**members_of(data.get("credentials")), **members_of(data.get("options"))}.get(name)


def answer_after(trace: Trace, name: str, record: Record) -> Record | None:
    """The first answer to commands of this name after a record."""
    return next((r for r in trace.answers(name) if r.seq > record.seq), None)


def advanced(trace: Trace, after: Record, until: Record | None = None) -> float:
    """Seconds by which the implementation's clock was moved between two records."""
    return sum(_steps(trace, after.seq, None if until is None else until.seq))


def _steps(trace: Trace, after: int, until: int | None) -> Iterator[float]:
    for command in trace.commands("advance"):
        if command.seq > after and (until is None or command.seq < until):
            yield float((command.data or {}).get("seconds", 0))
