"""Framing: one binary protobuf envelope a message, and what is made of odd ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.unknown_fields import UnknownFieldSet

from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    ANIMATION,
    CONFIRM,
    ERROR,
    calls,
    confirmed,
    envelope,
    frames,
    member_of,
    reported,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from avatar_protocols.avatarkit.v2 import message_pb2 as pb
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

RESERVED_TYPE: Final = 6
RESERVED_FIELD: Final = 7


@check("AVK-FRAME-001", role="both", always=True)
def binary_envelopes(trace: Trace) -> Findings:
    """Every message is binary and one serialized Message."""
    for record in trace.judged():
        if record.opcode != "binary":
            yield failed(record, f"a {record.opcode} message; the protocol has binary ones only")
        elif envelope(record) is None:
            yield failed(record, "a binary message that is no serialized Message")
        else:
            yield passed(record)


@check("AVK-FRAME-003", role="client", always=True)
def type_and_payload_agree(trace: Trace) -> Findings:
    """The type and its payload are set together."""
    for record in trace.messages("client"):
        message = envelope(record)
        if message is None or not member_of(record.name):
            continue
        case = message.WhichOneof("data")
        if case == member_of(record.name):
            yield passed(record)
        else:
            yield failed(
                record, f"{record.name} carries {case or 'nothing'}, not {member_of(record.name)}"
            )


@check("AVK-FRAME-006", role="client", always=True)
def reserved_numbers(trace: Trace) -> Findings:
    """Type 6 and field 7 of the envelope are not used."""
    for record in trace.messages("client"):
        message = envelope(record)
        if message is None:
            continue
        if message.type == RESERVED_TYPE:
            yield failed(record, f"a message of type {RESERVED_TYPE}, which is reserved")
        elif RESERVED_FIELD in unknown_fields(message):
            yield failed(record, f"field {RESERVED_FIELD} of the envelope, which is reserved")
        else:
            yield passed(record)


def unknown_fields(message: Message) -> set[int]:
    """The numbers of the fields of a message that the schema does not know."""
    return {field.field_number for field in UnknownFieldSet(message)}  # type: ignore[attr-defined] # the stubs lack it


def _incoming(trace: Trace) -> Iterator[tuple[Record, pb.Message | None]]:
    """The server's messages after the handshake; None for text and for undecodable ones."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        if ready is not None:
            for record in socket.messages("server"):
                if record.seq > ready.seq:
                    yield record, envelope(record)


@check("AVK-FRAME-002", role="client")
def kind_is_the_type(trace: Trace) -> Findings:
    """A message whose payload belongs to another type is taken for what its type says."""
    delivered = [data for _, data, _ in frames(trace)]
    for record, message in _incoming(trace):
        if message is None or message.WhichOneof("data") in {None, member_of(record.name)}:
            continue
        if record.name == ANIMATION:
            if payload(record) in delivered:
                yield passed(record)
            else:
                yield failed(record, "a message of the animation's type was not delivered as one")
        elif payload(record) in delivered:
            yield failed(record, f"{record.name} was delivered as animation, for its payload")


@check("AVK-FRAME-004", role="client")
def absent_means_default(trace: Trace) -> Findings:
    """end, code and message that are not on the wire are false, 0 and empty."""
    delivered = frames(trace)
    errors = [error for error in reported(trace) if error.record.kind == "event"]
    for record, message in _incoming(trace):
        if message is None:
            continue
        if record.name == ANIMATION and not message.server_response_animation.end:
            event = next((e for e in delivered if e[1] == payload(record)), None)
            if event is not None and event[2]:
                yield failed(event[0], "the end flag is set, though it is absent on the wire")
            elif event is not None:
                yield passed(event[0])
        if record.name == ERROR and not message.server_error.code:
            told = next((e for e in errors if e.record.seq > record.seq), None)
            code = told.get("server_code") if told is not None else None
            if told is not None and code not in {None, "0"}:
                yield failed(told.record, f"server_code is {code!r}, though none is on the wire")
            elif told is not None:
                yield passed(told.record)


@check("AVK-FRAME-005", role="client")
def unknown_fields_are_tolerated(trace: Trace) -> Findings:
    """Messages with fields nobody knows work like those without."""
    delivered = [data for _, data, _ in frames(trace)]
    opened = [call for call in calls(trace, "open") if call.answer is not None]
    errors = [error for error in reported(trace) if error.record.kind == "event"]
    for record in trace.messages("server"):
        message = envelope(record)
        if message is None or not _hasunknown_fields(message):
            continue
        if record.name == CONFIRM and confirmed_by(record, trace):
            call = next((c for c in opened if c.during(record)), None)
            if call is not None and call.done:
                yield passed(record)
            elif call is not None:
                yield failed(record, "a confirmation with unknown fields did not open the session")
        elif record.name == ANIMATION and payload(record) in delivered:
            yield passed(record)
        elif record.name == ANIMATION:
            yield failed(record, "animation with unknown fields was not delivered")
        elif record.name == ERROR:
            told = next((e for e in errors if e.record.seq > record.seq), None)
            if told is not None and told.get("server_detail") == message.server_error.message:
                yield passed(record, told.record)
            else:
                yield failed(record, "a ServerError with unknown fields was not reported")


def confirmed_by(record: Record, trace: Trace) -> bool:
    """Whether this is the message that confirms a session."""
    return any(confirmed(socket) is record for socket in trace.sockets())


def _hasunknown_fields(message: pb.Message) -> bool:
    case = message.WhichOneof("data")
    return bool(unknown_fields(message)) or (
        case is not None and bool(unknown_fields(getattr(message, case)))
    )


def _ignored(trace: Trace, odd: list[Record], what: str) -> Findings:
    """Odd messages caused nothing, and the session went on afterwards."""
    if not odd:
        return
    last = odd[-1]
    sent = [payload(record) for record in odd]
    for event, data, _ in frames(trace):
        if data in sent:
            yield failed(event, f"{what} was delivered as animation; it is to be passed over")
            return
    reaction = next(
        (
            r
            for r in trace.records
            if r.seq > odd[0].seq
            and ((r.kind == "event" and r.name in {"error", "closed"}) or _leaves(r))
        ),
        None,
    )
    if reaction is not None:
        how = f"event {reaction.name}" if reaction.kind == "event" else "a close"
        yield failed(reaction, f"{what} caused {how}; it is to be passed over", last)
    elif any(event.seq > last.seq for event, _, _ in frames(trace)):
        yield passed(last)


def _leaves(record: Record) -> bool:
    return record.kind in {"close", "reset"} and record.sender == "client"


@check("AVK-FRAME-007", role="client")
def unexpected_types_are_ignored(trace: Trace) -> Findings:
    """After the handshake messages of unknown or unexpected types are passed over."""
    odd = [r for r, m in _incoming(trace) if m is not None and r.name not in {ANIMATION, ERROR}]
    return _ignored(trace, odd, "a message of an unknown or unexpected type")


@check("AVK-FRAME-008", role="client")
def text_is_ignored(trace: Trace) -> Findings:
    """After the handshake text messages are passed over."""
    odd = [record for record, _ in _incoming(trace) if record.opcode == "text"]
    return _ignored(trace, odd, "a text message")


@check("AVK-FRAME-009", role="client")
def undecodable_is_reported(trace: Trace) -> Findings:
    """After the handshake an undecodable message is a protocolError, and the connection stays."""
    broken = [r for r, m in _incoming(trace) if m is None and r.opcode == "binary"]
    for record in broken:
        told = next(
            (e for e in reported(trace) if e.record.kind == "event" and e.record.seq > record.seq),
            None,
        )
        end = next((r for r in trace.wire() if r.seq > record.seq and _leaves(r)), None)
        if told is None:
            continue
        if (told.code, told.phase) != (ErrorCode.PROTOCOL_ERROR, Phase.WEBSOCKET_RUNTIME):
            yield failed(
                told.record,
                f"an undecodable message was reported as {told}, "
                f"not {ErrorCode.PROTOCOL_ERROR} in phase {Phase.WEBSOCKET_RUNTIME}",
            )
        elif end is not None:
            yield failed(end, "the client left after an undecodable message; it is to stay")
        else:
            yield passed(record, told.record)
