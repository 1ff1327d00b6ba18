"""Utterances in microphone audio (AIA-VAD-003), by the energy of its frames.

A frame holds voice where its level is above the threshold. An utterance begins with the first such
frame, and a few frames before it; it ends when silence has lasted long enough. What is too short
is no utterance, and what goes on for too long is thrown away.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from protocol_core.aiavatar.revision import Revision

__all__ = ["Framer", "Hearing", "VoiceDetector", "level"]

_FULL_SCALE = 32768.0
#: Durations are compared with this much tolerance (seconds): they are sums of floats.
_EPSILON = 1e-9


def level(pcm: bytes) -> float:
    """Level of signed 16-bit little-endian PCM, in dB below full scale; -inf for silence."""
    samples = array("h", pcm)
    if sys.byteorder == "big":  # pragma: no cover - no such machine at hand
        samples.byteswap()
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    return 10 * math.log10(power / _FULL_SCALE**2) if power else -math.inf


class Hearing(Protocol):
    """What a detector goes by; it may change at any time, but for the rate."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def volume_db_threshold(self) -> float:
        """Level above which a frame holds voice, in dB."""
        ...

    @property
    def silence(self) -> float:
        """Seconds of silence that end an utterance."""
        ...

    @property
    def min_speech(self) -> float:
        """Seconds of speech below which it is no utterance."""
        ...

    @property
    def max_recording(self) -> float:
        """Seconds after which a recording is thrown away."""
        ...


class VoiceDetector:
    """Finds utterances in PCM of any cut.

    Args:
        revision: the generated modules.
        settings: rate, threshold and durations.
    """

    def __init__(self, revision: Revision, settings: Hearing) -> None:
        audio = revision.constants.Audio
        self._settings = settings
        self._frame_bytes: int = audio.FRAME_SAMPLES * audio.BYTES_PER_SAMPLE
        self._frame_seconds = audio.FRAME_SAMPLES / settings.sample_rate
        self._preroll: deque[bytes] = deque(maxlen=revision.constants.Vad.PREROLL_FRAMES)
        self._rest = b""
        self._recording: list[bytes] = []
        self._lead = 0
        self._silence = 0.0

    @property
    def recording(self) -> bool:
        """Whether an utterance is under way."""
        return bool(self._recording)

    @property
    def silent(self) -> bool:
        """Whether the last frame of the utterance under way holds no voice."""
        return self._silence > 0

    def feed(self, pcm: bytes) -> list[bytes]:
        """Take the next piece of audio, of any length.

        Returns:
            Each utterance that ended in it, complete, in order.
        """
        data, size = self._rest + pcm, self._frame_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        found = (self._frame(data[start : start + size]) for start in range(0, whole, size))
        return [utterance for utterance in found if utterance]

    def finish(self) -> bytes:
        """End the utterance under way as if the silence had lasted; empty if it is none."""
        length = (len(self._recording) - self._lead) * self._frame_seconds
        speech, recorded = length - self._silence, b"".join(self._recording)
        self._end()
        return recorded if speech >= self._settings.min_speech - _EPSILON else b""

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._rest = b""
        self._preroll.clear()
        self._end()

    def _frame(self, frame: bytes) -> bytes:
        voiced = level(frame) > self._settings.volume_db_threshold
        if not self._recording:
            if voiced:
                self._lead = len(self._preroll)
                self._recording = [*self._preroll, frame]
            self._preroll.append(frame)
            return b""
        self._recording.append(frame)
        self._silence = 0.0 if voiced else self._silence + self._frame_seconds
        length = (len(self._recording) - self._lead) * self._frame_seconds
        if self._silence >= self._settings.silence - _EPSILON:
            return self.finish()
        if length >= self._settings.max_recording - _EPSILON:
            self._end()
        return b""

    def _end(self) -> None:
        self._recording = []
        self._silence = 0.0
        self._lead = 0
        self._preroll.clear()


class Framer:
    """Cuts microphone audio into pieces that may be sent: none is empty, none splits a sample.

    Args:
        revision: the generated modules.
    """

    def __init__(self, revision: Revision) -> None:
        audio = revision.constants.Audio
        self._size: int = audio.FRAME_BYTES
        self._width: int = audio.BYTES_PER_SAMPLE
        self._rest = b""

    def feed(self, pcm: bytes) -> list[bytes]:
        """The pieces of all whole samples so far (AIA-AUDIO-002); half a sample is kept."""
        data = self._rest + pcm
        whole = len(data) - len(data) % self._width
        self._rest = data[whole:]
        return [
            data[start : min(start + self._size, whole)] for start in range(0, whole, self._size)
        ]
