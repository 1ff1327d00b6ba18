"""Speech and turns: how buffers are cut, where turns end, what interrupts look like."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from avatar_protocols.videosdk.v1_0 import constants
from avatar_protocols.videosdk.v1_0.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.videosdk._agent import (
    INTERRUPT,
    PCM,
    accepted,
    advanced,
    attached,
    buffers,
    spoken,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.checks.videosdk._agent import Buffer
    from conformance.trace import Trace

_SAMPLE = constants.Audio.BYTES_PER_SAMPLE
_END = MessageName.SEGMENT_END
_SLACK = 0.02
"""Seconds by which clocks of two processes may differ over one cooldown."""


def _whole(trace: Trace) -> list[Buffer]:
    """The buffers that nothing has cut short: no interrupt, no failed send."""
    cut = [r.seq for r in trace.records if r.kind == "note" and r.sender == "client"]
    cut += [r.seq for r in trace.commands("interrupt")]
    first = min(cut, default=None)
    found = list(buffers(trace))
    return [
        buffer
        for buffer, following in zip_longest(found, found[1:])
        if first is None
        or (following is not None and following.command.seq < first)
        or (buffer.chunks and buffer.chunks[-1].seq < first)
    ]


@check("VSD-PCM-001", role="client")
def sends_bare_samples(trace: Trace) -> Findings:
    """A chunk is a piece of the speech, with nothing before or after it."""
    for buffer in _whole(trace):
        for chunk in buffer.chunks:
            if payload(chunk) in buffer.wanted:
                yield passed(chunk, buffer.command)
            else:
                shown = payload(chunk)[:8].hex(" ")
                yield failed(
                    chunk, f"a chunk, {shown} …, is no piece of the speech", buffer.command
                )


@check("VSD-PCM-002", role="client", always=True)
def keeps_chunks_small(trace: Trace) -> Findings:
    """A chunk has 15000 bytes at most."""
    limit = constants.Limit.PCM_CHUNK
    for record in spoken(trace):
        if record.name != PCM:
            continue
        size = len(payload(record))
        if size > limit:
            yield failed(record, f"a chunk of {size} bytes; {limit} is the limit")
        else:
            yield passed(record)


@check("VSD-PCM-003", role="client")
def keeps_every_byte_in_its_place(trace: Trace) -> Findings:
    """The slices of a buffer follow one another and make it up again."""
    for buffer in _whole(trace):
        if not buffer.audio:
            continue
        if buffer.sent[: len(buffer.audio)] == buffer.audio:
            yield passed(*buffer.chunks)
        else:
            seen = f"{len(buffer.sent)} bytes in {len(buffer.chunks)} chunks"
            first = buffer.chunks[0] if buffer.chunks else buffer.command
            yield failed(
                first,
                f"{seen} are not the {len(buffer.audio)} bytes of the buffer, in its order",
                buffer.command,
            )


@check("VSD-PCM-004", role="client")
def completes_odd_slices(trace: Trace) -> Findings:
    """A slice of odd length is completed by one zero byte."""
    for record in spoken(trace):
        if record.name == PCM and len(payload(record)) % _SAMPLE:
            yield failed(record, f"a chunk of {len(payload(record))} bytes, half a sample too many")
    for buffer in _whole(trace):
        if not len(buffer.audio) % _SAMPLE or not buffer.chunks:
            continue
        added = buffer.sent[len(buffer.audio) :]
        if added == bytes((constants.Audio.PAD_BYTE,)):
            yield passed(buffer.chunks[-1], buffer.command)
        else:
            yield failed(
                buffer.chunks[-1],
                f"an odd buffer was completed by {added.hex(' ') or 'nothing'}, not by a zero byte",
                buffer.command,
            )


@check("VSD-PCM-006", role="client")
def sends_nothing_for_nothing(trace: Trace) -> Findings:
    """An empty buffer makes no chunk."""
    for record in spoken(trace):
        if record.opcode == "binary" and not payload(record):
            yield failed(record, "an empty chunk")
    for buffer in _whole(trace):
        if not buffer.audio:
            yield passed(buffer.command)


@check("VSD-PCM-011", role="client")
def keeps_silence_binary(trace: Trace) -> Findings:
    """Audio that happens to be UTF-8, such as digital silence, goes out as binary."""
    for buffer in _whole(trace):
        try:
            text = buffer.audio.decode()
        except UnicodeDecodeError:
            continue
        if not text:
            continue
        wrong = [r for r in spoken(trace) if r.opcode == "text" and r.raw and r.raw in text]
        if wrong:
            yield failed(wrong[0], "silence was sent as text; workers drop it", buffer.command)
        elif buffer.sent != buffer.wanted:
            yield failed(None, "silence was not sent", buffer.command)
        else:
            yield passed(*buffer.chunks)


@check("VSD-SEG-001", role="client")
def ends_each_completed_turn_once(trace: Trace) -> Findings:
    """segment_end follows the last PCM of each completed turn, once."""
    ends = [record for record in spoken(trace) if record.name == _END]
    wanted = [command for command in _endings(trace, "completed") if attached(trace, command)]
    before = 0
    for number, command in enumerate(wanted):
        if number >= len(ends):
            yield failed(None, "a completed turn has no segment_end", command)
            continue
        end = ends[number]
        audio = sum(len(b.wanted) for b in _whole(trace) if b.command.seq < command.seq)
        said = [r for r in spoken(trace) if r.name == PCM and r.seq < end.seq]
        size = sum(len(payload(record)) for record in said)
        before = max(before, size)
        if size < audio:
            yield failed(
                end, f"segment_end stands before {audio - size} bytes of its turn", command
            )
        else:
            yield passed(end, command)
    for end in ends[len(wanted) :]:
        yield failed(end, "a further segment_end: no turn was completed")


@check("VSD-SEG-002", role="client")
def just_stops_otherwise(trace: Trace) -> Findings:
    """A cancelled or failed turn has no segment_end."""
    for outcome in ("cancelled", "failed"):
        for command in _endings(trace, outcome):
            following = next((c.seq for c in trace.commands() if c.seq > command.seq), None)
            end = next(
                (
                    record
                    for record in spoken(trace)
                    if record.name == _END
                    and record.seq > command.seq
                    and (following is None or record.seq < following)
                ),
                None,
            )
            if end is not None:
                yield failed(end, f"segment_end for a turn that was {outcome}", command)
            else:
                yield passed(command)


def _endings(trace: Trace, outcome: str) -> list[Record]:
    return [
        command
        for command in accepted(trace, "end_turn")
        if (command.data or {}).get("outcome", "completed") == outcome
    ]


@check("VSD-INT-001", role="client")
def interrupts_by_nine_bytes(trace: Trace) -> Findings:
    """An interrupt is the nine bytes INTERRUPT, binary, as the whole payload."""
    literal = INTERRUPT.encode()
    seen = [r for r in spoken(trace) if literal.lower() in payload(r).lower() and _is_order(r)]
    for record in seen:
        if record.opcode != "binary":
            yield failed(record, "INTERRUPT was sent as text; it is binary")
        elif payload(record) != literal:
            shown = payload(record)[:24]
            yield failed(record, f"{shown!r} is not the literal alone, which is {INTERRUPT}")
        else:
            yield passed(record)
    ordered = [command for command in accepted(trace, "interrupt") if attached(trace, command)]
    if ordered and not seen:
        yield failed(None, "an interrupt was asked for; none was sent", ordered[0])


def _is_order(record: Record) -> bool:
    """Whether a payload is meant for an interrupt: audio that contains the word is not."""
    return record.name != PCM or len(payload(record)) <= len(INTERRUPT) + _SAMPLE


@check("VSD-INT-009", role="client")
def leaves_the_cooldown(trace: Trace) -> Findings:
    """New PCM starts no earlier than 0.3 s after the last interrupt; before, it would be lost."""
    cooldown = constants.Timeout.INTERRUPT_COOLDOWN
    interrupt: Record | None = None
    for record in spoken(trace):
        if record.name == INTERRUPT:
            interrupt = record
        elif record.name == PCM and interrupt is not None:
            waited = advanced(trace, interrupt, record)
            if waited < cooldown - _SLACK:
                yield failed(
                    record,
                    f"new audio {waited:.3f} s after INTERRUPT; for {cooldown} s it is dropped",
                    interrupt,
                )
            else:
                yield passed(record, interrupt)
            interrupt = None


@check("VSD-INT-011", role="client")
def leaves_marked_utterances_alone(trace: Trace) -> Findings:
    """An utterance that is marked non-interruptible is not interrupted."""
    for command in accepted(trace, "send_audio"):
        if not (command.data or {}).get("uninterruptible"):
            continue
        end = next((c.seq for c in trace.commands("end_turn") if c.seq > command.seq), None)
        hit = next(
            (
                record
                for record in spoken(trace)
                if record.name == INTERRUPT
                and record.seq > command.seq
                and (end is None or record.seq < end)
            ),
            None,
        )
        asked = [c for c in trace.commands("interrupt") if c.seq > command.seq]
        if hit is not None:
            yield failed(hit, "an utterance marked non-interruptible was interrupted", command)
        elif asked:
            yield passed(asked[0], command)
