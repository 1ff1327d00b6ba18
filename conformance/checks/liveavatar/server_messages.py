"""The platform's messages: their shape, and what it tolerates in those of the agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import (
    AUDIO,
    IMAGE,
    data_of,
    definition,
    has_unknown_members,
    socket_of,
    texts,
    top,
)
from conformance.checks.liveavatar._server import borne, server_end, spoken
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("LAC-CONN-004", role="server", always=True)
def json_is_text_and_frames_are_binary(trace: Trace) -> Findings:
    """A text message is one JSON document, a binary message one media frame."""
    for record in trace.messages("server"):
        if record.opcode == "text":
            try:
                json.loads(record.raw)
            except (ValueError, RecursionError):
                yield failed(record, "a text message that is not one JSON document")
                continue
        elif record.name not in {AUDIO, IMAGE}:
            yield failed(
                record,
                f"a binary message of {len(payload(record))} bytes that is no media frame",
            )
            continue
        yield passed(record)


@check("LAC-MSG-007", role="server")
def unknown_members_are_tolerated(trace: Trace) -> Findings:
    """A response whose events have members that no document names is spoken all the same."""
    odd = [
        r
        for r in trace.messages("client")
        if r.opcode == "text" and definition(r.name) is not None and has_unknown_members(r)
    ]
    yield from borne(trace, odd, "an event with unknown members")
    yield from spoken(trace, lambda response: any(has_unknown_members(r) for r in response.records))


def _errors(trace: Trace) -> Iterator[Record]:
    yield from texts(trace.records, "server", MessageName.ERROR)


@check("LAC-ERR-001", role="server", always=True)
def error_has_code_and_message(trace: Trace) -> Findings:
    """An ``error`` has string code and message, and the turn it belongs to."""
    turn = trace.expect.get("turn")
    for record in _errors(trace):
        absent = [m for m in ("code", "message") if not isinstance(data_of(record, m), str)]
        if absent:
            yield failed(record, f"data.{absent[0]} of the error is no string")
        elif turn is not None and top(record, "requestId") != turn:
            yield failed(
                record,
                f"the error belongs to turn {turn!r}, its requestId is "
                f"{top(record, 'requestId')!r}",
            )
        elif not isinstance(top(record, "requestId"), str | None):
            yield failed(record, f"requestId is {top(record, 'requestId')!r}, not a string")
        else:
            yield passed(record)


@check("LAC-ERR-002", role="server")
def any_error_code_is_taken(trace: Trace) -> Findings:
    """An agent's error does no harm, whatever its code."""
    yield from borne(
        trace, texts(trace.records, "client", MessageName.ERROR), "an error event of the agent"
    )
    for record in texts(trace.records, "client", MessageName.ERROR):
        answer = next((r for r in _errors(trace) if r.seq > record.seq), None)
        if answer is not None:
            yield failed(
                answer, f"the agent's error {data_of(record, 'code')!r} was answered by an error"
            )


@check("LAC-ERR-003", role="server", always=True)
def errors_leave_the_connection(trace: Trace) -> Findings:
    """The connection stays after an error event of either side."""
    for record in texts(trace.records, "client", MessageName.ERROR) + list(_errors(trace)):
        socket = socket_of(trace, record)
        if socket is None:
            continue
        end = server_end(socket)
        announced = texts(socket.after(record), "server", MessageName.SESSION_CLOSING)
        alive = [r for r in socket.after(record) if r.sender == "server" and r.kind == "pong"]
        if end is not None and end.seq > record.seq and not announced:
            yield failed(end, "the platform ended the connection after an error event", record)
        elif alive:
            yield passed(record, alive[0])
