"""Event streams over HTTP: their form, their order, their end."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import (
    CHAT,
    TERMINAL,
    events,
    header,
    metadata_of,
    server_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Stream, Trace

Event = constants.EventType

_PARTS = frozenset({Event.CHUNK, Event.TOOL_CALL})
_TURN = frozenset({Event.START}) | _PARTS | TERMINAL
_ELSEWHERE = frozenset({Event.STOP, Event.CONNECTED})


@check("AIA-SSE-001", role="server")
def turns_are_event_streams(trace: Trace) -> Findings:
    """Status 200, an event stream, one JSON object in one line for each event."""
    for stream in trace.streams(CHAT):
        reply = stream.response
        if reply is None:
            continue
        media = header(reply, constants.Header.CONTENT_TYPE).partition(";")[0].strip().lower()
        if reply.status != HTTPStatus.OK:
            yield failed(reply, f"the turn was answered with {reply.status}, not 200")
        elif media != constants.HeaderValue.EVENT_STREAM:
            yield failed(reply, f"the answer is {media or 'of no type'}, not an event stream")
        else:
            bad = next(filter(None, map(_fault, events(stream))), None)
            yield bad if bad is not None else passed(reply, *events(stream)[:1])


def _fault(record: Record) -> Finding | None:
    if record.data is None:
        return failed(record, "the data of an event is no JSON object")
    if "\n" in record.raw:
        return failed(record, "the data of an event takes more than one line")
    if not record.name:
        return failed(record, "an event has no type")
    return None


@check("AIA-SSE-002", role="server")
def a_stream_is_one_turn(trace: Trace) -> Findings:
    """Start, what comes of it, one terminal event, the end of the stream."""
    for stream in trace.streams(CHAT):
        if stream.is_open and stream.end is not None:
            yield from _order(stream, silent=bool(trace.expect.get("silent")))


def _order(stream: Stream, *, silent: bool) -> Iterator[Finding]:
    turn = [r for r in events(stream) if r.name in _TURN]
    end = server_end(stream)
    if end is None:
        return  # the probe went away first
    if end.kind != "close":
        yield failed(end, "the stream was broken off instead of ended")
    elif silent:
        if turn:
            yield failed(turn[0], "nothing was to be heard, and there is an answer")
        else:
            yield passed(end, observed="empty")
    elif not turn:
        yield failed(end, "the stream ended without a single event")
    else:
        yield _sequence(turn, end)


def _sequence(turn: list[Record], end: Record) -> Finding:
    first, last = turn[0], turn[-1]
    if first.name != Event.START and len(turn) > 1:
        return failed(first, f"the stream begins with {first.name}, not with start")
    if last.name not in TERMINAL:
        return failed(last, f"the stream ends with {last.name}, not with a terminal event", end)
    wrong = next((r for r in turn[1:-1] if r.name not in _PARTS), None)
    if wrong is not None:
        return failed(wrong, f"{wrong.name} stands between start and the terminal event")
    if first.name not in {Event.START, Event.ERROR}:
        return failed(first, f"the stream has {first.name} alone, without start")
    return passed(first, last, end)


@check("AIA-SSE-005", role="server")
def silence_is_kept_alive(trace: Trace) -> Findings:
    """A comment at least every 15 s while nothing else is sent."""
    silence = trace.expect.get("silence", 0)
    wanted = int(silence // constants.Heartbeat.SSE_COMMENT)
    for stream in trace.streams(CHAT):
        begin = next((r for r in events(stream) if r.name == Event.START), None)
        if begin is None or not wanted:
            continue
        if len(stream.comments) < wanted:
            yield failed(
                begin,
                f"{len(stream.comments)} comments in {silence} s of silence; one at least every "
                f"{constants.Heartbeat.SSE_COMMENT:g} s makes {wanted}",
            )
        else:
            yield passed(begin, *stream.comments)


@check("AIA-SSE-006", role="server")
def failures_are_events(trace: Trace) -> Findings:
    """What fails behind the first byte is an error event under 200; the stream ends in order."""
    broken_audio = bool(trace.expect.get("broken_audio"))
    for stream in trace.streams(CHAT):
        reply, end = stream.response, server_end(stream)
        error = stream.first(kind="message", sender="server", name=Event.ERROR)
        if reply is None:
            continue
        if error is None:
            if end is not None and broken_audio and reply.status == HTTPStatus.OK:
                yield failed(end, "the turn failed, and the stream ended without an error event")
            continue
        told = metadata_of(error).get(constants.MetadataKey.ERROR)
        if not isinstance(told, str) or not told:
            yield failed(error, "the error event has no text in metadata.error")
        elif end is not None and end.kind != "close":
            yield failed(end, "the stream was broken off behind its error event", error)
        else:
            yield passed(reply, error)


@check("AIA-SSE-008", role="server")
def socket_events_stay_on_sockets(trace: Trace) -> Findings:
    """No stop on a stream, and nothing else that belongs to sessions."""
    for stream in trace.streams(CHAT):
        said = events(stream)
        if not said:
            continue
        stray = next((r for r in said if r.name in _ELSEWHERE), None)
        if stray is not None:
            yield failed(stray, f"{stray.name} does not belong on an event stream")
        else:
            yield passed(said[0])
