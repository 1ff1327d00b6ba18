"""What the agent makes of what arrives: acknowledgements, other people's payloads, and noise."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from avatar_protocols.videosdk.v1_0 import constants
from avatar_protocols.videosdk.v1_0.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import outcomes, told
from conformance.checks.videosdk._agent import (
    PCM,
    buffers,
    faults,
    option,
    spoken,
)
from conformance.trace import members_of, payload
from mock_servers.documents import is_object

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_ENDED = MessageName.STREAM_ENDED
_MEMBER, _DEFAULT = constants.Member, constants.Default
_REPORT = "stream_ended"
"""Name of the adapter's event; it happens to be that of the message."""


def _arrived(trace: Trace) -> list[Record]:
    """Payloads of everybody but the agent, while the agent was there."""
    present = False
    found: list[Record] = []
    for record in trace.records:
        if record.sender == "client" and record.kind in {"join", "leave"}:
            present = record.kind == "join"
        elif present and record.kind == "message" and record.sender != "client":
            found.append(record)
    return found


def _document(record: Record) -> dict[str, Any] | None:
    """The stream_ended that a payload is, in either kind; None if it is none."""
    if record.name == _ENDED:
        return record.data
    if record.opcode == "binary" and str(_ENDED).encode() in payload(record):
        try:
            return members_of(json.loads(payload(record)))
        except ValueError:
            return None
    return None


def _readable(document: dict[str, Any]) -> bool:
    data: object = document.get(_MEMBER.DATA, {})
    if not is_object(data):
        return False
    position = data.get(_MEMBER.PLAYBACK_POSITION, _DEFAULT.PLAYBACK_POSITION)
    flag = data.get(_MEMBER.INTERRUPTED, _DEFAULT.INTERRUPTED)
    number = isinstance(position, int | float) and not isinstance(position, bool)
    return number and isinstance(flag, bool)


def _acks(trace: Trace) -> list[tuple[Record, dict[str, Any]]]:
    """The acknowledgements that an agent can read, with their documents."""
    strict = option(trace, "strict_sender")
    found: list[tuple[Record, dict[str, Any]]] = []
    for record in _arrived(trace):
        document = _document(record)
        counts = not strict or record.sender == "server"
        if document is not None and counts and _readable(document):
            found.append((record, document))
    return found


def _next_fault(trace: Trace, record: Record, until: int | None = None) -> Record | None:
    """The first fault that a payload may have caused: before the next one arrives."""
    following = next((r.seq for r in _arrived(trace) if r.seq > record.seq), until)
    return next(
        (
            fault
            for fault in faults(trace)
            if fault.seq > record.seq and (following is None or fault.seq < following)
        ),
        None,
    )


def _lives(trace: Trace, record: Record) -> Record | None:
    """A sign of life behind a payload: an acknowledgement reported, or something said."""
    return next(
        (
            each
            for each in trace.records
            if each.seq > record.seq
            and (
                (each.kind == "event" and each.name == _REPORT)
                or (each.kind == "message" and each.sender == "client")
            )
        ),
        None,
    )


def _survives(trace: Trace, payloads: list[Record], what: str) -> Findings:
    for record in payloads:
        fault = _next_fault(trace, record)
        life = _lives(trace, record)
        if fault is not None:
            kind = (fault.data or {}).get("type")
            yield failed(fault, f"{what} raised {kind} in the agent's listener", record)
        elif life is not None:
            yield passed(life, record)


def _surplus(trace: Trace) -> Findings:
    """Reports of acknowledgements that nobody has sent."""
    reports, acks = trace.events(_REPORT), _acks(trace)
    for number, report in enumerate(reports):
        due = [ack for ack, _ in acks if ack.seq < report.seq]
        if number >= len(due):
            yield failed(report, "an acknowledgement was reported; nobody has sent it")


@check("VSD-CHAN-002", role="client")
def passes_over_what_is_not_its_own(trace: Trace) -> Findings:
    """PCM, INTERRUPT and segment_end are not for an agent; it goes on."""
    foreign = [r for r in _arrived(trace) if r.name in {PCM, constants.Control.INTERRUPT}]
    foreign += [r for r in _arrived(trace) if r.name == MessageName.SEGMENT_END]
    foreign = [r for r in foreign if _document(r) is None]
    yield from _survives(trace, foreign, "a payload for others")
    if foreign:
        yield from _surplus(trace)


@check("VSD-CHAN-009", role="client")
def ignores_unknown_types_and_members(trace: Trace) -> Findings:
    """An unknown type is ignored, and so are unknown members of a known one."""
    known = set(MessageName)
    for record in _arrived(trace):
        document = record.data or {}
        if record.opcode != "text" or not isinstance(document.get(_MEMBER.TYPE), str):
            continue
        strange = record.name not in known
        extra = set(document) - {_MEMBER.TYPE, _MEMBER.DATA} or set(
            members_of(document.get(_MEMBER.DATA))
        ) - {_MEMBER.PLAYBACK_POSITION, _MEMBER.INTERRUPTED}
        if strange or extra:
            what = f"the unknown type {record.name}" if strange else "an unknown member"
            yield from _survives(trace, [record], what)
    yield from _surplus(trace)


@check("VSD-CHAN-012", role="client")
def drops_what_it_cannot_read(trace: Trace) -> Findings:
    """JSON that is no object and acknowledgements that cannot be read are dropped."""
    unreadable: list[Record] = []
    for record in _arrived(trace):
        document = _document(record)
        not_object = record.opcode == "text" and record.data is None and _is_json(record)
        if not_object or (document is not None and not _readable(document)):
            unreadable.append(record)
    yield from _survives(trace, unreadable, "an unreadable payload")
    if unreadable:
        yield from _surplus(trace)


def _is_json(record: Record) -> bool:
    try:
        json.loads(record.raw)
    except (ValueError, RecursionError):
        return False
    return True


@check("VSD-CHAN-013", role="client")
def reads_text_and_bytes(trace: Trace) -> Findings:
    """stream_ended is read from text and from UTF-8 bytes alike."""
    yield from _reported(trace, _acks(trace))


@check("VSD-END-005", role="client")
def fills_in_what_is_missing(trace: Trace) -> Findings:
    """A missing position is 0.0, and a missing flag is false."""
    incomplete = [
        (ack, document)
        for ack, document in _acks(trace)
        if not {_MEMBER.PLAYBACK_POSITION, _MEMBER.INTERRUPTED}
        <= set(members_of(document.get(_MEMBER.DATA)))
    ]
    yield from _reported(trace, incomplete)


def _reported(trace: Trace, wanted: list[tuple[Record, dict[str, Any]]]) -> Findings:
    """Each acknowledgement is reported, in its turn, with what it says."""
    every = [ack.seq for ack, _ in _acks(trace)]
    reports = trace.events(_REPORT)
    for ack, document in wanted:
        place = every.index(ack.seq)
        data = members_of(document.get(_MEMBER.DATA))
        said = {
            _MEMBER.PLAYBACK_POSITION: data.get(
                _MEMBER.PLAYBACK_POSITION, _DEFAULT.PLAYBACK_POSITION
            ),
            _MEMBER.INTERRUPTED: data.get(_MEMBER.INTERRUPTED, _DEFAULT.INTERRUPTED),
        }
        if place >= len(reports):
            yield failed(None, f"a {ack.opcode} acknowledgement was not reported", ack)
            continue
        report = reports[place]
        seen = {name: (report.data or {}).get(name) for name in said}
        if seen != said:
            yield failed(report, f"the acknowledgement was reported as {seen}; it says {said}", ack)
        else:
            yield passed(report, ack)


@check("VSD-CHAN-014", role="client")
def hears_its_avatar_only(trace: Trace) -> Findings:
    """In the strict profile, only the avatar's own payloads count."""
    if not option(trace, "strict_sender"):
        return
    foreign = [r for r in _arrived(trace) if r.sender != "server" and _document(r) is not None]
    surplus = list(_surplus(trace))
    for record in foreign:
        if not surplus and (life := _lives(trace, record)) is not None:
            yield passed(life, record)
    for finding in surplus:
        yield failed(
            trace.events(_REPORT)[-1],
            "an acknowledgement of somebody else was reported in the strict profile",
            *foreign,
        )
        del finding


@check("VSD-END-006", role="client")
def speaks_on_without_an_acknowledgement(trace: Trace) -> Findings:
    """The agent goes on speaking although no acknowledgement comes."""
    found = list(buffers(trace))
    for first, second in pairwise(found):
        ends = [
            record
            for record in spoken(trace)
            if record.name == MessageName.SEGMENT_END
            and first.command.seq < record.seq < second.command.seq
        ]
        if not ends or any(
            first.command.seq < ack.seq < second.command.seq for ack, _ in _acks(trace)
        ):
            continue
        if second.chunks:
            yield passed(second.chunks[0], ends[0])
        else:
            yield failed(
                None, "the next turn was not spoken; the agent waits to be acknowledged", ends[0]
            )
    answered = {command.seq for command, _ in outcomes(trace, "send_audio")}
    for command in trace.commands("send_audio"):
        if command.seq not in answered:
            yield failed(None, "speech was never handed over", command)


@check("VSD-LIFE-003", role="client")
def falls_silent_when_it_is_closed(trace: Trace) -> Findings:
    """Closed, the agent reports nothing further; closing again is harmless."""
    closes = outcomes(trace, "close")
    if not closes:
        return
    command, answer = closes[0]
    late = [r for r in trace.events(_REPORT) if r.seq > answer.seq]
    if late:
        yield failed(late[0], "a closed agent reports an acknowledgement", answer)
    said = [r for r in spoken(trace) if r.seq > answer.seq]
    if said:
        yield failed(said[0], "a closed agent sends", answer)
    for again, outcome in closes:
        if told(outcome) == "error":
            yield failed(outcome, "closing raised an error", again)
    if not late and not said:
        yield passed(answer, command)


@check("VSD-LIFE-001", role="client")
def attaches_once_it_has_joined(trace: Trace) -> Findings:
    """Channel and listener are attached when the room reports the join, not before."""
    joins = trace.where(kind="join", sender="client")
    for event in trace.events("opened"):
        if not any(join.seq < event.seq for join in joins):
            yield failed(event, "the agent says it is attached, and has not joined")
        else:
            yield passed(event)
    for note in trace.where(kind="note", name="send_failed", sender="client"):
        if not any(join.seq < note.seq for join in joins):
            yield failed(note, "the agent tried to send before it had joined")
