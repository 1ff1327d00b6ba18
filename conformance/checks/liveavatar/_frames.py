"""What holds for media frames in both directions, judged alike whoever sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.frames import (
    AudioFrame,
    AudioFrameChannel,
    FrameError,
    ImageFrame,
)
from conformance.checks import Finding, Findings, failed, passed
from conformance.checks.liveavatar._common import AUDIO, IMAGE, frame_fault
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = [
    "as_laid_out",
    "counted_on",
    "filled_by_samples",
    "length_is_the_payloads",
    "readable",
    "sent_frames",
]

_LENGTH: Final = frozenset({"payload", "length"})
"""Faults of the length field; every other fault is one of the layout."""


def sent_frames(trace: Trace, sender: str, name: str) -> list[Record]:
    """The media frames of a side that have this name, readable or not."""
    return [r for r in trace.messages(sender, name) if r.opcode == "binary"]


def readable(records: Iterable[Record]) -> list[tuple[Record, AudioFrame]]:
    """The audio frames among records, as far as they can be read."""
    found: list[tuple[Record, AudioFrame]] = []
    for record in records:
        if record.name != AUDIO or record.opcode != "binary":
            continue
        try:
            found.append((record, AudioFrame.unpack(payload(record))))
        except FrameError:
            continue
    return found


def as_laid_out(trace: Trace, sender: str, name: str) -> Findings:
    """Each frame can be read, and equals the golden vector that the scenario expects of it."""
    vectors = trace.expect.get("frames", ())
    for index, record in enumerate(sent_frames(trace, sender, name)):
        fault = frame_fault(record, name)
        found = payload(record).hex()
        if fault is not None and fault.field not in _LENGTH:
            yield failed(record, f"the {name} {found[:32]} cannot be read: {fault}")
        elif index < len(vectors) and found != vectors[index].replace(" ", "").lower():
            yield failed(record, f"the {name} is {found}, the layout says {vectors[index]}")
        else:
            yield passed(record)


def length_is_the_payloads(trace: Trace, sender: str) -> Findings:
    """One frame a message; the length field counts the payload."""
    kinds: dict[str, Any] = {AUDIO: AudioFrame, IMAGE: ImageFrame}
    for name, kind in kinds.items():
        for record in sent_frames(trace, sender, name):
            content = payload(record)
            try:
                frame = kind.unpack(content)
            except FrameError as fault:
                if fault.field in _LENGTH:
                    yield failed(record, f"the {name}'s length field lies: {fault}")
                continue
            carried = len(content) - kind.HEADER_BYTES
            if carried != len(frame.payload):
                yield failed(
                    record,
                    f"the length field says {len(frame.payload)} bytes, the message carries "
                    f"{carried}",
                )
            else:
                yield passed(record)


def counted_on(record: Record, last: AudioFrame, frame: AudioFrame) -> Finding:
    """Both counters have risen from one frame to the next, modulo their wrap."""
    step = (frame.sequence - last.sequence) % constants.Wrap.SEQUENCE
    later = (frame.timestamp - last.timestamp) % constants.Wrap.TIMESTAMP
    if not 0 < step < constants.Wrap.SEQUENCE // 2:
        return failed(
            record,
            f"sequence {last.sequence} is followed by {frame.sequence}; it must rise "
            f"modulo {constants.Wrap.SEQUENCE}",
        )
    if later >= constants.Wrap.TIMESTAMP // 2:
        return failed(
            record,
            f"timestamp {last.timestamp} is followed by {frame.timestamp}; it must not "
            f"fall modulo {constants.Wrap.TIMESTAMP}",
        )
    return passed(record)


def filled_by_samples(record: Record, frame: AudioFrame) -> Finding:
    """The payload of a PCM frame has length = samples x 2 x channels."""
    channels = 2 if frame.channel == AudioFrameChannel.STEREO else 1
    expected = frame.samples * constants.Audio.BYTES_PER_SAMPLE * channels
    if len(frame.payload) != expected:
        return failed(
            record,
            f"{frame.samples} samples of {channels} channel PCM take {expected} bytes, the "
            f"frame has {len(frame.payload)}",
        )
    return passed(record)
