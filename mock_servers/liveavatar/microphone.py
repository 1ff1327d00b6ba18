"""The user's voice, as the platform forwards it to an agent that owns speech recognition.

Frames of 40 ms follow each other for the whole session, speech or not, without any mark
(LAC-ASR-003). On a platform that does not pace, only what the user says is sent, and at once.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from protocol_core.liveavatar.audio import Packetizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.clock import Timer
    from protocol_core.liveavatar.revision import Revision

__all__ = ["Microphone", "tone"]

_AMPLITUDE = 8000
_VIBRATO_HZ = 5


class Microphone:
    """One user's microphone.

    Args:
        revision: whose frames.
        send: sends one frame.
        at: calls back at a clock time.
        now: the clock.
        seed: seed of the voice.
        continuous: whether silence is sent between what is said.
    """

    def __init__(
        self,
        revision: Revision,
        *,
        send: Callable[[Any], None],
        at: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], float],
        seed: int,
        continuous: bool,
    ) -> None:
        audio = revision.constants.Audio
        self._send = send
        self._at = at
        self._now = now
        self._seed = seed
        self._continuous = continuous
        self._packetizer = Packetizer(revision)
        self.rate: int = audio.PREFERRED_RATE
        self._frame_seconds = audio.FRAME_MS / 1000
        self._frame_bytes = audio.PREFERRED_SAMPLES * audio.BYTES_PER_SAMPLE
        self._speech = bytearray()
        self._next = 0.0
        self._timer: Timer | None = None

    def open(self) -> None:
        """The agent listens from now on."""
        if self._continuous and self._timer is None:
            self._next = self._now()
            self._tick()

    def close(self) -> None:
        """The agent has gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._speech.clear()

    def say(self, seconds: float) -> None:
        """The user speaks for this long."""
        pcm = tone(seconds, self.rate, self._seed)
        if self._continuous:
            self._speech += pcm
            return
        for frame in [*self._packetizer.push(pcm), *self._packetizer.flush()]:
            self._send(frame)

    def _tick(self) -> None:
        chunk = bytes(self._speech[: self._frame_bytes])
        del self._speech[: self._frame_bytes]
        for frame in self._packetizer.push(chunk.ljust(self._frame_bytes, b"\0")):
            self._send(frame)
        self._next += self._frame_seconds
        self._timer = self._at(self._next, self._tick)


def tone(seconds: float, rate: int, seed: int = 0) -> bytes:
    """A voice of sorts: a tone with vibrato, whose pitch depends on the seed.

    Args:
        seconds: duration.
        rate: samples per second.
        seed: choose another pitch.

    Returns:
        Mono PCM, signed 16-bit little-endian.
    """
    pitch = 110 + 10 * (seed % 12)
    count = round(seconds * rate)
    samples = (
        round(
            _AMPLITUDE
            * math.sin(
                2 * math.pi * pitch * index / rate
                + 0.5 * math.sin(2 * math.pi * _VIBRATO_HZ * index / rate)
            )
        )
        for index in range(count)
    )
    return struct.pack(f"<{count}h", *samples)
