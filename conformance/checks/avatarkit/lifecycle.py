"""Lifecycle: what is allowed when, pings, and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.avatarkit.v0_1_7.constants import CloseCode, Timeout
from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode, Phase
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    AUDIO,
    ERROR,
    INTERRUPT,
    calls,
    confirmed,
    member_of,
    openings,
    reported,
)
from conformance.checks.avatarkit._states import left, sent_after, unconnected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace


@check("AVK-STATE-001", role="client")
def sends_need_a_session(trace: Trace) -> Findings:
    """Every send outside READY and STREAMING is refused locally."""
    for command, name in (("send_audio", AUDIO), ("interrupt", INTERRUPT)):
        for call in calls(trace, command):
            if call.answer is None or not unconnected(trace, call.command):
                continue
            if sent_after(trace, call, name):
                yield failed(call.answer, f"{command} sent {name} while no session was open")
            elif call.error is not None and call.error.local:
                yield passed(call.answer)
            elif call.kind != "unsupported":
                yield failed(
                    call.answer,
                    f"{command} while no session was open was answered by "
                    f"{call.error or call.kind}, not refused locally",
                )


def _after_errors(trace: Trace) -> Iterator[tuple[Socket, Record]]:
    """The ServerErrors of open sessions."""
    for socket in trace.sockets():
        ready = confirmed(socket)
        for record in socket.messages("server", ERROR):
            if ready is not None and record.seq > ready.seq:
                yield socket, record


@check("AVK-STATE-004", role="client")
def errors_change_no_state(trace: Trace) -> Findings:
    """After a ServerError audio can still be sent."""
    for socket, record in _after_errors(trace):
        refused = next(
            (
                call
                for call in calls(trace, "send_audio")
                if call.error is not None and call.command.seq > record.seq
            ),
            None,
        )
        if refused is not None and not any(
            end.seq < refused.command.seq for end in [socket.end] if end is not None
        ):
            yield failed(
                refused.answer, f"after a ServerError audio was refused: {refused.error}", record
            )
        elif any(r.seq > record.seq for r in socket.messages("client", AUDIO)):
            yield passed(record)


@check("AVK-ERR-008", role="client")
def errors_keep_the_connection(trace: Trace) -> Findings:
    """The client does not leave after a ServerError."""
    for _, record in _after_errors(trace):
        close = left(trace, record)
        if close is not None:
            yield failed(close, "the client left after a ServerError; it is to stay", record)
        elif any(event.seq > record.seq for event in trace.events("error")):
            yield passed(record)


@check("AVK-IDLE-001", role="client")
def pings_are_answered(trace: Trace) -> Findings:
    """Each ping gets a pong with its content."""
    for socket in trace.sockets():
        pongs = socket.where(kind="pong", sender="client")
        for ping in socket.where(kind="ping", sender="server"):
            answer = next((r for r in pongs if r.seq > ping.seq), None)
            if answer is None:
                continue
            if any(r.raw == ping.raw for r in pongs if r.seq > ping.seq):
                yield passed(ping, answer)
            else:
                yield failed(answer, "the pong does not carry what the ping carried", ping)


@check("AVK-IDLE-002", role="client")
def keepalive(trace: Trace) -> Findings:
    """The client pings by itself, and closes when no pong comes."""
    waited = sum((r.data or {}).get("seconds", 0) for r in trace.commands("advance"))
    for socket in trace.sockets():
        pings = socket.where(kind="ping", sender="client")
        if not pings:
            if confirmed(socket) is not None and waited >= Timeout.PING_INTERVAL:
                yield failed(
                    None,
                    f"no ping came in {waited:g} s; one is due every {Timeout.PING_INTERVAL:g} s",
                )
            continue
        pong = socket.first(kind="pong", sender="server")
        end = socket.end
        if pong is not None:
            yield passed(pings[0])
        elif end is not None and end.sender == "client":
            yield passed(pings[0], end)
        elif waited >= Timeout.PING_INTERVAL + Timeout.PONG:
            yield failed(pings[0], f"no pong came, and after {waited:g} s the socket is still open")


# -- ends ------------------------------------------------------------------------------------------


@check("AVK-CLOSE-001", role="client")
def close_is_1000(trace: Trace) -> Findings:
    """The client ends with a close frame of code 1000, without a farewell message."""
    asked = trace.commands("close")
    for socket in trace.sockets():
        close = socket.first(kind=("close", "reset"), sender="client")
        command = next((c for c in asked if close is not None and c.seq < close.seq), None)
        if close is None or command is None or confirmed(socket) is None:
            continue
        farewell = next(
            (r for r in socket.messages("client") if r.seq > command.seq or not member_of(r.name)),
            None,
        )
        if close.kind == "reset":
            yield failed(close, "the client dropped the connection, without a close frame")
        elif close.code != CloseCode.NORMAL:
            yield failed(close, f"the client closed with {close.code}, not {CloseCode.NORMAL}")
        elif farewell is not None:
            yield failed(farewell, "a message before the close; there is no farewell message")
        else:
            yield passed(close)


def _server_ends(trace: Trace) -> Iterator[tuple[Socket, Record]]:
    """The open sessions that the server ended."""
    for socket in trace.sockets():
        end = socket.end
        if confirmed(socket) is not None and end is not None and end.sender == "server":
            yield socket, end


def _is_clean(end: Record) -> bool:
    return end.kind == "close" and (end.code is None or end.code in CloseCode.CLEAN)


@check("AVK-CLOSE-002", role="client")
def normal_ends(trace: Trace) -> Findings:
    """A close with 1000, 1001 or no code is notified, and is no error."""
    for _, end in _server_ends(trace):
        if not _is_clean(end):
            continue
        error = next((e for e in reported(trace) if e.record.seq > end.seq), None)
        closed = next((e for e in trace.events("closed") if e.seq > end.seq), None)
        if error is not None:
            yield failed(
                error.record, f"a close with {end.code or 'no code'} was reported as {error}", end
            )
        elif closed is not None:
            yield passed(end, closed)


def _abnormal_ends(trace: Trace) -> Iterator[Record]:
    """The ends of open sessions that are not normal: by the server, or by a fault of the client."""
    for socket in trace.sockets():
        end = socket.end
        if confirmed(socket) is None or end is None or _is_clean(end):
            continue
        if end.sender == "server" or end.kind == "close":
            yield end


@check("AVK-CLOSE-003", role="client")
def other_ends(trace: Trace) -> Findings:
    """Any other end is a connectionClosed with code and reason, then the close is notified."""
    for end in _abnormal_ends(trace):
        error = next(
            (e for e in reported(trace) if e.record.kind == "event" and e.record.seq > end.seq),
            None,
        )
        closed = next((e for e in trace.events("closed") if e.seq > end.seq), None)
        if closed is None:
            continue
        codes = {ErrorCode.CONNECTION_CLOSED}
        if end.kind == "reset":
            codes.add(ErrorCode.CONNECTION_FAILED)  # "other read error", section 14.4
        # Without a frame: empty, or the code that stands for that.
        wanted = {end.code} if end.kind == "close" else {None, CloseCode.ABNORMAL}
        if error is None:
            yield failed(closed, "an abnormal end was notified without an error", end)
        elif error.code not in codes or error.phase != Phase.WEBSOCKET_RUNTIME:
            yield failed(
                error.record,
                f"the end was reported as {error}, not as {ErrorCode.CONNECTION_CLOSED} "
                f"in phase {Phase.WEBSOCKET_RUNTIME}",
                end,
            )
        elif error.get("close_code") not in wanted or (
            # A frame that the client sent may be echoed without its reason.
            end.kind == "close"
            and end.sender == "server"
            and (error.get("close_reason") or "") != end.reason
        ):
            yield failed(
                error.record,
                f"close_code and close_reason are {error.get('close_code')} and "
                f"{error.get('close_reason')!r}, not {end.code} and {end.reason!r} as received",
                end,
            )
        elif closed.seq < error.record.seq:
            yield failed(closed, "the close was notified before its error", error.record)
        else:
            yield passed(end, error.record, closed)


@check("AVK-CLOSE-004", role="client")
def notified_once(trace: Trace) -> Findings:
    """One close notification for each session that was open."""
    sessions = [s for s in trace.sockets() if confirmed(s) is not None]
    over = [s for s in sessions if s.end is not None]
    told = trace.events("closed")
    if len(told) > len(sessions):
        yield failed(
            told[len(sessions)],
            f"{len(told)} close notifications for {len(sessions)} connections; one each is right",
        )
    elif over and len(told) < len(over):
        yield failed(
            over[-1].end, f"{len(over)} sessions have ended, and {len(told)} ends were notified"
        )
    elif told:
        yield passed(told[-1])


@check("AVK-CLOSE-005", role="client")
def no_reconnect(trace: Trace) -> Findings:
    """Nothing is opened again without being asked for."""
    for opening in openings(trace):
        again = opening.sockets[1:]
        if again:
            yield failed(again[0].records[0], "the client opened another connection by itself")
        elif opening.socket is not None and opening.socket.end is not None:
            yield passed(opening.socket.end)


@check("AVK-CLOSE-007", role="client")
def close_codes_are_no_error_codes(trace: Trace) -> Findings:
    """Close codes 4001 and 4002 mean nothing about credits or duration."""
    for _, end in _server_ends(trace):
        error = next((e for e in reported(trace) if e.record.seq > end.seq), None)
        if end.kind != "close" or error is None:
            continue
        if error.code in {ErrorCode.CREDITS_EXHAUSTED, ErrorCode.SESSION_DURATION_EXCEEDED}:
            yield failed(
                error.record, f"the close code {end.code} was read as the error {error.code}", end
            )
        else:
            yield passed(error.record, end)
