"""A session's beginning and end on the server's side: handshake, refusals, pings, limits, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import ServerErrorCode
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    ANIMATION,
    CONFIGURE,
    CONFIRM,
    ERROR,
    confirmed,
    envelope,
)
from conformance.checks.avatarkit._server import (
    Refused,
    configured,
    matches,
    refusals,
    server_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Socket, Trace

_FIRST: Final = frozenset({CONFIRM, ERROR})
_EGRESS_CODES: Final = frozenset({ServerErrorCode.UNAVAILABLE, ServerErrorCode.UNAUTHENTICATED})
_BILLING_CODES: Final = frozenset(
    {ServerErrorCode.CREDITS_EXHAUSTED, ServerErrorCode.SESSION_DURATION_EXCEEDED}
)


def _refused(trace: Trace) -> Iterator[tuple[Socket, Refused | None]]:
    """Each open socket with its first error; of those after the handshake, if ``expect.later``."""
    for socket in trace.sockets():
        if not socket.is_open:
            continue
        ready = confirmed(socket)
        later = ready is not None and trace.expect.get("later", False)
        start = ready.seq if later and ready is not None else 0
        yield socket, next((r for r in refusals(socket) if r.record.seq > start), None)


def _refuses(trace: Trace) -> Findings:
    """The error that the scenario provokes says what the documents want it to say."""
    for socket, refused in _refused(trace):
        if refused is None:
            yield failed(socket.upgrade, "no ServerError came")
            continue
        wrong = matches(refused, trace.expect)
        yield failed(refused.record, wrong) if wrong else passed(refused.record)


@check("AVK-HS-002", role="server", always=True)
def begins_with_confirm_or_error(trace: Trace) -> Findings:
    """The server's first message is a confirmation or an error."""
    for socket in trace.sockets():
        first = socket.first(kind="message", sender="server")
        if first is None:
            continue
        if first.name not in _FIRST:
            yield failed(first, f"the server's first message is {first.name or 'unreadable'}")
        elif first.name == CONFIRM and not socket.messages("client", CONFIGURE):
            yield failed(first, "the session was confirmed before it was configured")
        else:
            yield passed(first)


@check("AVK-HS-003", role="server", always=True)
def names_the_connection(trace: Trace) -> Findings:
    """The confirmation carries a connection_id."""
    for record in trace.messages("server", CONFIRM):
        message = envelope(record)
        if message is None:
            continue
        if message.server_confirm_session.connection_id:
            yield passed(record)
        else:
            yield failed(record, "the confirmation has no connection_id")


@check("AVK-HS-007", role="server")
def refuses_a_wrong_start(trace: Trace) -> Findings:
    """A first message that is no configuration: an error that says which fault, then the close."""
    yield from _refuses(trace)
    for socket in trace.sockets():
        if socket.is_open and server_end(socket) is None:
            yield failed(socket.upgrade, "the connection was left open after a refused handshake")


@check("AVK-HS-008.refuses", role="server")
@check("AVK-HS-011", role="server")
@check("AVK-EGRESS-005", role="server")
@check("AVK-EGRESS-006", role="server")
@check("AVK-EGRESS-007", role="server")
@check("AVK-IDLE-003", role="server")
@check("AVK-IDLE-004", role="server")
@check("AVK-IDLE-005", role="server")
def reports_as_documented(trace: Trace) -> Findings:
    """A refusal or an announced end says what clients look for."""
    yield from _refuses(trace)


@check("AVK-HS-008.confirms", role="server")
def confirms_allowed_rates(trace: Trace) -> Findings:
    """A rate that the format allows is confirmed."""
    for socket in trace.sockets():
        config = configured(socket)
        if config is None:
            continue
        ready = confirmed(socket)
        if ready is None:
            yield failed(socket.upgrade, f"{config.sample_rate} Hz was not confirmed")
        else:
            yield passed(ready)


@check("AVK-HS-013", role="server", always=True)
@check("AVK-ERR-010.connection", role="server", always=True)
def repeats_the_connection_id(trace: Trace) -> Findings:
    """Every later error and animation names the connection."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        message = envelope(ready) if ready is not None else None
        if ready is None or message is None:
            continue
        mine = message.server_confirm_session.connection_id
        for record in socket.messages("server"):
            later = envelope(record)
            if record.seq <= ready.seq or later is None or record.name not in {ERROR, ANIMATION}:
                continue
            part = later.server_error if record.name == ERROR else later.server_response_animation
            if part.connection_id == mine:
                yield passed(record)
            else:
                yield failed(record, f"connection_id is {part.connection_id!r}, not {mine!r}")


@check("AVK-ERR-010.request", role="server")
def ties_errors_to_requests(trace: Trace) -> Findings:
    """An error that is tied to a request carries its req_id."""
    for socket, refused in _refused(trace):
        if refused is None:
            yield failed(socket.upgrade, "no ServerError came")
        elif refused.error.req_id == trace.expect["req_id"]:
            yield passed(refused.record)
        else:
            yield failed(
                refused.record,
                f"req_id is {refused.error.req_id!r}, not {trace.expect['req_id']!r}",
            )


@check("AVK-ERR-011", role="server", always=True)
def keeps_codes_apart(trace: Trace) -> Findings:
    """Egress codes belong to egress sessions, billing codes to the end of a session."""
    for socket in trace.sockets():
        config = configured(socket)
        egress = config is not None and config.egress_type != pb.EGRESS_TYPE_UNSPECIFIED
        for refused in refusals(socket):
            if refused.error.code in _EGRESS_CODES and not egress:
                yield failed(refused.record, f"{refused.says} in a session without egress")
            elif refused.error.code in _BILLING_CODES and server_end(socket) is None:
                yield failed(refused.record, f"{refused.says}, and yet the session goes on")
            else:
                yield passed(refused.record)


@check("AVK-CLOSE-006", role="server", always=True)
def closes_after_a_fatal_error(trace: Trace) -> Findings:
    """A refused handshake and an end by billing or idleness are followed by a close."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        for refused in refusals(socket):
            in_handshake = ready is None or refused.record.seq < ready.seq
            fatal = in_handshake or trace.expect.get("fatal", False)
            if not fatal and refused.error.code not in _BILLING_CODES:
                continue
            end = server_end(socket)
            if end is None or end.seq < refused.record.seq:
                yield failed(refused.record, f"{refused.says} was not followed by a close")
            else:
                yield passed(refused.record, end)


@check("AVK-STATE-003", role="server")
def takes_a_close_in_every_state(trace: Trace) -> Findings:
    """A close is answered by a close, and the next session finds room."""
    sockets = trace.sockets()
    for socket in sockets:
        mine = next((r for r in socket.records if r.kind == "close" and r.sender == "client"), None)
        if mine is None:
            continue
        end = next((r for r in socket.records if r.sender == "server" and r.seq > mine.seq), None)
        if end is None:
            yield failed(mine, "the close was not answered")
        else:
            yield passed(mine, end)
    if sockets and confirmed(sockets[-1]) is None:
        yield failed(sockets[-1].upgrade, "the session after the close found no room")


@check("AVK-IDLE-001", role="server")
def answers_pings(trace: Trace) -> Findings:
    """A ping is answered by a pong with the same content."""
    for socket in trace.sockets():
        for ping in socket.where(kind="ping", sender="client"):
            pong = next(
                (
                    r
                    for r in socket.where(kind="pong", sender="server")
                    if r.seq > ping.seq and r.raw == ping.raw
                ),
                None,
            )
            yield passed(ping, pong) if pong is not None else failed(ping, "the ping got no pong")
