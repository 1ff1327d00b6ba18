"""Animation output: what reaches the application, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import animations, envelope, frames, openings
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.avatarkit.v2 import message_pb2 as pb
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


def _delivered(
    trace: Trace,
) -> Iterator[tuple[Record, pb.ServerResponseAnimation, Record | None, bool]]:
    """Each animation message, the event that delivered its very bytes, and that event's flag."""
    waiting = frames(trace)
    for record, message in animations(trace):
        event = next((e for e in waiting if e[1] == payload(record)), None)
        if event is not None:
            waiting.remove(event)
        yield record, message, event[0] if event else None, event[2] if event else False


@check("AVK-ANIM-003", role="client")
def bytes_are_handed_on(trace: Trace) -> Findings:
    """The application gets the bytes of the envelope as received, and the end flag."""
    if not trace.events("frame"):
        return
    for record, message, event, end in _delivered(trace):
        if event is None:
            yield failed(
                record, f"no frame has exactly the {len(payload(record))} bytes that were received"
            )
        elif end != message.end:
            yield failed(event, f"the end flag is {end}, and {message.end} was received", record)
        else:
            yield passed(record, event)


@check("AVK-ANIM-004", role="client")
def content_is_opaque(trace: Trace) -> Findings:
    """Fields that the schema does not declare reach the application untouched."""
    if not trace.events("frame"):
        return
    for record, message, event, _ in _delivered(trace):
        if len(message.SerializeToString()) == _declared(message):
            continue
        if event is None:
            yield failed(record, "frame content in undeclared fields did not arrive untouched")
        else:
            yield passed(record, event)


def _declared(message: pb.ServerResponseAnimation) -> int:
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    return len(known.SerializeToString())


@check("AVK-ANIM-005", role="client")
def animation_without_payload(trace: Trace) -> Findings:
    """Type 5 without payload is handed on with end=false."""
    if not trace.events("frame"):
        return
    for record, _, event, end in _delivered(trace):
        message = envelope(record)
        if message is None or message.WhichOneof("data") is not None:
            continue
        if event is None:
            yield failed(record, "animation without payload was not handed on")
        elif end:
            yield failed(event, "animation without payload was handed on with end=true")
        else:
            yield passed(record, event)


@check("AVK-ANIM-006", role="client")
def failing_frame_callback(trace: Trace) -> Findings:
    """Receiving goes on when the application's callback fails."""
    faulty = any(o.lets_fail("frame") for o in openings(trace))
    events = trace.events("frame")
    if not faulty or not events:
        return
    missing = next((r for r, _, event, _ in _delivered(trace) if event is None), None)
    if missing is not None:
        yield failed(missing, "after the frame callback failed this animation was not delivered")
    elif len(events) > 1:
        yield passed(events[-1])


@check("AVK-STATE-002", role="client")
def answers_outlive_requests(trace: Trace) -> Findings:
    """Animation and errors count in READY too: after the request's last audio."""
    over: dict[tuple[int | None, str], int] = {}
    for record in trace.messages("client"):
        sent = envelope(record)
        if sent is not None and sent.client_audio_input.end:
            over[(record.connection, sent.client_audio_input.req_id)] = record.seq
    errors = [event for event in trace.events("error") if (event.data or {}).get("req_id")]
    for record, message, event, _ in _delivered(trace):
        if record.seq > over.get((record.connection, message.req_id), record.seq):
            if event is None:
                yield failed(record, "animation after the request's last audio was not delivered")
            else:
                yield passed(record, event)
    for record in trace.messages("server"):
        told = envelope(record)
        if told is None or not told.HasField("server_error"):
            continue
        req_id = told.server_error.req_id
        if record.seq > over.get((record.connection, req_id), record.seq):
            event = next((e for e in errors if (e.data or {})["req_id"] == req_id), None)
            if event is None:
                yield failed(record, "an error after the request's last audio was not reported")
            else:
                yield passed(record, event)
