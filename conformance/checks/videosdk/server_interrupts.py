"""Interrupts: what the worker clears, what it drops for 0.3 s, and what it acknowledges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.videosdk._worker import NEVER, stories

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks.videosdk._worker import Cut, Story
    from conformance.trace import Trace

_COOLDOWN: Final = constants.Timeout.INTERRUPT_COOLDOWN


@check("VSD-INT-002", role="server")
def both_kinds_interrupt(trace: Trace) -> Findings:
    """INTERRUPT counts as bytes and as text."""
    for _, cut in _cuts(trace):
        if cut.acks:
            yield passed(cut.record, cut.acks[0].record, observed=cut.record.opcode)
        else:
            yield failed(cut.record, f"INTERRUPT as {cut.record.opcode} interrupted nothing")


@check("VSD-INT-003", role="server")
def the_queue_is_emptied(trace: Trace) -> Findings:
    """Of what was queued nothing is played, and no mark of it is acknowledged."""
    for story, cut in _cuts(trace):
        marks = [segment.mark for segment in cut.segments if segment.mark is not None]
        if not marks:
            continue
        stray = story.stray_after(cut.record, until=_next_speech(story, cut.record))
        if stray is not None:
            yield failed(
                stray.record,
                "an end mark that the interrupt had cleared was acknowledged",
                marks[0],
            )
        else:
            yield passed(cut.record, *marks)


@check("VSD-INT-004", role="server")
def the_renderer_is_reset(trace: Trace) -> Findings:
    """Every interrupt resets the renderer, while idle as well."""
    resets = trace.events("reset")
    interrupts = [cut.record for story in stories(trace) for cut in story.cuts]
    if not interrupts:
        return
    if len(resets) == len(interrupts):
        yield passed(*resets)
    else:
        missing = interrupts[min(len(resets), len(interrupts) - 1)]
        yield failed(missing, f"{len(interrupts)} interrupts led to {len(resets)} resets")


@check("VSD-INT-005", role="server")
def the_cooldown_drops_audio(trace: Trace) -> Findings:
    """Audio within 0.3 s of an interrupt is dropped in silence; behind them it counts."""
    for story in stories(trace):
        for chunk, interrupt in story.dropped:
            yield from _silence(story, chunk, interrupt)
        yield from _life_after(story)


@check("VSD-INT-006", role="server")
def the_cooldown_starts_anew(trace: Trace) -> Findings:
    """The 0.3 s count from the last interrupt, not from the first."""
    for story in stories(trace):
        repeated = [
            interrupt
            for before, interrupt in zip(story.cuts, story.cuts[1:], strict=False)
            if not interrupt.segments and not _speech_between(story, before, interrupt)
        ]
        for chunk, interrupt in story.dropped:
            if any(cut.record is interrupt for cut in repeated):
                yield from _silence(story, chunk, interrupt)


@check("VSD-INT-007", role="server")
def idle_interrupts_are_taken(trace: Trace) -> Findings:
    """An interrupt while idle is taken like any other, and the worker goes on."""
    for story in stories(trace):
        for cut in story.cuts:
            following = story.next_sealed(cut.record)
            if cut.segments or following is None:
                continue
            stray = story.stray_after(cut.record, until=following.chunks[0].seq)
            if stray is not None:
                yield failed(stray.record, "an interrupt while idle was acknowledged", cut.record)
            elif not following.acks:
                yield failed(following.mark, "the worker did not go on after it", cut.record)
            else:
                yield passed(cut.record, following.acks[0].record)


@check("VSD-INT-008", role="server")
def one_acknowledgement_is_enough(trace: Trace) -> Findings:
    """However often a segment is interrupted, it is acknowledged once."""
    for story, cut in _cuts(trace):
        further = story.stray_after(cut.record, until=_next_speech(story, cut.record))
        if not cut.acks:
            yield failed(cut.record, "an interrupted segment was not acknowledged")
        elif further is not None:
            yield failed(
                further.record, "an interrupted segment was acknowledged more than once", cut.record
            )
        else:
            yield passed(cut.acks[0].record)


@check("VSD-END-002", role="server")
def cut_segments_are_acknowledged(trace: Trace) -> Findings:
    """stream_ended with ``interrupted`` true where an interrupt hits audio that plays."""
    for _, cut in _cuts(trace):
        if cut.acks:
            yield passed(cut.acks[0].record, cut.record)
        else:
            yield failed(
                cut.record, "no stream_ended with interrupted true came for the audio that played"
            )


def _cuts(trace: Trace) -> list[tuple[Story, Cut]]:
    """Every interrupt that hit audio, with its story."""
    return [(story, cut) for story in stories(trace) for cut in story.cuts if cut.segments]


def _silence(story: Story, chunk: Record, interrupt: Record) -> Findings:
    """Dropped audio neither becomes a frame's worth of segment nor is spoken of."""
    mark = next((m for m in story.marks if m.seq > chunk.seq), None)
    if mark is None:
        return  # nothing would have shown it
    end = next((m.seq for m in story.marks if m.seq > mark.seq), NEVER)
    stray = story.stray_after(chunk, until=end)
    if stray is not None:
        yield failed(
            stray.record,
            f"audio that arrived within {_COOLDOWN} s of an interrupt was played",
            chunk,
            interrupt,
        )
    else:
        yield passed(chunk, interrupt)


def _life_after(story: Story) -> Findings:
    """What arrives when the cooldown is over is played, and nothing before it."""
    for segment in story.sealed():
        if not any(cut.record.seq < segment.chunks[0].seq for cut in story.cuts):
            continue
        if segment.acks:
            yield passed(segment.acks[0].record)
        else:
            yield failed(
                segment.chunks[0], f"audio that arrived {_COOLDOWN} s after it was not played"
            )


def _speech_between(story: Story, first: Cut, second: Cut) -> bool:
    return any(
        first.record.seq < chunk.seq < second.record.seq
        for segment in story.segments
        for chunk in segment.chunks
    )


def _next_speech(story: Story, record: Record) -> int:
    """The first chunk behind a record that counts."""
    chunks = (chunk.seq for segment in story.segments for chunk in segment.chunks)
    return min((seq for seq in chunks if seq > record.seq), default=NEVER)
