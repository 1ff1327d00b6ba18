"""What the checks of the Live Avatar Channel ask of a trace again and again."""

from __future__ import annotations

import base64
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from avatar_protocols import schemas
from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.frames import AudioFrame, FrameError, ImageFrame
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import failed, passed
from conformance.checks.commands import answer_of
from conformance.trace import members_of, payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Socket, Trace

__all__ = [
    "AUDIO",
    "IMAGE",
    "START",
    "STOP",
    "TOP_LEVEL",
    "AgentTime",
    "commanded",
    "data_of",
    "definition",
    "delivered",
    "delivered_frames",
    "frame_fault",
    "has_adapter",
    "has_unknown_members",
    "is_success",
    "lacking",
    "misplaced",
    "socket_of",
    "survived",
    "texts",
    "top",
]

START = constants.Endpoint.SESSION_START.name
STOP = constants.Endpoint.SESSION_STOP.name
AUDIO = AudioFrame.__name__
IMAGE = ImageFrame.__name__
TOP_LEVEL = ("requestId", "responseId", "seq", "timestamp")

_UNPACK = {AUDIO: AudioFrame.unpack, IMAGE: ImageFrame.unpack}


# --- JSON events ---------------------------------------------------------------------------------


def top(record: Record, member: str) -> Any:  # noqa: ANN401 - any JSON value
    """A top-level member of an event; None if it is absent."""
    return (record.data or {}).get(member)


def data_of(record: Record, member: str) -> Any:  # noqa: ANN401 - any JSON value
    """A member of an event's ``data``; None if it is absent."""
    return members_of(top(record, "data")).get(member)


def is_success(reply: Record) -> bool:
    """Whether an HTTP reply has a status of success."""
    return HTTPStatus.OK <= (reply.status or 0) < HTTPStatus.MULTIPLE_CHOICES


def texts(records: Iterable[Record], sender: str, *names: str) -> list[Record]:
    """The JSON events of one side with one of these names, in order."""
    return [r for r in records if r.kind == "message" and r.sender == sender and r.name in names]


@cache
def _events() -> dict[str, Any]:
    bundle: dict[str, Any] = schemas.load(constants.PROTOCOL, constants.REVISION)["events"]
    return bundle


def definition(name: str) -> dict[str, Any] | None:
    """The schema of an event; None if the revision does not know it."""
    reference = _events()["discriminator"]["mapping"].get(name)
    return None if reference is None else _resolve({"$ref": reference})


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = _events()["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def payload_members(name: str) -> dict[str, Any] | None:
    """The members that an event's ``data`` may have; None if the event has no ``data``."""
    schema = definition(name)
    inner = (schema or {}).get("properties", {}).get("data")
    return None if inner is None else dict(_resolve(inner).get("properties", {}))


def lacking(record: Record) -> list[str]:
    """The required members that an event lacks, as paths; [] for an unknown event."""
    schema = definition(record.name)
    return [] if schema is None else list(_lacking(schema, record.data, ""))


def _lacking(schema: dict[str, Any], value: dict[str, Any] | None, prefix: str) -> Iterator[str]:
    if value is None:
        return
    for member in schema.get("required", ()):
        if member not in value:
            yield prefix + member
    for member, part in schema.get("properties", {}).items():
        if isinstance(value.get(member), dict):
            yield from _lacking(_resolve(part), value[member], f"{prefix}{member}.")


def misplaced(record: Record) -> str:
    """What is wrong with the places of an event's members (LAC-MSG-002); "" if nothing."""
    members = payload_members(record.name)
    inner = top(record, "data")
    if members is None:
        return "" if inner is None and "data" not in (record.data or {}) else "it has no data"
    if inner is not None and not isinstance(inner, dict):
        return "data must be an object"
    known = (definition(record.name) or {}).get("properties", {})
    for member in TOP_LEVEL:
        if member in known and member not in (record.data or {}) and member in (inner or {}):
            return f"{member} stands in data; its place is the top level"
    for member in members:
        if member not in known and member in (record.data or {}) and member not in (inner or {}):
            return f"{member} stands at top level; its place is data"
    absent = [path for path in lacking(record) if path == "data" or path in TOP_LEVEL]
    return f"{', '.join(absent)} is missing" if absent else ""


def has_unknown_members(record: Record) -> bool:
    """Whether an event has members that no document names."""
    known = (definition(record.name) or {}).get("properties", {})
    inner = payload_members(record.name) or {}
    content = members_of(top(record, "data"))
    return bool((record.data or {}).keys() - known.keys() or content.keys() - inner.keys())


# --- the adapter's side --------------------------------------------------------------------------


def has_adapter(trace: Trace) -> bool:
    """Whether an adapter took part: without one, silence of the application means nothing."""
    return bool(trace.commands("open"))


def commanded(trace: Trace, *names: str) -> list[Record]:
    """The commands that order one of these events, by `send_event` or a command of its own."""
    own: dict[str, str] = {MessageName.CONTROL_INTERRUPT: "interrupt"}
    commands = {own[name] for name in names if name in own}
    return [
        r
        for r in trace.commands()
        if r.name in commands or (r.name == "send_event" and (r.data or {}).get("name") in names)
    ]


# --- surviving -----------------------------------------------------------------------------------


def socket_of(trace: Trace, record: Record) -> Socket | None:
    """The socket of a record."""
    return next((s for s in trace.sockets() if s.number == record.connection), None)


def delivered(trace: Trace, probe: Record) -> Record | None:
    """The event by which an input.text reached the application."""
    wanted = (top(probe, "requestId"), data_of(probe, "text"))
    return next(
        (
            event
            for event in trace.events("text")
            if event.seq > probe.seq
            and ((event.data or {}).get("request_id"), (event.data or {}).get("text")) == wanted
        ),
        None,
    )


def survived(trace: Trace, odd: Sequence[Record], what: str) -> Iterator[Finding]:
    """Whether input.text still reaches the application after each of these messages.

    Args:
        trace: the trace.
        odd: messages of the platform that must do no harm.
        what: how to name them.
    """
    for record in odd:
        socket = socket_of(trace, record)
        if socket is None:
            continue
        later = socket.after(record)
        ended = next(
            (r for r in later if r.kind in {"close", "reset"} and r.sender == "client"), None
        )
        probe = next(iter(_probes(later)), None)
        if ended is not None and (probe is None or ended.seq < probe.seq):
            yield failed(
                ended,
                f"the client ended the connection after {what}; it must skip that and go on",
                record,
            )
        elif probe is not None and has_adapter(trace):
            event = delivered(trace, probe)
            if event is not None:
                yield passed(record, event)
            else:
                yield failed(
                    record,
                    f"after {what} the client delivers nothing any more: input.text "
                    f"{top(probe, 'requestId')} never reached the application",
                    probe,
                )


def _probes(records: Iterable[Record]) -> list[Record]:
    names = (MessageName.INPUT_TEXT,)
    return [r for r in texts(records, "server", *names) if not lacking(r)]


# --- media frames --------------------------------------------------------------------------------


def frame_fault(record: Record, name: str) -> FrameError | None:
    """What is wrong with a frame by its layout; None if nothing is."""
    try:
        _UNPACK[name](payload(record))
    except FrameError as error:
        return error
    return None


def delivered_frames(trace: Trace, event: str, frame: Record, header_bytes: int) -> list[Record]:
    """The events that hold the payload of a frame, or begin with it. Payloads tell frames apart."""
    content = payload(frame)[header_bytes:]
    return [
        found
        for found in trace.events(event)
        if content
        and found.seq > frame.seq
        and base64.b64decode((found.data or {}).get("payload") or "").startswith(content)
    ]


# --- the agent's time ----------------------------------------------------------------------------


class AgentTime:
    """How much time the agent under test lived through.

    The agent's clock is not the trace's: a scenario moves it by `advance`, on top of the time that
    passes. Within one `advance` everything may have happened at any moment of it, and what a timer
    sent may arrive after the answer; so a span has two bounds, and an `advance` is over for good
    with the next command.

    Args:
        trace: the trace.
    """

    def __init__(self, trace: Trace) -> None:
        self._spans: list[tuple[int, int, float]] = []
        self._last = trace.records[-1] if trace.records else None
        commands = [record.seq for record in trace.commands()]
        last = self._last.seq + 1 if self._last is not None else 0
        for command in trace.commands("advance"):
            answer = answer_of(trace, command)
            answered = last if answer is None else answer.seq
            end = next((seq for seq in commands if seq > answered), last)
            self._spans.append((command.seq, end, float((command.data or {}).get("seconds", 0.0))))

    def between(self, first: Record, last: Record) -> tuple[float, float]:
        """At least and at most how many seconds lie between two records."""
        least = most = 0.0
        for begin, end, seconds in self._spans:
            if first.seq < begin and end <= last.seq:
                least += seconds
            if begin < last.seq and end > first.seq:
                most += seconds
        return least, most + max(0.0, last.time - first.time)

    def since(self, first: Record) -> tuple[float, float]:
        """At least and at most how many seconds lie between a record and the end of the trace."""
        last = self._last or first
        spans = [seconds for _, end, seconds in self._spans if end > first.seq]
        whole = [seconds for begin, _, seconds in self._spans if begin > first.seq]
        return sum(whole), sum(spans) + max(0.0, last.time - first.time)
