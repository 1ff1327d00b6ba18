"""Media frames that an agent receives: which it delivers, which it drops, in which order."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.frames import AudioFrame, FrameError, ImageFrame
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import (
    AUDIO,
    IMAGE,
    AgentTime,
    delivered_frames,
    frame_fault,
    has_adapter,
    survived,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

#: Fields of a frame that an application is told, by their names in the contract.
_AUDIO_FIELDS = tuple(AudioFrame.FIELDS)
_IMAGE_FIELDS = tuple(ImageFrame.FIELDS)


def _binary(trace: Trace, name: str = "*") -> list[Record]:
    return [r for r in trace.messages("server") if r.opcode == "binary" and name in {"*", r.name}]


def _faulty(trace: Trace, name: str, *fields: str) -> list[Record]:
    """Frames of a kind whose fault, by the layout, is in one of these fields."""
    found: list[Record] = []
    for record in _binary(trace, name):
        fault = frame_fault(record, name)
        if fault is not None and fault.field in fields:
            found.append(record)
    return found


def _fields(data: dict[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    return {name: int(data.get(name) or 0) for name in names}


@check("LAC-FRAME-001", role="client")
def frames_are_told_apart(trace: Trace) -> Findings:
    """Audio is delivered as audio with its fields; what is neither audio nor image is skipped."""
    latest: int | None = None
    for record in _binary(trace, AUDIO):
        if frame_fault(record, AUDIO):
            continue
        frame = AudioFrame.unpack(payload(record))
        in_order = latest is None or not _is_later(latest, frame.timestamp)
        latest = frame.timestamp if in_order else latest
        exact = len(payload(record)) == AudioFrame.HEADER_BYTES + len(frame.payload)
        if in_order and exact and frame.payload and has_adapter(trace):
            yield from _delivered_whole(trace, record)
    unknown = _binary(trace, "")
    yield from survived(trace, unknown, "a binary message of unknown kind")


def _delivered_whole(trace: Trace, record: Record) -> Findings:
    frame = AudioFrame.unpack(payload(record))
    wanted = {name: int(getattr(frame, name)) for name in _AUDIO_FIELDS}
    events = delivered_frames(trace, "audio", record, AudioFrame.HEADER_BYTES)
    if not events:
        yield failed(record, f"audio frame {wanted} never reached the application")
        return
    found = _fields(events[0].data or {}, _AUDIO_FIELDS)
    different = [name for name in wanted if found[name] != wanted[name]]
    if different:
        name = different[0]
        yield failed(
            events[0],
            f"{name} was delivered as {found[name]}, the header says {wanted[name]}",
            record,
        )
    else:
        yield passed(events[0], record)


@check("LAC-FRAME-004", role="client")
def short_headers_are_dropped(trace: Trace) -> Findings:
    """An audio frame shorter than its header is dropped and does no harm."""
    odd = _faulty(trace, AUDIO, "header")
    yield from survived(trace, odd, "an audio frame shorter than its header")
    deliverable = [r for r in _binary(trace, AUDIO) if r not in odd]
    events = trace.events("audio")
    if odd and len(events) > len(deliverable):
        yield failed(
            events[-1],
            f"{len(deliverable)} audio frames had a whole header, {len(events)} were delivered",
            odd[0],
        )


@check("LAC-FRAME-005", role="client")
def surplus_bytes_are_ignored(trace: Trace) -> Findings:
    """Bytes beyond header and length are not part of the frame."""
    for record in _binary(trace, AUDIO):
        content = payload(record)
        try:
            frame = AudioFrame.unpack(content)
        except FrameError:
            continue
        if len(content) - AudioFrame.HEADER_BYTES == len(frame.payload):
            continue
        exact = [
            e
            for e in trace.events("audio")
            if e.seq > record.seq
            and base64.b64decode((e.data or {}).get("payload") or "").startswith(frame.payload)
        ]
        if not exact and not has_adapter(trace):
            continue
        if not exact:
            yield failed(
                record, "a frame with bytes beyond its length was not delivered; they are ignored"
            )
        elif base64.b64decode((exact[0].data or {})["payload"]) != frame.payload:
            yield failed(
                exact[0],
                f"the length field says {len(frame.payload)} bytes, more were delivered",
                record,
            )
        else:
            yield passed(exact[0], record)


def _not_delivered(
    trace: Trace, odd: list[Record], event: str, header_bytes: int, what: str
) -> Findings:
    """Frames that must be dropped: none of them is delivered, and all are survived."""
    for record in odd:
        found = delivered_frames(trace, event, record, header_bytes)
        if found:
            yield failed(found[0], f"{what} was delivered; it must be dropped", record)
    yield from survived(trace, odd, what)


@check("LAC-FRAME-006", role="client")
def short_payloads_are_dropped(trace: Trace) -> Findings:
    """A frame whose payload is shorter than its length field is dropped."""
    for name, kind, event in ((AUDIO, AudioFrame, "audio"), (IMAGE, ImageFrame, "image")):
        odd = _faulty(trace, name, "payload")
        what = f"an {name} with a shorter payload than its length field says"
        yield from _not_delivered(trace, odd, event, kind.HEADER_BYTES, what)


@check("LAC-FRAME-012", role="client")
def undefined_values_are_dropped(trace: Trace) -> Findings:
    """A frame with an undefined sample rate or codec is dropped."""
    odd = _faulty(trace, AUDIO, "sample_rate", "codec")
    what = "an audio frame with an undefined sample rate or codec"
    yield from _not_delivered(trace, odd, "audio", AudioFrame.HEADER_BYTES, what)


@check("LAC-IMG-002", role="client")
def images_do_no_harm(trace: Trace) -> Findings:
    """An image is delivered as it is, or skipped; either way reception goes on."""
    images = [r for r in _binary(trace, IMAGE) if frame_fault(r, IMAGE) is None]
    for record in images:
        content = payload(record)[ImageFrame.HEADER_BYTES :]
        frame = ImageFrame.unpack(payload(record))
        wanted = {name: int(getattr(frame, name)) for name in _IMAGE_FIELDS}
        for event in delivered_frames(trace, "image", record, ImageFrame.HEADER_BYTES)[:1]:
            data = event.data or {}
            found = _fields(data, _IMAGE_FIELDS)
            if found != wanted or base64.b64decode(data["payload"]) != content:
                yield failed(event, f"the image {wanted} was delivered as {found}", record)
        for event in delivered_frames(trace, "audio", record, ImageFrame.HEADER_BYTES)[:1]:
            yield failed(event, "an image frame was delivered as audio", record)
    yield from survived(trace, images, "an image frame")


@check("LAC-IMG-004", role="client")
def undefined_images_are_dropped(trace: Trace) -> Findings:
    """An image of undefined version or format, or without a whole header, is dropped."""
    odd = _faulty(trace, IMAGE, "version", "format", "header")
    what = "an image of undefined version or format, or shorter than its header"
    yield from _not_delivered(trace, odd, "image", ImageFrame.HEADER_BYTES, what)


@check("LAC-FRAME-009", role="client")
def the_buffer_orders_by_timestamp(trace: Trace) -> Findings:
    """Frames are delivered in the order of their timestamps, each once."""
    events = trace.events("audio")
    seen: set[tuple[int, int]] = set()
    last: tuple[int, int] | None = None
    for event in events:
        data = event.data or {}
        stamp, number = int(data["timestamp"]), int(data["sequence"])
        if (stamp, number) in seen:
            yield failed(event, f"frame {number} at {stamp} ms was delivered twice")
        elif last is not None and _behind(stamp, number, last):
            yield failed(
                event, f"the frame at {stamp} ms was delivered after the one at {last[0]} ms"
            )
        else:
            if last is not None:
                yield passed(event)
            last = (stamp, number)
        seen.add((stamp, number))


def _behind(stamp: int, number: int, last: tuple[int, int]) -> bool:
    """Whether a frame comes before another one, both counters taken modulo their wrap."""
    later = (stamp - last[0]) % constants.Wrap.TIMESTAMP
    if later:
        return later >= constants.Wrap.TIMESTAMP // 2
    return (number - last[1]) % constants.Wrap.SEQUENCE >= constants.Wrap.SEQUENCE // 2


@check("LAC-FRAME-010", role="client")
def late_frames_are_dropped(trace: Trace) -> Findings:
    """A missing frame is waited for within about 200 to 500 ms, then given up."""
    longest = constants.Jitter.WINDOW_MAX_MS / 1000
    time = AgentTime(trace)
    frames = [r for r in _binary(trace, AUDIO) if frame_fault(r, AUDIO) is None]
    stamps = {r.seq: AudioFrame.unpack(payload(r)).timestamp for r in frames}
    for index, record in enumerate(frames):
        later = [
            e
            for e in trace.events("audio")
            if e.seq < record.seq and _comes_after(e, stamps[record.seq])
        ]
        ahead = [r for r in frames[:index] if _is_later(stamps[r.seq], stamps[record.seq])]
        if not ahead:
            continue
        waited, _ = time.between(ahead[0], record)
        events = delivered_frames(trace, "audio", record, AudioFrame.HEADER_BYTES)
        if waited <= longest or not has_adapter(trace):
            continue
        if not later:
            yield failed(
                ahead[0], f"a frame was held back for {waited:g} s; at most about {longest:g} s"
            )
        elif events:
            yield failed(
                events[0],
                f"a frame that came {waited:g} s late was delivered; it is to be dropped",
                record,
            )
        elif trace.answers("settle"):
            yield passed(record)


def _comes_after(event: Record, stamp: int) -> bool:
    return _is_later(int((event.data or {})["timestamp"]), stamp)


def _is_later(one: int, other: int) -> bool:
    return 0 < (one - other) % constants.Wrap.TIMESTAMP < constants.Wrap.TIMESTAMP // 2
