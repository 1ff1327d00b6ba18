"""A session's sockets on the platform's side: how they begin and end, what is lost between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import AUDIO, IMAGE, STOP, data_of, lacking, texts
from conformance.checks.liveavatar._server import (
    INPUT_EVENTS,
    NEVER,
    next_state,
    responses,
    server_end,
    session_of,
    spoken,
    state_of,
    states,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_HELD: Final = frozenset({*INPUT_EVENTS, MessageName.SYSTEM_IDLE_TRIGGER, AUDIO, IMAGE})
_BEGINNINGS: Final = frozenset(
    {
        MessageName.INPUT_VOICE_START,
        MessageName.INPUT_ASR_FINAL,
        MessageName.RESPONSE_CHUNK,
        MessageName.RESPONSE_AUDIO_START,
        MessageName.RESPONSE_AUDIO_PROMPT_START,
        MessageName.SYSTEM_PROMPT,
    }
)
_ACTIVE: Final = frozenset(
    {
        constants.SessionState.STAGING,
        constants.SessionState.SPEAKING,
        constants.SessionState.PROMPT_STAGING,
        constants.SessionState.PROMPT_SPEAKING,
    }
)


def _beginning(socket: Socket) -> tuple[Record, str] | None:
    """The platform's first message on a socket, and what is wrong with it as a session.init."""
    first = socket.first(kind="message", sender="server")
    if first is None:
        return None
    if first.name != MessageName.SESSION_INIT or first.opcode != "text":
        return first, f"the first message of a socket is {first.name or 'unreadable'}"
    absent = lacking(first)
    if absent:
        return first, f"{first.name} lacks {', '.join(absent)}"
    empty = [m for m in ("sessionId", "userId") if not isinstance(data_of(first, m), str)]
    return first, f"data.{empty[0]} of {first.name} is no string" if empty else ""


@check("LAC-HS-001", role="server", always=True)
def begins_with_session_init(trace: Trace) -> Findings:
    """Every socket begins with session.init, both ids in it."""
    for socket in trace.sockets():
        found = _beginning(socket)
        if found is None:
            continue
        first, wrong = found
        yield failed(first, wrong) if wrong else passed(first)


@check("LAC-HS-006", role="server", always=True)
def input_waits_for_ready(trace: Trace) -> Findings:
    """Input, audio and idle events come after session.ready."""
    for socket in trace.sockets():
        ready = next(iter(texts(socket.records, "client", MessageName.SESSION_READY)), None)
        for record in socket.messages("server"):
            if record.name not in _HELD:
                continue
            if ready is None or record.seq < ready.seq:
                yield failed(record, f"{record.name} came before session.ready")
            else:
                yield passed(record, ready)


@check("LAC-RECON-003", role="server")
def every_socket_is_initialised(trace: Trace) -> Findings:
    """A further socket of the session begins with session.init for the same session."""
    opened = [socket for socket in trace.sockets() if socket.is_open]
    for socket in opened[1:]:
        found = _beginning(socket)
        before = session_of(opened[0])
        if found is None:
            yield failed(socket.upgrade, "a new socket of the session got no session.init")
        elif found[1]:
            yield failed(found[0], found[1])
        elif session_of(socket) != before:
            yield failed(
                found[0], f"the socket is of session {before!r}, not {session_of(socket)!r}"
            )
        else:
            yield passed(found[0])


@check("LAC-RECON-006", role="server")
def what_was_unfinished_is_lost(trace: Trace) -> Findings:
    """On the next socket nothing of the old response is played, and a new one is."""
    opened = [socket for socket in trace.sockets() if socket.is_open]
    for socket in opened[1:]:
        begun = next((r.seq for r in socket.messages("client") if r.name in _BEGINNINGS), NEVER)
        revived = next(
            (r for r in states(socket.records) if r.seq < begun and state_of(r) in _ACTIVE), None
        )
        if revived is not None:
            yield failed(
                revived, f"{state_of(revived)} goes on from a socket that is gone; it is lost"
            )
    later = {socket.number for socket in opened[1:]}
    yield from spoken(trace, lambda response: response.socket in later)
    for socket in opened[1:]:
        for begin in texts(socket.records, "client", MessageName.RESPONSE_AUDIO_START):
            speaking = next_state(socket, begin, constants.SessionState.SPEAKING)
            if speaking is not None:
                yield passed(begin, speaking)
            else:
                yield failed(begin, "the audio of a new response was never played")
    for socket in opened[:-1]:
        for response in responses(socket):
            copies = [
                r
                for s in opened
                if s.number > socket.number
                for r in s.messages("server")
                if r.opcode == "text" and json.dumps(response.id) in r.raw
            ]
            if copies:
                yield failed(copies[0], f"response {response.id} is spoken of on a later socket")


# --- ends ----------------------------------------------------------------------------------------


def _announced(socket: Socket, end: Record) -> Record | None:
    closing = texts(socket.before(end), "server", MessageName.SESSION_CLOSING)
    return closing[0] if closing else None


def _stopped(trace: Trace, end: Record) -> Record | None:
    """The agent's stop before an end."""
    return next((request for request, _ in trace.http(STOP) if request.seq < end.seq), None)


@check("LAC-CLOSE-001", role="server", always=True)
def planned_ends_are_announced(trace: Trace) -> Findings:
    """A normal close by the platform follows session.closing, or the agent's own stop."""
    for socket in trace.sockets():
        end = server_end(socket)
        if end is None or end.code != constants.CloseCode.NORMAL:
            continue
        closing = _announced(socket, end)
        if closing is not None:
            yield passed(closing, end)
        elif _stopped(trace, end) is None:
            yield failed(end, "a planned close came without session.closing")


@check("LAC-CLOSE-006", role="server", always=True)
def the_code_says_why(trace: Trace) -> Findings:
    """1000 after session.closing or a stop; what the scenario expects where something broke."""
    wanted = trace.expect.get("close")
    for socket in trace.sockets():
        end = server_end(socket)
        if end is None:
            continue
        normal = _announced(socket, end) or _stopped(trace, end)
        code = constants.CloseCode.NORMAL if normal is not None else wanted
        shown = end.code if end.kind == "close" else "no close frame"
        if code is None:
            continue
        if shown != code:
            after = f" after {normal.name}" if normal is not None else ""
            yield failed(end, f"the socket ended with {shown}{after}, not with {code}", normal)
        else:
            yield passed(end, normal)


@check("LAC-IDLE-001", role="server", always=True)
def pings_are_answered(trace: Trace) -> Findings:
    """Each ping gets a pong with its payload."""
    for socket in trace.sockets():
        pongs = socket.where(kind="pong", sender="server")
        for ping in socket.where(kind="ping", sender="client"):
            answer = next(
                (p for p in pongs if p.seq > ping.seq and payload(p) == payload(ping)), None
            )
            if answer is not None:
                yield passed(ping, answer)
            elif socket.end is None:
                yield failed(ping, "a ping got no pong with its payload")
