"""Ends of segments: when the worker acknowledges, how often, and with which position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Finding, Findings, check, failed, passed
from conformance.checks.videosdk._worker import NEVER, TOLERANCE, stories

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks.videosdk._worker import Ack, Story
    from conformance.trace import Trace


@check("VSD-SEG-003", role="server")
def marks_stand_behind_audio(trace: Trace) -> Findings:
    """A mark ends the audio before it: each acknowledgement tells of its own segment's."""
    for story in stories(trace):
        sealed = story.sealed()
        if len(sealed) < 2:  # noqa: PLR2004 - one segment has no order
            continue
        for segment in sealed:
            ack = segment.acks[0] if segment.acks else None
            if ack is None:
                yield failed(segment.mark, "this end mark was not acknowledged")
            elif ack.position is None or abs(ack.position - segment.seconds) > TOLERANCE:
                yield failed(
                    ack.record,
                    f"position {ack.position} for {segment.seconds:g} s of audio before the mark",
                    segment.mark,
                )
            else:
                yield passed(ack.record, segment.mark)


@check("VSD-SEG-004", role="server")
def marks_are_always_accepted(trace: Trace) -> Findings:
    """An end mark is accepted in the cooldown, too."""
    accepted = trace.events("segment_end")
    for story in stories(trace):
        inside = [
            mark
            for mark in story.marks
            if any(cut.record.seq < mark.seq for cut in story.cuts)
            and not any(s.mark is mark for s in story.segments)
        ]
        if not inside:
            continue
        if len(accepted) >= len(story.marks):
            yield passed(*accepted)
        else:
            yield failed(
                inside[0],
                f"{len(story.marks)} end marks arrived, {len(accepted)} were accepted; the "
                "cooldown concerns audio only",
            )


@check("VSD-SEG-005", role="server")
def silent_marks_are_swallowed(trace: Trace) -> Findings:
    """A mark that no audio came before is not acknowledged."""
    for story in stories(trace):
        for mark in story.silent:
            yield _nothing_for(story, mark, "an end mark without audio was acknowledged")


@check("VSD-SEG-006", role="server")
def rendering_comes_first(trace: Trace) -> Findings:
    """The end is acknowledged when all audio before it was rendered, not earlier."""
    for story in stories(trace):
        for segment in story.sealed():
            if segment.seconds <= TOLERANCE or not segment.acks:
                continue
            if segment.short:
                yield failed(
                    segment.acks[0].record,
                    f"acknowledged at {segment.acks[0].position} s of {segment.seconds:g} s: the "
                    "renderer finishes the queued audio first",
                    segment.mark,
                )
            else:
                yield passed(segment.acks[0].record)


@check("VSD-END-001", role="server")
def rendered_segments_are_acknowledged(trace: Trace) -> Findings:
    """stream_ended with ``interrupted`` false after a rendered segment."""
    for story in stories(trace):
        for segment in story.sealed():
            if segment.acks:
                yield passed(segment.acks[0].record, segment.mark)
            else:
                yield failed(segment.mark, "no stream_ended with interrupted false came for this")


@check("VSD-END-003", role="server")
def nothing_else_is_acknowledged(trace: Trace) -> Findings:
    """No stream_ended where no audio of a segment was read."""
    for story in stories(trace):
        for stray in story.strays:
            yield failed(stray.record, "this acknowledges no segment with audio")
        # An interrupt that hit several segments found at most the first of them being read.
        quiet = [*story.silent, *[cut.record for cut in story.cuts if len(cut.segments) != 1]]
        if quiet and not story.strays:
            yield passed(*quiet)


@check("VSD-END-004", role="server")
def positions_count_from_the_start(trace: Trace) -> Findings:
    """Never negative, seconds of the segment, from 0 for each."""
    for story in stories(trace):
        for segment in story.sealed():
            for ack in segment.acks[:1]:
                yield _position(ack, segment.seconds, cut=False)
        for cut in story.cuts:
            for ack in cut.acks[:1]:
                yield _position(ack, sum(segment.seconds for segment in cut.segments), cut=True)


@check("VSD-END-008", role="server")
def acknowledgements_are_not_repeated(trace: Trace) -> Findings:
    """An acknowledgement that could not be sent is not sent again."""
    if not trace.expect.get("lost"):
        return
    for story in stories(trace):
        sealed = story.sealed()
        lost = sealed[: int(trace.expect["lost"])]
        kept = sealed[len(lost) :]
        acks = [ack for segment in sealed for ack in segment.acks] + story.strays
        if not kept:
            continue
        if len(acks) > len(kept):
            yield failed(
                acks[len(kept)].record,
                "the acknowledgement whose send had failed was sent again",
                lost[0].mark,
            )
        elif len(acks) == len(kept):
            yield passed(*[ack.record for ack in acks])


def _nothing_for(story: Story, mark: Record, problem: str) -> Finding:
    """That no acknowledgement without a segment came between a mark and the next one."""
    following = next((other.seq for other in story.marks if other.seq > mark.seq), NEVER)
    stray = story.stray_after(mark, until=following)
    return passed(mark) if stray is None else failed(stray.record, problem, mark)


def _position(ack: Ack, seconds: float, *, cut: bool) -> Finding:
    """Whether a position fits so much audio; of a cut segment it may be anything up to that."""
    position = ack.position
    if position is None:
        return failed(ack.record, f"{constants.Member.PLAYBACK_POSITION} is not a number")
    if position < 0:
        return failed(ack.record, f"a position of {position} s: it is never negative")
    least = 0.0 if cut else seconds - TOLERANCE
    if least <= position <= seconds + TOLERANCE:
        return passed(ack.record)
    return failed(
        ack.record,
        f"a position of {position} s for {seconds:g} s of audio: it counts from 0 for each segment",
    )
