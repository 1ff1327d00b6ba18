"""WebSocket sessions: how they begin, what they bear, whose they are, how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import (
    answers,
    data_of,
    events,
    metadata_of,
    server_end,
    starts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Socket, Trace

Event, Request, Code = constants.EventType, constants.RequestType, constants.CloseCode

_KNOWN = frozenset(value for name, value in vars(Request).items() if name.isupper())


def _sent(socket: Socket, *names: str) -> list[Record]:
    return [r for r in socket.messages("client") if not names or r.name in names]


@check("AIA-WS-001", role="server", always=True)
def messages_are_json_objects(trace: Trace) -> Findings:
    """Every message of a server is text and holds one JSON object."""
    for socket in trace.sockets():
        for record in events(socket):
            if record.opcode != "text":
                yield failed(record, "a binary message; the protocol has only text")
            elif record.data is None:
                yield failed(record, "a message is no JSON object")
            else:
                yield passed(record)


@check("AIA-WS-003", role="server")
def start_is_answered(trace: Trace) -> Findings:
    """Each start is answered by connected, which names the session."""
    for socket in trace.sockets():
        asked = [r for r in _sent(socket, Request.START) if data_of(r, "session_id")]
        told = [r for r in events(socket) if r.name == Event.CONNECTED]
        for place, record in enumerate(asked):
            answer = told[place] if place < len(told) else None
            if answer is None or answer.seq < record.seq:
                yield failed(record, "start was not answered by connected")
            elif data_of(answer, "session_id") != data_of(record, "session_id"):
                yield failed(
                    answer, f"connected names session {data_of(answer, 'session_id')!r}", record
                )
            else:
                yield passed(record, answer)


@check("AIA-WS-004", role="server")
def nobody_is_told_so(trace: Trace) -> Findings:
    """A message without session_id: final with metadata.error, then a close with 1000."""
    for socket in trace.sockets():
        for record in _sent(socket):
            if record.data is None or data_of(record, "session_id"):
                continue
            later = socket.after(record)
            refusal = next((r for r in later if r.sender == "server" and r.kind == "message"), None)
            end = server_end(socket)
            told = metadata_of(refusal).get(constants.MetadataKey.ERROR)
            if refusal is None or refusal.name != Event.FINAL or not isinstance(told, str):
                yield failed(record, "no final with metadata.error came", refusal, end)
            elif end is None or end.kind != "close" or end.code != Code.NORMAL:
                seen = "stayed open" if end is None else f"ended with {end.code}"
                yield failed(refusal, f"the socket {seen} instead of being closed with 1000", end)
            else:
                yield passed(record, refusal, end)


@check("AIA-WS-007", role="server")
def unknown_types_do_no_harm(trace: Trace) -> Findings:
    """A message of unknown type is ignored, and the next turn on the socket is served."""
    for socket in trace.sockets():
        for record in _sent(socket):
            if record.name in _KNOWN or not data_of(record, "session_id"):
                continue
            following = _sent(socket, Request.INVOKE)
            served = [it for it in answers(trace, socket.number) if it.complete]
            asked = next((r for r in following if r.seq > record.seq), None)
            before = [r for r in events(socket) if record.seq < r.seq < (asked.seq if asked else 0)]
            end = server_end(socket)
            if end is not None and (asked is None or not served):
                yield failed(end, f"{record.name} cost the connection", record)
            elif before:
                yield failed(before[0], f"{record.name} was answered by {before[0].name}", record)
            elif not served:
                yield failed(record, f"after {record.name} no turn was served any more")
            else:
                yield passed(record, served[0].end)


@check("AIA-WS-008", role="server")
def stop_closes(trace: Trace) -> Findings:
    """Stop is answered by a close with 1000."""
    for socket in trace.sockets():
        for record in _sent(socket, Request.STOP):
            end = server_end(socket)
            if end is None:
                yield failed(record, "stop was not answered by a close")
            elif end.kind != "close" or end.code != Code.NORMAL:
                yield failed(end, f"stop was answered by {_shown(end)}, not by 1000", record)
            else:
                yield passed(record, end)


def _shown(end: Record) -> str:
    return "a broken connection" if end.kind == "reset" else f"a close with {end.code}"


@check("AIA-WS-010", role="server")
def the_last_start_owns_the_session(trace: Trace) -> Findings:
    """What is said after a second start of a session goes to the second socket alone."""
    opened: dict[str, Socket] = {}
    for socket in trace.sockets():
        start = next(iter(_sent(socket, Request.START)), None)
        session = data_of(start, "session_id")
        older = opened.get(str(session))
        opened[str(session)] = socket
        if older is None or start is None:
            continue
        said = [r for r in events(socket) if r.seq > start.seq and r.name != Event.CONNECTED]
        stray = [r for r in events(older) if r.seq > start.seq]
        if stray:
            yield failed(stray[0], "the older socket was still spoken to", start)
        elif said:
            yield passed(start, said[0], observed="closed" if server_end(older) else "mute")


@check("AIA-WS-011", role="server")
def a_connection_is_forgotten_and_its_context_is_not(trace: Trace) -> Findings:
    """A new socket goes on with the context; audio of the old one is not heard there."""
    sockets = [socket for socket in trace.sockets() if socket.is_open]
    if trace.expect.get("outlived") and len(sockets) > 1:
        known = [data_of(r, "context_id") for r in starts(sockets[0])]
        for record in starts(sockets[-1]):
            told = data_of(record, "context_id")
            if told in known:
                yield passed(record)
            else:
                yield failed(record, f"the conversation {known[-1:]} was lost; it is now {told!r}")
    yield from _utterances(trace)


def _utterances(trace: Trace) -> Iterator[Finding]:
    wanted = trace.expect.get("utterances")
    last = trace.sockets()[-1] if trace.sockets() else None
    if wanted is None or last is None:
        return
    found = starts(last)
    if len(found) > wanted:
        yield failed(found[-1], "audio of the lost socket was heard on the next one")
    elif found:
        yield passed(found[0])


@check("AIA-ERR-005", role="server")
def faults_are_told_by_a_close(trace: Trace) -> Findings:
    """A malformed text message is answered by 1007, a binary one by 1003."""
    wanted = trace.expect.get("code")
    for socket in trace.sockets():
        end = server_end(socket)
        bad = next(iter(_sent(socket)[1:]), None)
        if bad is None:
            continue
        if end is None:
            yield failed(bad, "what is no request was not answered by a close")
        elif end.kind != "close" or end.code != wanted:
            yield failed(
                end, f"what is no request was answered by {_shown(end)}, not {wanted}", bad
            )
        else:
            yield passed(bad, end)


@check("AIA-HB-001", role="server")
def nothing_beats(trace: Trace) -> Findings:
    """A quiet session is neither ended nor disturbed by messages that nobody asked for."""
    for socket in trace.sockets():
        connected = socket.first(kind="message", sender="server", name=Event.CONNECTED)
        asked = next(iter(_sent(socket, Request.INVOKE)), None)
        if connected is None:
            continue
        until = asked.seq if asked is not None else socket.records[-1].seq + 1
        quiet = [r for r in socket.after(connected) if r.seq < until and r.sender == "server"]
        beat = next((r for r in quiet if r.kind in {"message", "close", "reset"}), None)
        if beat is not None and beat.kind == "message":
            yield failed(beat, f"a quiet session was sent {beat.name or 'a message'}")
        elif beat is not None:
            yield failed(beat, "a quiet session was ended")
        elif asked is not None:
            yield passed(connected, asked)
