"""Turns of sessions: what is heard, in which conversation, what interrupts, what fails."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import (
    Answer,
    answers,
    channels,
    data_of,
    events,
    metadata_of,
    starts,
)
from conformance.trace import Socket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.checks import Finding
    from conformance.trace import Trace

Event = constants.EventType


def _counted(trace: Trace, problem: str) -> Iterator[Finding]:
    """Whether as many turns began as there were utterances."""
    wanted = trace.expect.get("utterances")
    for socket in trace.sockets():
        audio = socket.first(kind="message", sender="client", name=constants.RequestType.DATA)
        if audio is None or wanted is None:
            continue
        found = starts(socket)
        if len(found) < wanted:
            yield failed(audio, f"{len(found)} of {wanted} utterances began a turn")
        elif len(found) > wanted:
            yield failed(found[-1], problem)
        else:
            yield passed(audio, *found)


@check("AIA-VAD-001", role="server")
def utterances_begin_turns(trace: Trace) -> Findings:
    """Each utterance that ends in silence begins one turn, and a short pause none."""
    yield from _counted(trace, "what is one utterance began more than one turn")


@check("AIA-VAD-002", role="server")
def clicks_begin_none(trace: Trace) -> Findings:
    """Less than 0.2 s of speech begins no turn."""
    yield from _counted(trace, "a click began a turn")


@check("AIA-CTX-004", role="server")
def voice_turns_share_their_context(trace: Trace) -> Findings:
    """The voice turns of a session are one conversation."""
    for socket in trace.sockets():
        found = starts(socket)
        for before, after in pairwise(found):
            kept, told = data_of(before, "context_id"), data_of(after, "context_id")
            if kept == told and isinstance(told, str):
                yield passed(before, after)
            else:
                yield failed(after, f"the next voice turn is in {told!r}, not in {kept!r}", before)


@check("AIA-WS-013", role="server")
def a_threshold_is_its_sessions_own(trace: Trace) -> Findings:
    """A threshold holds in the session that set it, and in no other; 0 and null are none."""
    wanted = trace.expect.get("turns", {})
    for socket in trace.sockets():
        expected = wanted.get(str(socket.number))
        if expected is None:
            continue
        found = starts(socket)
        setting = socket.first(kind="message", sender="client", name=constants.RequestType.CONFIG)
        audio = socket.first(kind="message", sender="client", name=constants.RequestType.DATA)
        if len(found) > expected:
            yield failed(found[0], "audio below the session's threshold began a turn", setting)
        elif len(found) < expected:
            yield failed(audio, "audio above the session's threshold began no turn", setting)
        else:
            yield passed(setting, *found)


@check("AIA-INT-001", role="server")
def a_new_turn_stops_the_playback(trace: Trace) -> Findings:
    """Where a new turn replaces what is being said, stop comes before its start."""
    for socket in trace.sockets():
        found = answers(trace, socket.number)
        for older, newer in pairwise(found):
            if newer.start is None or older.start is None or _over(older, newer):
                continue
            between = [
                r
                for r in events(socket)
                if r.name == Event.STOP and older.start.seq < r.seq < newer.start.seq
            ]
            if between:
                yield passed(between[-1], newer.start)
            else:
                yield failed(newer.start, "a turn was replaced without stop", older.start)


def _over(older: Answer, newer: Answer) -> bool:
    """Whether the older answer had ended when the newer one began."""
    begin = newer.start
    return older.end is not None and begin is not None and older.end.seq < begin.seq


@check("AIA-INT-004", role="server")
def an_older_answer_ends(trace: Trace) -> Findings:
    """A newer turn of the session ends the older answer before it is told to its end."""
    never = trace.expect.get("never")
    for place, answer in enumerate(answers(trace)):
        if place > 0 or never is None or answer.start is None:
            continue
        if never in answer.text:
            said = next(r for r in answer.chunks if never in (data_of(r, "text") or ""))
            yield failed(said, "the older answer was told to its end")
        elif len(answers(trace)) > 1:
            yield passed(answer.start, answer.end)


@check("AIA-ERR-001", role="server")
def failures_are_told(trace: Trace) -> Findings:
    """A turn that fails ends in error with its words, and the session goes on."""
    failures = 0
    for channel in channels(trace):
        for record in channel.messages("server", Event.ERROR):
            failures += 1
            told = metadata_of(record).get(constants.MetadataKey.ERROR)
            if not isinstance(told, str) or not told:
                yield failed(record, "the error has no text in metadata.error")
                continue
            later = [it for it in answers(trace) if it.complete and it.start is not None]
            after = [it for it in later if it.start is not None and it.start.seq > record.seq]
            end = channel.end if isinstance(channel, Socket) else None
            if after:
                yield passed(record, after[0].end)
            elif end is not None:
                yield failed(end, "the failure cost the connection", record)
            else:
                yield failed(record, "after the failure no turn was served any more")
