"""The worker's side of the data channel: form of what it sends, and what it must pass over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.videosdk._worker import (
    NEVER,
    control_of,
    server_messages,
    stories,
)
from conformance.trace import members_of, payload

if TYPE_CHECKING:
    from conformance.checks.videosdk._worker import Noise, Story
    from conformance.trace import Trace

_MEMBER: Final = constants.Member
_STREAM_ENDED: Final = constants.MessageType.STREAM_ENDED


@check("VSD-CHAN-001", role="server")
def acknowledgements_are_broadcast(trace: Trace) -> Findings:
    """What the worker has to say, it says in the room, to everybody."""
    for story in stories(trace):
        for segment in story.sealed():
            if segment.acks:
                yield passed(segment.acks[0].record)
            else:
                yield failed(segment.mark, "the worker said nothing in the room about this segment")


@check("VSD-CHAN-005", role="server", always=True)
def acknowledgements_are_reliable(trace: Trace) -> Findings:
    """stream_ended travels in the mode RELIABLE."""
    wanted = constants.Reliability.RELIABLE
    for record in server_messages(trace):
        if record.name != _STREAM_ENDED:
            continue
        if record.reliability == wanted:
            yield passed(record)
        else:
            yield failed(record, f"stream_ended was sent {record.reliability}, not {wanted}")


@check("VSD-CHAN-006", role="server", always=True)
def payloads_fit(trace: Trace) -> Findings:
    """No payload of the worker is longer than the transport takes."""
    limit = constants.Limit.PAYLOAD
    for record in server_messages(trace):
        size = len(payload(record))
        if size <= limit:
            yield passed(record)
        else:
            yield failed(record, f"a payload of {size} bytes; the transport takes {limit}")


@check("VSD-CHAN-007", role="server", always=True)
def control_is_text(trace: Trace) -> Findings:
    """JSON travels as text."""
    for record in server_messages(trace):
        if control_of(record) is None:
            continue
        if record.opcode == "text":
            yield passed(record)
        else:
            yield failed(record, "a control message was sent binary; peers take that for audio")


@check("VSD-CHAN-008", role="server", always=True)
def control_is_an_object(trace: Trace) -> Findings:
    """What the worker sends is a JSON object with a string ``type``."""
    for record in server_messages(trace):
        kind = members_of(control_of(record)).get(_MEMBER.TYPE)
        if isinstance(kind, str):
            yield passed(record)
        else:
            yield failed(record, f"not a JSON object with a string member {_MEMBER.TYPE}")


@check("VSD-CHAN-002", role="server")
def foreign_payloads_do_nothing(trace: Trace) -> Findings:
    """Payloads meant for others change nothing."""
    yield from _passed_over(trace, "foreign", "a payload that was meant for others")


@check("VSD-END-007", role="server")
def foreign_acknowledgements_do_nothing(trace: Trace) -> Findings:
    """Another worker's stream_ended changes nothing."""
    yield from _passed_over(trace, "foreign", "another worker's stream_ended")


@check("VSD-CHAN-009", role="server")
def unknown_types_do_nothing(trace: Trace) -> Findings:
    """Types that nobody knows change nothing; unknown members of known types do not matter."""
    yield from _passed_over(trace, "unknown", "a message of unknown type")
    known = {_MEMBER.TYPE}
    for story in stories(trace):
        for segment in story.sealed():
            if segment.mark is None or set(members_of(control_of(segment.mark))) <= known:
                continue
            if segment.acks:
                yield passed(segment.acks[0].record, segment.mark)
            else:
                yield failed(segment.mark, "an end mark with an unknown member ended nothing")


@check("VSD-CHAN-010", role="server")
def text_is_dropped(trace: Trace) -> Findings:
    """Text that is not JSON, empty text included, changes nothing."""
    yield from _passed_over(trace, "text", "text that is not JSON")


@check("VSD-CHAN-011", role="server")
def malformed_payloads_are_survived(trace: Trace) -> Findings:
    """Whatever arrives, the worker goes on."""
    yield from _passed_over(trace, "malformed", "a malformed payload")
    yield from _passed_over(trace, "text", "text that is not JSON")


@check("VSD-CHAN-014", role="server")
def only_the_agent_counts(trace: Trace) -> Findings:
    """In a strict profile nobody but the counterpart is heard."""
    if not trace.expect.get("strict"):
        return
    for story in stories(trace):
        others = [r for r in story.room.messages() if not r.sender]
        if not others:
            continue
        if story.strays:
            yield failed(
                story.strays[0].record,
                "the worker acknowledged what was not its counterpart's",
                others[0],
            )
        for segment in story.sealed():
            if len(segment.acks) == 1:
                yield passed(segment.acks[0].record)
            else:
                yield failed(segment.mark, "what the counterpart said was not acknowledged once")


@check("VSD-CHAN-016", role="server")
def arrival_decides(trace: Trace) -> Findings:
    """Audio that follows an end mark opens the next segment."""
    for story in stories(trace):
        for segment in story.segments:
            if not segment.late or not segment.judged:
                continue
            if len(segment.acks) == 1:
                yield passed(segment.acks[0].record, segment.chunks[0])
            else:
                yield failed(
                    segment.chunks[0],
                    "audio behind an end mark opens the next segment, which is acknowledged at its "
                    f"own end; there were {len(segment.acks)} acknowledgements",
                    segment.mark,
                )


def _passed_over(trace: Trace, kind: str, text: str) -> Findings:
    """The worker sent nothing because of such a payload, and the next segment is acknowledged."""
    for story in stories(trace):
        for noise in story.noise:
            if noise.kind == kind:
                yield from _ignored(story, noise, text)


def _ignored(story: Story, noise: Noise, text: str) -> Findings:
    following = story.next_sealed(noise.record)
    if following is None or following.mark is None:
        return  # the trace does not show whether it went on
    stray = story.stray_after(noise.record, until=_after(story, following.mark.seq))
    if stray is not None:
        yield failed(stray.record, f"the worker sent this after {text}", noise.record)
    elif not following.acks:
        yield failed(noise.record, f"after {text} the worker acknowledged no segment any more")
    elif following.short:
        yield failed(
            following.acks[0].record, f"{text} took away from the segment's audio", noise.record
        )
    else:
        yield passed(noise.record, following.acks[0].record)


def _after(story: Story, seq: int) -> int:
    """The next payload behind a segment's mark: what is sent after it may have other reasons."""
    found = (r.seq for r in story.room.messages() if r.seq > seq and r.sender != "server")
    return next(found, NEVER)
