"""Framing, as a server keeps it and as it bears with a client's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import Limit
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import confirmed, envelope, member_of
from conformance.checks.avatarkit._server import refusals, served
from conformance.checks.avatarkit.framing import RESERVED_FIELD, RESERVED_TYPE, unknown_fields
from conformance.trace import payload

if TYPE_CHECKING:
    from conformance.trace import Trace

_SERVERS: Final = frozenset(
    {
        pb.MESSAGE_SERVER_CONFIRM_SESSION,
        pb.MESSAGE_SERVER_ERROR,
        pb.MESSAGE_SERVER_RESPONSE_ANIMATION,
    }
)


@check("AVK-FRAME-003", role="server", always=True)
def type_and_payload_agree(trace: Trace) -> Findings:
    """The type and its payload are set together."""
    for record in trace.messages("server"):
        message = envelope(record)
        if message is None:
            continue
        wanted, case = member_of(record.name), message.WhichOneof("data")
        if wanted and case == wanted:
            yield passed(record)
        else:
            yield failed(record, f"type {message.type} comes with the payload {case or 'of none'}")


@check("AVK-FRAME-004", role="server")
@check("AVK-FRAME-005", role="server")
def reads_lawful_messages(trace: Trace) -> Findings:
    """Absent fields mean their defaults, unknown ones mean nothing: the session is served."""
    for socket in trace.sockets():
        if socket.is_open and confirmed(socket) is None:
            yield failed(socket.upgrade, "a lawful configuration was not confirmed")
    yield from served(trace)


@check("AVK-FRAME-006", role="server", always=True)
def emits_nothing_reserved(trace: Trace) -> Findings:
    """Type 6 and envelope field 7 are never emitted."""
    for record in trace.messages("server"):
        message = envelope(record)
        if message is None:
            continue
        if message.type == RESERVED_TYPE:
            yield failed(record, f"type {RESERVED_TYPE} is reserved")
        elif RESERVED_FIELD in unknown_fields(message):
            yield failed(record, f"envelope field {RESERVED_FIELD} is reserved")
        else:
            yield passed(record)


@check("AVK-FRAME-010", role="server", always=True)
def stays_within_the_limit(trace: Trace) -> Findings:
    """No message is larger than what the shipped client takes."""
    for record in trace.messages("server"):
        size = len(payload(record))
        if size > Limit.MESSAGE_BYTES:
            yield failed(record, f"{size} bytes; clients close above {Limit.MESSAGE_BYTES}")
        else:
            yield passed(record)


@check("AVK-FRAME-011", role="server")
def answers_unreadable_messages(trace: Trace) -> Findings:
    """Text or an undecodable message gets a ServerError and brings nothing down."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        if ready is None:
            continue
        errors = refusals(socket)
        for record in socket.messages("client"):
            if record.seq < ready.seq or envelope(record) is not None:
                continue
            answer = next((e.record for e in errors if e.record.seq > record.seq), None)
            if answer is None:
                yield failed(record, "an unreadable message was not answered with a ServerError")
            else:
                yield passed(record, answer)
        if socket.end is not None and socket.end.sender == "server":
            first = next(
                (r for r in socket.records if r.sender == "client" and r.kind == "close"), None
            )
            if first is None or first.seq > socket.end.seq:
                yield failed(socket.end, "an unreadable message ended the connection")


@check("AVK-ANIM-008", role="server", always=True)
def sends_only_its_own_types(trace: Trace) -> Findings:
    """A server confirms, reports and animates; it sends no audio back."""
    for record in trace.messages("server"):
        message = envelope(record)
        if message is None:
            continue
        if message.type in _SERVERS:
            yield passed(record)
        else:
            yield failed(record, f"a server does not send {record.name or message.type}")
