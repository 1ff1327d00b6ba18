"""JSON events: their shape, what an agent skips, and what it must not trip over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import option
from conformance.checks.liveavatar._common import (
    TOP_LEVEL,
    data_of,
    definition,
    delivered,
    has_adapter,
    has_unknown_members,
    lacking,
    misplaced,
    survived,
    texts,
    top,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

#: What an application is told of an event, by the adapter's name of it.
_TOLD = {
    MessageName.INPUT_TEXT: "text",
    MessageName.SESSION_STATE: "state",
    MessageName.SYSTEM_IDLE_TRIGGER: "idle",
    MessageName.SESSION_CLOSING: "closing",
    MessageName.ERROR: "error",
}
_SPEECH = (
    MessageName.INPUT_VOICE_START,
    MessageName.INPUT_VOICE_FINISH,
    MessageName.INPUT_ASR_PARTIAL,
    MessageName.INPUT_ASR_FINAL,
)


@check("LAC-MSG-001", role="both", always=True)
def text_is_an_object_with_an_event(trace: Trace) -> Findings:
    """Every text message is a JSON object whose ``event`` is a string."""
    for record in trace.judged():
        if record.opcode != "text":
            continue
        if record.data is None:
            yield failed(record, "a text message is no JSON object")
        elif not isinstance(record.data.get("event"), str):
            yield failed(record, f"member event is {record.data.get('event')!r}, not a string")
        else:
            yield passed(record)


@check("LAC-MSG-002", role="both", always=True)
def envelope(trace: Trace) -> Findings:
    """Ids and counters stand at top level, the payload in ``data``; no payload, no ``data``."""
    for record in trace.judged():
        if record.opcode != "text" or record.data is None or definition(record.name) is None:
            continue
        problem = misplaced(record)
        if problem:
            yield failed(record, f"{record.name}: {problem}")
        else:
            yield passed(record)


@check("LAC-MSG-003", role="client")
def unknown_events_are_skipped(trace: Trace) -> Findings:
    """An event of unknown name does no harm."""
    odd = [
        r
        for r in trace.messages("server")
        if r.data is not None and r.opcode == "text" and definition(r.name) is None
    ]
    yield from survived(trace, odd, "an event of unknown name")


@check("LAC-MSG-004", role="client")
def text_that_is_not_json_is_skipped(trace: Trace) -> Findings:
    """Text that is not JSON does no harm."""
    odd = [r for r in trace.messages("server") if r.opcode == "text" and not _is_json(r.raw)]
    yield from survived(trace, odd, "text that is not JSON")


@check("LAC-MSG-005", role="client")
def json_that_is_no_object_is_skipped(trace: Trace) -> Findings:
    """An array or a scalar does no harm."""
    odd = [
        r
        for r in trace.messages("server")
        if r.opcode == "text" and r.data is None and _is_json(r.raw)
    ]
    yield from survived(trace, odd, "JSON that is not an object")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@check("LAC-MSG-006", role="client")
def incomplete_events_are_dropped(trace: Trace) -> Findings:
    """An event without a required member is not delivered and does no harm."""
    odd = [r for r in trace.messages("server") if _is_incomplete(r)]
    yield from survived(trace, odd, "an event that lacks a required member")
    for name in dict.fromkeys(r.name for r in odd):
        whole = [r for r in texts(trace.records, "server", name) if not _is_incomplete(r)]
        events = trace.events(_TOLD[MessageName(name)])
        if len(events) > len(whole):
            first = next(r for r in odd if r.name == name)
            extra = next((e for e in events if _holds_nothing(e)), events[-1])
            yield failed(
                extra,
                f"{len(whole)} whole {name} were sent and {len(events)} delivered: one without "
                f"{', '.join(lacking(first))} must be dropped",
                first,
            )


def _is_incomplete(record: Record) -> bool:
    """Whether a member is missing that its event is nothing without."""
    if record.name not in _TOLD:
        return False
    absent = lacking(record)
    if record.name == MessageName.SESSION_STATE:  # LAC-STATE-006 makes the others dispensable
        return any(path.startswith("data") for path in absent)
    return bool(absent)


def _holds_nothing(event: Record) -> bool:
    return any(value is None for value in (event.data or {}).values())


@check("LAC-MSG-007", role="client")
def unknown_members_are_tolerated(trace: Trace) -> Findings:
    """Members that no document names change nothing."""
    for record in texts(trace.records, "server", MessageName.INPUT_TEXT):
        if not has_unknown_members(record) or not has_adapter(trace):
            continue
        event = delivered(trace, record)
        if event is not None:
            yield passed(event, record)
        else:
            yield failed(record, "input.text with unknown members never reached the application")
    for record in texts(trace.records, "server", MessageName.SESSION_INIT):
        if not has_unknown_members(record):
            continue
        socket = next(s for s in trace.sockets() if s.number == record.connection)
        ready = [
            r for r in socket.messages("client", MessageName.SESSION_READY) if r.seq > record.seq
        ]
        if ready:
            yield passed(ready[0], record)
        else:
            yield failed(record, "session.init with unknown members was not answered")


@check("LAC-MSG-008", role="client")
def failing_callbacks_are_survived(trace: Trace) -> Findings:
    """The agent goes on receiving after a callback of the application failed."""
    for name in members_of(option(trace, "callbacks")):
        events = trace.events(name)
        if not events:
            continue
        later = [
            r
            for r in texts(trace.records, "server", MessageName.INPUT_TEXT)
            if r.seq > events[0].seq and not lacking(r)
        ]
        if not later:
            continue
        event = delivered(trace, later[0])
        if event is not None:
            yield passed(event, events[0])
        else:
            yield failed(
                later[0],
                f"after the callback of {name!r} failed, nothing is delivered any more",
                events[0],
            )


@check("LAC-STATE-004", role="client")
def future_states_are_tolerated(trace: Trace) -> Findings:
    """A state of the future costs nothing that follows."""
    odd = [
        r
        for r in texts(trace.records, "server", MessageName.SESSION_STATE)
        if isinstance(data_of(r, "state"), str) and data_of(r, "state") not in _STATES
    ]
    yield from survived(trace, odd, "a session.state of the future")


_STATES = frozenset(value for name, value in vars(constants.SessionState).items() if name.isupper())


@check("LAC-STATE-005", role="client")
def no_transition_is_refused(trace: Trace) -> Findings:
    """Every known state reaches the application, whatever came before it."""
    told = [(e.data or {}).get("state") for e in trace.events("state")]
    settled = max((answer.seq for answer in trace.answers("settle")), default=0)
    place = 0
    for record in texts(trace.records, "server", MessageName.SESSION_STATE):
        state = data_of(record, "state")
        if state not in _STATES or lacking(record):
            continue
        if state in told[place:]:
            place = told.index(state, place) + 1
            yield passed(record)
        elif record.seq < settled:
            yield failed(record, f"session.state {state} never reached the application")


@check("LAC-STATE-006", role="client")
def state_is_read_without_counters(trace: Trace) -> Findings:
    """``data.state`` is read even if seq or timestamp is missing."""
    for record in texts(trace.records, "server", MessageName.SESSION_STATE):
        absent = [path for path in lacking(record) if path in TOP_LEVEL]
        state = data_of(record, "state")
        if not absent or state is None or not has_adapter(trace):
            continue
        event = next(
            (
                e
                for e in trace.events("state")
                if e.seq > record.seq and (e.data or {}).get("state") == state
            ),
            None,
        )
        if event is not None:
            yield passed(event, record)
        else:
            yield failed(
                record, f"session.state {state} without {', '.join(absent)} was not delivered"
            )


@check("LAC-ASR-009", role="client")
def speech_events_of_the_platform_pass(trace: Trace) -> Findings:
    """Speech events from the platform do no harm."""
    odd = texts(trace.records, "server", *_SPEECH)
    yield from survived(trace, odd, "a speech event of the platform")


@check("LAC-ERR-001", role="client")
def error_has_code_and_message(trace: Trace) -> Findings:
    """An ``error`` of the agent has string code and message, and the turn it belongs to."""
    orders = [
        members_of((c.data or {}).get("data"))
        for c in trace.commands("send_event")
        if (c.data or {}).get("name") == MessageName.ERROR
    ]
    for index, record in enumerate(texts(trace.records, "client", MessageName.ERROR)):
        wanted = orders[index].get("request_id") if index < len(orders) else None
        absent = [m for m in ("code", "message") if not isinstance(data_of(record, m), str)]
        if absent:
            yield failed(record, f"data.{absent[0]} of the error is no string")
        elif wanted is not None and top(record, "requestId") != wanted:
            yield failed(
                record,
                f"the error belongs to turn {wanted!r}, its requestId is "
                f"{top(record, 'requestId')!r}",
            )
        else:
            yield passed(record)


@check("LAC-ERR-002", role="client")
def any_error_code_is_taken(trace: Trace) -> Findings:
    """An error reaches the application with its code, whatever that is."""
    for record in texts(trace.records, "server", MessageName.ERROR):
        code = data_of(record, "code")
        if lacking(record) or not has_adapter(trace):
            continue
        event = next(
            (
                e
                for e in trace.events("error")
                if e.seq > record.seq and (e.data or {}).get("server_code") == code
            ),
            None,
        )
        if event is not None:
            yield passed(event, record)
        else:
            yield failed(record, f"the platform's error {code!r} never reached the application")


@check("LAC-ERR-003", role="client")
def errors_leave_the_connection(trace: Trace) -> Findings:
    """The connection stays after an ``error``, sent or received."""
    received = [r for r in texts(trace.records, "server", MessageName.ERROR) if not lacking(r)]
    sent = texts(trace.records, "client", MessageName.ERROR)
    yield from survived(trace, [*received, *sent], "an error event")
