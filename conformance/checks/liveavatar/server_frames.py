"""Media frames: those a platform sends, and the broken ones it must bear with."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, Final

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.constants import SessionState
from avatar_protocols.liveavatar.v0_2.frames import (
    AudioFrame,
    AudioFrameCodec,
    ImageFrame,
)
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import AUDIO, IMAGE, frame_fault, socket_of, texts
from conformance.checks.liveavatar._frames import (
    as_laid_out,
    counted_on,
    filled_by_samples,
    length_is_the_payloads,
)
from conformance.checks.liveavatar._server import audio_frames, borne, next_state
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_KIND_SHIFT: Final = 6
_AUDIO_KIND: Final = 1
_IMAGE_KIND: Final = 2


def _kind(record: Record) -> int | None:
    """The two top bits of a binary message; None if it is empty."""
    content = payload(record)
    return content[0] >> _KIND_SHIFT if content else None


# --- what the platform sends ---------------------------------------------------------------------


@check("LAC-FRAME-002", role="server", always=True)
def audio_header(trace: Trace) -> Findings:
    """The audio header is written as laid out, reserved bits zero."""
    yield from as_laid_out(trace, "server", AUDIO)


@check("LAC-FRAME-003", role="server", always=True)
def length_field(trace: Trace) -> Findings:
    """One frame a message; the length field counts the payload."""
    yield from length_is_the_payloads(trace, "server")


@check("LAC-FRAME-007", role="server", always=True)
def long_audio_is_split(trace: Trace) -> Findings:
    """No audio frame has more than 65535 payload bytes."""
    limit = constants.Limit.AUDIO_PAYLOAD_BYTES
    for record in trace.messages("server", AUDIO):
        size = len(payload(record)) - AudioFrame.HEADER_BYTES
        if size > limit:
            yield failed(record, f"a frame of {size} payload bytes; at most {limit} fit")
        else:
            yield passed(record)


@check("LAC-FRAME-008", role="server", always=True)
def counters_rise_and_wrap(trace: Trace) -> Findings:
    """From frame to frame both counters rise modulo their wrap; a key frame may restart them."""
    for socket in trace.sockets():
        frames = audio_frames(socket)
        for (_, last), (record, frame) in itertools.pairwise(frames):
            if not frame.key:
                yield counted_on(record, last, frame)


@check("LAC-FRAME-011", role="server", always=True)
def streams_begin_with_a_key_frame(trace: Trace) -> Findings:
    """The first audio frame of a socket has the key bit."""
    for socket in trace.sockets():
        for record, frame in audio_frames(socket)[:1]:
            if frame.key:
                yield passed(record)
            else:
                yield failed(record, "the first frame of the stream is no key frame")


@check("LAC-FRAME-013", role="server", always=True)
def pcm_fills_the_frame(trace: Trace) -> Findings:
    """PCM: length = samples x 2 x channels."""
    for socket in trace.sockets():
        for record, frame in audio_frames(socket):
            if frame.codec == AudioFrameCodec.PCM:
                yield filled_by_samples(record, frame)


@check("LAC-IMG-001", role="server", always=True)
def image_header(trace: Trace) -> Findings:
    """The image header is written as laid out, version zero, and describes the image."""
    yield from as_laid_out(trace, "server", IMAGE)
    shown = trace.messages("server", IMAGE)
    for record, wanted in zip(shown, trace.expect.get("images", ()), strict=False):
        if frame_fault(record, IMAGE) is not None:
            continue
        frame = ImageFrame.unpack(payload(record))
        found = {"format": frame.format.name, "width": frame.width, "height": frame.height}
        wrong = [name for name, value in found.items() if value != wanted.get(name, value)]
        if wrong:
            yield failed(
                record, f"{wrong[0]} is {found[wrong[0]]}, the image's is {wanted[wrong[0]]}"
            )


@check("LAC-IMG-003", role="server")
def one_message_per_image(trace: Trace) -> Findings:
    """Each image travels in one message."""
    shown = trace.messages("server", IMAGE)
    for index, wanted in enumerate(trace.expect.get("images", ())):
        image = base64.b64decode(wanted["payload"])
        if index >= len(shown):
            yield failed(None, f"image {index + 1} of {len(image)} bytes never came")
        elif payload(shown[index])[ImageFrame.HEADER_BYTES :] == image:
            yield passed(shown[index])
        else:
            yield failed(
                shown[index], f"the message does not hold the whole image of {len(image)} bytes"
            )


# --- what the platform gets ----------------------------------------------------------------------


def _carried_on(trace: Trace, odd: Sequence[Record], what: str) -> Findings:
    """Odd frames do no harm, and the bracket they came in is played."""
    yield from borne(trace, odd, what)
    for record in odd[-1:]:
        socket = socket_of(trace, record)
        if socket is None:
            continue
        brackets = texts(socket.before(record), "client", MessageName.RESPONSE_AUDIO_START)
        if not brackets:
            continue
        told = next_state(socket, brackets[-1], SessionState.SPEAKING)
        if told is None:
            yield failed(record, f"after {what} the audio of the bracket was not played")
        elif told.seq < record.seq:
            yield failed(told, f"{what} was played", record)
        else:
            yield passed(record, told)


def _binary(trace: Trace) -> list[Record]:
    return [r for r in trace.messages("client") if r.opcode == "binary"]


@check("LAC-FRAME-001", role="server")
def other_kinds_are_skipped(trace: Trace) -> Findings:
    """Messages of kind 00 and 11 and empty ones do no harm."""
    odd = [r for r in _binary(trace) if _kind(r) not in {_AUDIO_KIND, _IMAGE_KIND}]
    yield from _carried_on(trace, odd, "a frame of no known kind")


@check("LAC-FRAME-004", role="server")
def short_headers_are_dropped(trace: Trace) -> Findings:
    """An audio frame shorter than its header does no harm."""
    odd = [
        r
        for r in _binary(trace)
        if _kind(r) == _AUDIO_KIND and len(payload(r)) < AudioFrame.HEADER_BYTES
    ]
    yield from _carried_on(trace, odd, "an audio frame shorter than its header")


@check("LAC-IMG-004", role="server")
def broken_images_are_dropped(trace: Trace) -> Findings:
    """Images of undefined version or format, or shorter than their header, do no harm."""
    odd = [
        r for r in _binary(trace) if _kind(r) == _IMAGE_KIND and frame_fault(r, IMAGE) is not None
    ]
    yield from _carried_on(trace, odd, "a broken image frame")
