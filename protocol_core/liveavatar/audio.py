"""Media frames: checking them, naming what is in them, cutting PCM into them, ordering them.

The bit layout is generated from the table in ``spec``. Here stands what the layout cannot say: how
many bytes so many samples take, how counters go on from frame to frame, which frames a receiver
drops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.tables import FrameError
from protocol_core.liveavatar.errors import refuse
from protocol_core.liveavatar.events import AudioReceived, Ignored, ImageReceived, Reason
from protocol_core.media import Arrival, JitterBuffer, add, distance, is_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.liveavatar.revision import Revision

__all__ = ["AudioOrder", "FrameReader", "Packetizer", "check_audio", "rate_in_hz"]


def rate_in_hz(revision: Revision, rate: Any) -> int:
    """The sampling rate (Hz) that a frame's field stands for."""
    return int(getattr(revision.constants.SampleRate, rate.name))


def channels_of(revision: Revision, frame: Any) -> int:
    """1 for mono, 2 for stereo."""
    return 2 if frame.channel == revision.frames.AudioFrameChannel.STEREO else 1


def _is_pcm(revision: Revision, frame: Any) -> bool:
    return bool(frame.codec == revision.frames.AudioFrameCodec.PCM)


def pcm_problem(revision: Revision, frame: Any) -> str:
    """What is wrong with the payload's length, in words; "" if nothing is (LAC-FRAME-013)."""
    if not _is_pcm(revision, frame):
        return "" if frame.payload else "an Opus frame carries one packet, this one carries none"
    width = revision.constants.Audio.BYTES_PER_SAMPLE * channels_of(revision, frame)
    expected = frame.samples * width
    if len(frame.payload) == expected:
        return ""
    return f"{frame.samples} samples of PCM take {expected} bytes, not {len(frame.payload)}"


def check_audio(revision: Revision, frame: Any, previous: Any) -> bytes:
    """Pack a frame that is about to be sent.

    Args:
        revision: whose layout.
        frame: the frame.
        previous: the frame before it in the same bracket, or None.

    Raises:
        SendRefused: the frame cannot be put on the wire (LAC-FRAME-002, -007), its length does not
            fit its samples (LAC-FRAME-013), or its counters do not go on (LAC-FRAME-008).
    """
    try:
        packed: bytes = frame.pack()
    except FrameError as error:
        rule = "LAC-FRAME-007" if error.field == "payload" else "LAC-FRAME-002"
        refuse(str(error), rule, hint="split longer audio")
    problem = pcm_problem(revision, frame)
    if problem:
        refuse(problem, "LAC-FRAME-013")
    if previous is not None and not frame.key:
        wrap = revision.constants.Wrap
        if not is_after(frame.sequence, previous.sequence, wrap.SEQUENCE):
            refuse(
                f"the sequence does not go on from {previous.sequence}",
                "LAC-FRAME-008",
                value=frame.sequence,
                hint="count up modulo 4096, or begin anew with a key frame",
            )
        if distance(frame.timestamp, previous.timestamp, wrap.TIMESTAMP) < 0:
            refuse(
                f"the timestamp falls behind {previous.timestamp}",
                "LAC-FRAME-008",
                value=frame.timestamp,
            )
    return packed


def _check_bytes(pcm: object) -> None:
    if not isinstance(pcm, (bytes, bytearray, memoryview)):
        refuse(f"PCM is bytes, not {type(pcm).__name__}", "LAC-FRAME-013", value=pcm)


class Packetizer:
    """Cuts PCM into frames with running counters that wrap (LAC-FRAME-007, -008, -011, -014).

    Args:
        revision: whose layout and preferences.
        sample_rate: Hz; one that the frames can name.
        channels: 1 or 2.
        frame_ms: length of a frame, ms; None for the documents' preference.
        sequence: number of the first frame.
        timestamp: of the first frame, ms.

    Raises:
        SendRefused: frames cannot say this rate, these channels or this length.
    """

    def __init__(
        self,
        revision: Revision,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        frame_ms: float | None = None,
        sequence: int = 0,
        timestamp: int = 0,
    ) -> None:
        constants, frames = revision.constants, revision.frames
        rate = constants.Audio.PREFERRED_RATE if sample_rate is None else sample_rate
        rates = {rate_in_hz(revision, member): member for member in frames.AudioFrameSampleRate}
        layouts = {1: frames.AudioFrameChannel.MONO, 2: frames.AudioFrameChannel.STEREO}
        if rate not in rates:
            refuse("no frame can say this sampling rate", "LAC-FRAME-002", value=rate)
        if channels not in layouts:
            refuse("audio has one or two channels", "LAC-FRAME-002", value=channels)
        length = constants.Audio.FRAME_MS if frame_ms is None else frame_ms
        samples = round(rate * length / 1000)
        width = constants.Audio.BYTES_PER_SAMPLE * channels
        try:
            frames.AudioFrame(samples=samples, payload=bytes(max(samples, 0) * width)).pack()
        except FrameError as error:
            refuse(f"no frame can be of this length: {error}", "LAC-FRAME-007", value=frame_ms)
        if samples == 0:
            refuse("a frame needs a sample at least", "LAC-FRAME-002", value=frame_ms)
        self._frame = frames.AudioFrame
        self._pcm, self._opus = frames.AudioFrameCodec.PCM, frames.AudioFrameCodec.OPUS
        self._wrap = constants.Wrap
        self._rate_member = rates[rate]
        self._channel = layouts[channels]
        self._samples = samples
        self._width = width
        self._rest = bytearray()
        self._sequence = sequence
        self._start = timestamp
        self._sent = 0
        self._key = True
        self.sample_rate: int = rate

    def push(self, pcm: bytes) -> list[Any]:
        """The frames that are full now.

        Args:
            pcm: signed 16-bit little-endian samples, channels interleaved; may end inside one.

        Raises:
            SendRefused: it is not bytes.
        """
        _check_bytes(pcm)
        self._rest += pcm
        size = self._samples * self._width
        full = len(self._rest) // size * size
        ready = bytes(self._rest[:full])
        del self._rest[:full]
        return [self._make(ready[start : start + size]) for start in range(0, full, size)]

    def flush(self) -> list[Any]:
        """The last frame, shorter than the others; nothing if all was sent.

        Raises:
            SendRefused: the PCM ended inside a sample (LAC-FRAME-013).
        """
        rest = bytes(self._rest)
        if len(rest) % self._width:
            refuse(
                f"the PCM ended inside a sample of {self._width} bytes",
                "LAC-FRAME-013",
                value=len(rest),
            )
        self._rest.clear()
        return [self._make(rest)] if rest else []

    def opus(self, packet: bytes, samples: int, *, key: bool = False) -> Any:
        """A frame for one Opus packet of so many samples per channel (LAC-FRAME-013)."""
        return self._frame_of(packet, samples, self._opus, key=key or self._key)

    def _make(self, payload: bytes) -> Any:
        return self._frame_of(payload, len(payload) // self._width, self._pcm, key=self._key)

    def _frame_of(self, payload: bytes, samples: int, codec: Any, *, key: bool) -> Any:
        elapsed = self._sent * 1000 // self.sample_rate
        frame = self._frame(
            channel=self._channel,
            key=key,
            sequence=self._sequence,
            timestamp=add(self._start, elapsed, self._wrap.TIMESTAMP),
            sample_rate=self._rate_member,
            samples=samples,
            codec=codec,
            payload=payload,
        )
        self._key = False
        self._sequence = add(self._sequence, 1, self._wrap.SEQUENCE)
        self._sent += samples
        return frame


class FrameReader:
    """Turns binary messages into events.

    Args:
        revision: whose layouts.
    """

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        self._unpack = revision.frames.unpack
        self._convert: dict[type, Callable[[Any], AudioReceived | ImageReceived]] = {
            revision.frames.AudioFrame: self._audio,
            revision.frames.ImageFrame: self._image,
        }

    def read(self, data: bytes) -> AudioReceived | ImageReceived | Ignored:
        """What a binary message is; never raises (LAC-FRAME-001)."""
        try:
            frame = self._unpack(data)
        except FrameError as error:
            return _drop(data, error)
        return self._convert[type(frame)](frame)

    def _audio(self, frame: Any) -> AudioReceived:
        return AudioReceived(
            payload=frame.payload,
            sequence=frame.sequence,
            timestamp=frame.timestamp,
            sample_rate=rate_in_hz(self._revision, frame.sample_rate),
            samples=frame.samples,
            channels=channels_of(self._revision, frame),
            codec=frame.codec.name.lower(),
            key=bool(frame.key),
            frame=frame,
        )

    def _image(self, frame: Any) -> ImageReceived:
        return ImageReceived(
            payload=frame.payload,
            format=frame.format.name.lower(),
            quality=frame.quality,
            image_id=frame.image_id,
            width=frame.width,
            height=frame.height,
            frame=frame,
        )


def _drop(data: bytes, error: FrameError) -> Ignored:
    reason, rules = _FAULTS.get(error.field, (Reason.MALFORMED_FRAME, _LAYOUT))
    if not data:
        reason, rules = Reason.EMPTY_MESSAGE, _FAULTS["kind"][1]
    image = bool(data) and data[0] >> 6 == _IMAGE
    return Ignored(reason=reason, requirement=rules[image], detail=str(error), data=data)


#: Which rule tells to drop a frame whose field is at fault: of audio and of images.
_LAYOUT = ("LAC-FRAME-002", "LAC-IMG-004")
_FAULTS = {
    "kind": (Reason.UNKNOWN_FRAME, ("LAC-FRAME-001", "LAC-FRAME-001")),
    "header": (Reason.MALFORMED_FRAME, ("LAC-FRAME-004", "LAC-IMG-004")),
    "payload": (Reason.MALFORMED_FRAME, ("LAC-FRAME-006", "LAC-FRAME-006")),
    "sample_rate": (Reason.MALFORMED_FRAME, ("LAC-FRAME-012", "LAC-FRAME-012")),
    "codec": (Reason.MALFORMED_FRAME, ("LAC-FRAME-012", "LAC-FRAME-012")),
}
#: The two top bits of an image; only used to name the rule.
_IMAGE = 2


class AudioOrder:
    """Puts the audio frames of one stream in order (LAC-FRAME-009, LAC-FRAME-010).

    Args:
        revision: whose counters.
        patience: seconds that a frame waits for a missing one; 0 passes frames on as they come.
    """

    def __init__(self, revision: Revision, patience: float) -> None:
        constants = revision.constants
        self._patience = patience
        self._buffer: JitterBuffer[AudioReceived] = JitterBuffer(
            sequence_modulus=constants.Wrap.SEQUENCE,
            timestamp_modulus=constants.Wrap.TIMESTAMP,
            reach=constants.Jitter.WINDOW_MAX_MS,
            patience=patience,
        )

    def push(self, audio: AudioReceived, now: float) -> list[AudioReceived | Ignored]:
        """Take a frame in; what is to be delivered now."""
        if self._patience == 0:
            return [audio]
        arrival = self._buffer.push(
            audio,
            sequence=audio.sequence,
            timestamp=audio.timestamp,
            duration=audio.duration * 1000,
            now=now,
            restart=audio.key,
        )
        dropped: list[AudioReceived | Ignored] = []
        if arrival is not Arrival.ACCEPTED:
            late = arrival is Arrival.LATE
            dropped.append(
                Ignored(
                    reason=Reason.LATE_FRAME if late else Reason.DUPLICATE_FRAME,
                    requirement="LAC-FRAME-010" if late else "LAC-FRAME-009",
                    detail=f"sequence {audio.sequence}, timestamp {audio.timestamp}",
                    data=audio.payload,
                )
            )
        return [*self._buffer.pop(now), *dropped]

    def due(self, now: float) -> list[AudioReceived]:
        """Frames that have waited long enough."""
        return self._buffer.pop(now)

    def end(self) -> list[AudioReceived]:
        """The stream has ended: what still waits, and begin anew."""
        rest = self._buffer.flush()
        self._buffer.reset()
        return rest

    def deadline(self) -> float | None:
        """When `due` is next worth asking, in seconds."""
        return self._buffer.deadline()
