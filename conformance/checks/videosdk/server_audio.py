"""What the worker makes of audio: padding, rate, order, bursts, and any content at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from avatar_protocols.videosdk.v1_0 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.videosdk._worker import TOLERANCE, control_of, size_of, stories
from conformance.trace import members_of, payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from avatar_protocols.trace import Record
    from conformance.checks.videosdk._worker import Segment
    from conformance.trace import Trace

_SAMPLE: Final = constants.Audio.BYTES_PER_SAMPLE
_TELLING: Final = 2 * TOLERANCE
"""Audio of this length (seconds) tells rates apart in spite of the tolerance."""


@check("VSD-PCM-005", role="server")
def odd_chunks_are_completed(trace: Trace) -> Findings:
    """A chunk of odd length is played, completed by one byte."""
    yield from _played(
        trace,
        lambda segment: all(size_of(chunk) % _SAMPLE for chunk in segment.chunks),
        "audio of odd length was not played: it has to be completed by one zero byte",
    )
    for record in trace.events("frame"):
        size = members_of(record.data).get("bytes")
        if isinstance(size, int) and size % _SAMPLE:
            yield failed(record, f"a frame of {size} bytes is no whole number of samples")


@check("VSD-PCM-007", role="server")
def rate_is_agreed(trace: Trace) -> Findings:
    """One second of audio is 48000 bytes: the position says what the worker took it for."""
    for story in stories(trace):
        for segment in story.sealed():
            if segment.seconds < _TELLING or not segment.acks:
                continue
            position = segment.acks[0].position
            if position is not None and abs(position - segment.seconds) <= TOLERANCE:
                yield passed(segment.acks[0].record)
            else:
                yield failed(
                    segment.acks[0].record,
                    f"{segment.seconds:g} s of audio were reported as {position} s: "
                    f"{constants.Audio.BYTES_PER_SECOND} bytes are one second",
                    segment.chunks[0],
                )


@check("VSD-PCM-008", role="server")
def chunks_become_frames(trace: Trace) -> Findings:
    """Each accepted chunk is one frame, in the order of arrival."""
    frames = [(r, members_of(r.data).get("bytes")) for r in trace.events("frame")]
    for story in stories(trace):
        chunks = [chunk for segment in story.segments for chunk in segment.chunks]
        if any(segment.uncertain for segment in story.segments) or not chunks:
            continue
        wanted = [size_of(chunk) + size_of(chunk) % _SAMPLE for chunk in chunks]
        seen = [size for _, size in frames]
        if seen == wanted:
            yield passed(*[record for record, _ in frames])
            continue
        at = next(
            (n for n, pair in enumerate(zip(seen, wanted, strict=False)) if pair[0] != pair[1]),
            min(len(seen), len(wanted)),
        )
        record = frames[at][0] if at < len(frames) else None
        yield failed(
            record,
            f"frame {at + 1} of the input is {seen[at] if at < len(seen) else 'missing'}, "
            f"expected {wanted[at] if at < len(wanted) else 'none'} bytes; "
            "each chunk is one frame, in the order of arrival",
            chunks[min(at, len(chunks) - 1)],
        )


@check("VSD-PCM-009", role="server")
def bursts_are_kept(trace: Trace) -> Findings:
    """Audio that arrives faster than it plays is not lost."""
    for story in stories(trace):
        for segment in story.sealed():
            mark = segment.mark
            if mark is None or mark.time - segment.chunks[0].time >= segment.seconds - TOLERANCE:
                continue  # it arrived as it plays
            if not segment.acks:
                yield failed(mark, "a burst of audio was not acknowledged")
            elif segment.short:
                yield failed(
                    segment.acks[0].record,
                    f"{segment.seconds:g} s of audio arrived at once, "
                    f"{segment.acks[0].position} s were played",
                    segment.chunks[0],
                )
            else:
                yield passed(segment.acks[0].record)


@check("VSD-PCM-010", role="server")
def content_does_not_matter(trace: Trace) -> Findings:
    """A binary payload is audio, even if it reads like a control message."""
    yield from _played(
        trace,
        lambda segment: all(_reads_like_control(chunk) for chunk in segment.chunks),
        "binary payloads that read like control messages were not played as audio",
    )


@check("VSD-PCM-011", role="server")
def silence_is_played(trace: Trace) -> Findings:
    """Audio that happens to be UTF-8, such as digital silence, is audio."""
    yield from _played(
        trace,
        lambda segment: all(_is_utf8(payload(chunk)) for chunk in segment.chunks),
        "audio that is valid UTF-8, such as digital silence, was not played",
    )


@check("VSD-PCM-013", role="server")
def losses_are_survived(trace: Trace) -> Findings:
    """Whatever is lost or overtaken on the way, each turn comes to its end."""
    for story in stories(trace):
        for segment in story.sealed():
            if len(segment.chunks) < _ENOUGH:
                continue
            if segment.acks:
                yield passed(segment.acks[0].record)
            else:
                yield failed(segment.mark, "a turn with lost or overtaken chunks was never ended")


_ENOUGH: Final = 10
"""Chunks of which one at least arrives, however lossy the room."""


def _played(trace: Trace, concerns: Callable[[Segment], bool], problem: str) -> Findings:
    """Segments of such audio only are acknowledged, and not as nothing."""
    for story in stories(trace):
        for segment in story.sealed():
            if not concerns(segment):
                continue
            ack = segment.acks[0] if segment.acks else None
            if ack is None:
                yield failed(segment.mark, problem, segment.chunks[0])
            elif not ack.position or segment.short:
                yield failed(ack.record, f"{problem}; position {ack.position}", segment.chunks[0])
            else:
                yield passed(ack.record, segment.chunks[0])


def _reads_like_control(chunk: Record) -> bool:
    """Whether audio reads like a control message, or nearly like the literal."""
    text = payload(chunk).rstrip(b"\0").decode(errors="replace")
    return bool(members_of(control_of(chunk))) or text.upper() == constants.Control.INTERRUPT


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
