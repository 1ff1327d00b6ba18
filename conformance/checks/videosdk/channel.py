"""What the agent puts on the room's data channel: medium, mode, kind and size of each payload."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from avatar_protocols.videosdk.v1_0 import constants
from avatar_protocols.videosdk.v1_0.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import outcomes, told
from conformance.checks.videosdk._agent import (
    CONTROL,
    DISPATCH,
    INTERRUPT,
    PCM,
    accepted,
    attached,
    buffers,
    spoken,
)
from conformance.trace import Room, payload
from mock_servers.documents import is_object

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_CALLS = ("", DISPATCH, constants.Endpoint.ROOMS.name)
_SPEECH = ("send_audio", "end_turn", "interrupt")


@check("VSD-CHAN-001", role="client", always=True)
def talks_in_the_room_only(trace: Trace) -> Findings:
    """Beside the two HTTP calls, everything goes over the room's data channel."""
    for channel in trace.channels():
        if not isinstance(channel, Room):
            record = channel.records[0]
            if record.name == constants.Endpoint.ROOM.name:
                continue  # a join by our own room socket that was refused
            yield failed(record, f"the agent opened a channel at {record.target}; it has the room")
    for request, _ in trace.http():
        if request.name not in _CALLS[1:]:
            yield failed(request, f"the agent called {request.method} {request.target}")
    for record in spoken(trace):
        yield passed(record)


@check("VSD-CHAN-003", role="client", always=True)
def sends_audio_unreliable(trace: Trace) -> Findings:
    """PCM goes in the mode UNRELIABLE."""
    yield from _mode(trace, (PCM,), constants.Reliability.UNRELIABLE)


@check("VSD-CHAN-004", role="client", always=True)
def sends_control_reliable(trace: Trace) -> Findings:
    """INTERRUPT and segment_end go in the mode RELIABLE."""
    yield from _mode(trace, CONTROL, constants.Reliability.RELIABLE)


def _mode(trace: Trace, names: tuple[str, ...], wanted: str) -> Findings:
    for record in spoken(trace):
        if record.name not in names:
            continue
        if record.reliability != wanted:
            yield failed(record, f"{record.name} was sent {record.reliability}, not {wanted}")
        else:
            yield passed(record)


@check("VSD-CHAN-006", role="client", always=True)
def keeps_within_the_transports_limit(trace: Trace) -> Findings:
    """No payload has more than 15360 bytes; the transport would refuse it."""
    limit = constants.Limit.PAYLOAD
    for record in trace.where(kind="note", sender="client"):
        size = (record.data or {}).get("bytes")
        if isinstance(size, int) and size > limit:
            yield failed(record, f"a payload of {size} bytes; the transport takes {limit} at most")
    for record in spoken(trace):
        size = len(payload(record))
        if size > limit:
            yield failed(record, f"a payload of {size} bytes; the transport takes {limit} at most")
        else:
            yield passed(record)


@check("VSD-CHAN-007", role="client", always=True)
def sends_json_as_text(trace: Trace) -> Findings:
    """JSON control messages are text payloads: binary ones would be played as noise."""
    for record in spoken(trace):
        if _document(record) is None:
            continue
        if record.opcode == "binary":
            yield failed(record, "a JSON control message was sent binary; a worker plays it")
        else:
            yield passed(record)


@check("VSD-CHAN-008", role="client", always=True)
def sends_objects_with_a_type(trace: Trace) -> Findings:
    """Text payloads are JSON objects whose ``type`` is a string."""
    member = constants.Member.TYPE
    for record in spoken(trace):
        if record.opcode != "text" or record.name == INTERRUPT:
            continue
        document = _document(record)
        if document is None:
            yield failed(record, f"the text {record.raw[:40]!r} is no JSON object")
        elif not isinstance(document.get(member), str):
            shown = document.get(member)
            yield failed(record, f"{member} is {shown!r}; it must be a string")
        else:
            yield passed(record)


def _document(record: Record) -> dict[str, Any] | None:
    """The JSON object of a payload; None if it is none."""
    try:
        document: object = json.loads(payload(record))
    except (ValueError, RecursionError):
        return None
    return document if is_object(document) else None


@check("VSD-CHAN-015", role="client")
def says_nothing_before_it_is_attached(trace: Trace) -> Findings:
    """What is handed over before the room was joined is dropped for good, and without an error."""
    early = [
        (command, answer)
        for command, answer in outcomes(trace, *_SPEECH)
        if not attached(trace, command)
    ]
    if not early:
        return
    for command, answer in early:
        if told(answer) == "error":
            yield failed(answer, f"`{command.name}` before the join raised an error", command)
    said = spoken(trace)
    for name, wanted in _expected(trace).items():
        seen = [record for record in said if record.name == name]
        size = sum(len(payload(record)) for record in seen) if name == PCM else len(seen)
        if size > wanted:
            yield failed(
                seen[0], f"what was said before the join was sent after it: {name}", early[0][0]
            )
            return
    if said:
        yield passed(said[0], early[0][0])


def _expected(trace: Trace) -> dict[str, int]:
    """How much may be on the channel at most: bytes of audio, and control messages."""
    later = {
        name: [command for command in accepted(trace, name) if attached(trace, command)]
        for name in _SPEECH
    }
    expected = {
        PCM: sum(len(buffer.wanted) for buffer in buffers(trace)),
        MessageName.SEGMENT_END: len(later["end_turn"]),
    }
    # Several interrupts for one are fine (VSD-INT-010).
    return expected if later["interrupt"] else {**expected, INTERRUPT: 0}
