"""What the checks of the client role share about states: who was connected when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks.avatarkit._client import confirmed

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks.avatarkit._client import Call
    from conformance.trace import Socket, Trace

__all__ = ["left", "sent_after", "unconnected"]


def unconnected(trace: Trace, moment: Record) -> bool:
    """Whether the client knew at this moment that no session was open.

    It knows when none was ever confirmed, when it closed the socket itself, and when it has
    notified the close.
    """
    return not any(_alive(trace, socket, moment) for socket in trace.sockets())


def _alive(trace: Trace, socket: Socket, moment: Record) -> bool:
    ready = confirmed(socket)
    if ready is None or ready.seq > moment.seq:
        return False
    end = socket.end
    if end is None or end.seq > moment.seq:
        return True
    noticed = any(end.seq < event.seq < moment.seq for event in trace.events("closed"))
    return end.sender != "client" and not noticed


def sent_after(trace: Trace, call: Call, name: str) -> bool:
    """Whether a message of this name left between a command and the next one."""
    following = [r.seq for r in trace.commands() if r.seq > call.command.seq]
    end = min(following, default=float("inf"))
    return any(call.command.seq < r.seq < end for r in trace.messages("client", name))


def left(trace: Trace, after: Record) -> Record | None:
    """The client's own close, unasked for, after a record on the same socket; None if it stayed."""
    asked = min((r.seq for r in trace.commands("close") if r.seq > after.seq), default=None)
    for record in trace.wire():
        if record.connection != after.connection or record.seq < after.seq:
            continue
        if record.kind in {"close", "reset"}:
            unasked = asked is None or record.seq < asked
            return record if record.sender == "client" and unasked else None
    return None
