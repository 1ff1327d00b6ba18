"""Media frames that an agent sends, and the brackets they stand in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.frames import (
    AudioFrame,
    AudioFrameChannel,
    AudioFrameCodec,
    AudioFrameSampleRate,
    FrameError,
    ImageFrame,
)
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import outcomes, told
from conformance.checks.liveavatar._common import (
    AUDIO,
    IMAGE,
    frame_fault,
    top,
)
from conformance.checks.liveavatar._frames import (
    as_laid_out,
    counted_on,
    filled_by_samples,
    length_is_the_payloads,
    readable,
    sent_frames,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_OPENING = {
    MessageName.RESPONSE_AUDIO_START: MessageName.RESPONSE_AUDIO_FINISH,
    MessageName.RESPONSE_AUDIO_PROMPT_START: MessageName.RESPONSE_AUDIO_PROMPT_FINISH,
}
_CLOSING = {end: begin for begin, end in _OPENING.items()}


@check("LAC-FRAME-002", role="client")
def audio_header(trace: Trace) -> Findings:
    """The audio header is written as laid out, reserved bits zero."""
    yield from as_laid_out(trace, "client", AUDIO)


@check("LAC-IMG-001", role="client")
def image_header(trace: Trace) -> Findings:
    """The image header is written as laid out, version zero."""
    yield from as_laid_out(trace, "client", IMAGE)


@check("LAC-FRAME-003", role="client")
def length_field(trace: Trace) -> Findings:
    """One frame a message; the length field counts the payload."""
    yield from length_is_the_payloads(trace, "client")


@check("LAC-FRAME-007", role="client")
def long_audio_is_split(trace: Trace) -> Findings:
    """No frame has more than 65535 payload bytes; longer audio is split, or refused."""
    limit = constants.Limit.AUDIO_PAYLOAD_BYTES
    for name, member in (("send_frame", "payload"), ("send_audio", "audio")):
        for command, answer in outcomes(trace, name):
            size = len(base64.b64decode((command.data or {}).get(member) or ""))
            if size <= limit:
                continue
            if told(answer) == "error":
                yield passed(answer, observed="refused")
                continue
            sent = [r for r in sent_frames(trace, "client", AUDIO) if r.seq > command.seq]
            oversized = next(
                (r for r in sent if len(payload(r)) > AudioFrame.HEADER_BYTES + limit), None
            )
            if oversized is not None:
                yield failed(
                    oversized,
                    f"{size} bytes of audio were sent as one frame; at most {limit} fit",
                    command,
                )
            elif sent:
                yield passed(*sent[:1], observed="split")


@check("LAC-FRAME-008", role="client")
def counters_rise_and_wrap(trace: Trace) -> Findings:
    """From frame to frame both counters rise modulo their wrap; a key frame may restart them."""
    last: AudioFrame | None = None
    for record in trace.messages("client"):
        if record.name in _OPENING:
            last = None  # OP-36: both may restart with a bracket
        if record.name != AUDIO or record.opcode != "binary":
            continue
        try:
            frame = AudioFrame.unpack(payload(record))
        except FrameError:
            continue
        if last is not None and not frame.key:
            yield counted_on(record, last, frame)
        last = frame


@check("LAC-FRAME-011", role="client")
def streams_begin_with_a_key_frame(trace: Trace) -> Findings:
    """The first frame of a bracket has the key bit."""
    begun: Record | None = None
    for record in trace.messages("client"):
        if record.name in _OPENING:
            begun = record
        elif record.name == AUDIO and begun is not None:
            fault = frame_fault(record, AUDIO)
            if fault is None and AudioFrame.unpack(payload(record)).key:
                yield passed(record, begun)
            elif fault is None:
                yield failed(record, f"the first frame after {begun.name} is no key frame", begun)
            begun = None


@check("LAC-FRAME-013", role="client")
def pcm_fills_the_frame(trace: Trace) -> Findings:
    """PCM: length = samples x 2 x channels, and the samples of the application, unchanged."""
    frames = readable(trace.messages("client"))
    for record, frame in frames:
        if frame.codec == AudioFrameCodec.PCM:
            yield filled_by_samples(record, frame)
    for command, answer in outcomes(trace, "send_audio"):
        given = base64.b64decode((command.data or {}).get("audio") or "")
        until = next((a.seq for a in trace.commands("send_audio") if a.seq > answer.seq), None)
        carried = b"".join(
            f.payload for r, f in frames if command.seq < r.seq and (until is None or r.seq < until)
        )
        if told(answer) == "done" and frames and carried[: len(given)] != given:
            yield failed(
                answer, f"{len(given)} bytes of PCM were given, the frames carry others", command
            )


@check("LAC-FRAME-014", role="client")
def forty_ms_of_mono_are_preferred(trace: Trace) -> Findings:
    """Where the application leaves it open: 16 kHz, mono, 640 samples a frame."""
    if trace.commands("send_frame") or not trace.commands("send_audio"):
        return  # the application composed the frames
    preferred = constants.Audio
    wanted = (preferred.PREFERRED_RATE, AudioFrameChannel.MONO, AudioFrameCodec.PCM)
    for record, frame in readable(trace.messages("client")):
        rate = getattr(constants.SampleRate, AudioFrameSampleRate(frame.sample_rate).name)
        found = (rate, frame.channel, frame.codec)
        tail = _is_tail(trace, record) and frame.samples < preferred.PREFERRED_SAMPLES
        if found != wanted or (frame.samples != preferred.PREFERRED_SAMPLES and not tail):
            yield failed(
                record,
                f"a frame of {frame.samples} samples at {rate} Hz; left open, "
                f"{preferred.PREFERRED_SAMPLES} samples of mono PCM at "
                f"{preferred.PREFERRED_RATE} Hz are preferred",
            )
        else:
            yield passed(record)


def _is_tail(trace: Trace, frame: Record) -> bool:
    """Whether no other frame follows in the same bracket."""
    after = next((r for r in trace.messages("client") if r.seq > frame.seq), None)
    return after is None or after.name != AUDIO


@check("LAC-TTS-001", role="client")
def frames_stand_in_their_bracket(trace: Trace) -> Findings:
    """response.audio.start, frames, response.audio.finish, for one response."""
    yield from _brackets(trace, MessageName.RESPONSE_AUDIO_START)


@check("LAC-TTS-003", role="client")
def prompts_stand_in_their_bracket(trace: Trace) -> Findings:
    """promptStart, frames, promptFinish, without ids."""
    yield from _brackets(trace, MessageName.RESPONSE_AUDIO_PROMPT_START)
    for record in trace.messages("client"):
        if record.name not in {
            MessageName.RESPONSE_AUDIO_PROMPT_START,
            MessageName.RESPONSE_AUDIO_PROMPT_FINISH,
        }:
            continue
        ids = [member for member in ("requestId", "responseId") if top(record, member) is not None]
        if ids:
            yield failed(record, f"{record.name} has {ids[0]}; prompts have no ids")


def _brackets(trace: Trace, begin: MessageName) -> Findings:
    opened: Record | None = None
    frames = 0
    for record in trace.messages("client"):
        if record.name == begin:
            opened, frames = record, 0
        elif record.name in _OPENING:
            opened = None
        elif record.name == _OPENING[begin]:
            if opened is None:
                yield failed(record, f"{record.name} closes a bracket that is not open")
            elif _identity(opened) != _identity(record):
                yield failed(
                    record,
                    f"{opened.name} is of {_identity(opened)}, its end of {_identity(record)}",
                    opened,
                )
            elif frames:
                yield passed(opened, record)
            opened = None
        elif record.name == AUDIO and record.opcode == "binary":
            frames += 1
            if not _inside_any(trace, record):
                yield failed(record, "an audio frame stands outside of any bracket")


def _inside_any(trace: Trace, frame: Record) -> bool:
    before = [
        r
        for r in trace.messages("client")
        if r.seq < frame.seq
        and r.connection == frame.connection
        and (r.name in _OPENING or r.name in _CLOSING)
    ]
    return bool(before) and before[-1].name in _OPENING


def _identity(record: Record) -> tuple[Any, Any]:
    return top(record, "requestId"), top(record, "responseId")


@check("LAC-TTS-002", role="client")
def one_bracket_at_a_time(trace: Trace) -> Findings:
    """No bracket opens while another one is open."""
    for socket in trace.sockets():
        opened: Record | None = None
        for record in socket.messages("client"):
            if record.name in _OPENING:
                if opened is not None:
                    yield failed(
                        record, f"{record.name} was sent while {opened.name} is still open", opened
                    )
                opened = record
            elif opened is not None and record.name == _OPENING[MessageName(opened.name)]:
                yield passed(opened, record)
                opened = None


@check("LAC-IMG-003", role="client")
def one_message_per_image(trace: Trace) -> Findings:
    """Each image travels in one message."""
    sent = sent_frames(trace, "client", IMAGE)
    for command, answer in outcomes(trace, "send_frame"):
        order = command.data or {}
        if order.get("frame") != IMAGE or told(answer) != "done" or not sent:
            continue
        image = base64.b64decode(order.get("payload") or "")
        whole = [r for r in sent if payload(r)[ImageFrame.HEADER_BYTES :] == image]
        if whole:
            yield passed(whole[0], command)
        else:
            yield failed(
                sent[0], f"no message holds the whole image of {len(image)} bytes", command
            )
