"""Speech of sorts: a tone in syllables, as long as the words need. No words can be made out.

The same text sounds the same on the same platform; other texts have another pitch.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Final
from zlib import crc32

from protocol_core.aiavatar.answer import Speech

__all__ = ["Synthesizer"]

#: Nothing is said faster, seconds.
_SHORTEST: Final = 0.2
#: Nothing is spoken for longer, seconds; a book would fill the memory.
_LONGEST: Final = 600.0
_SYLLABLE_SECONDS: Final = 0.2
_AMPLITUDE: Final = 8000
#: Pitches, Hz.
_LOWEST: Final = 110
_STEP: Final = 5
_STEPS: Final = 24


class Synthesizer:
    """Speaks texts.

    Args:
        sample_rate: Hz.
        characters_per_second: speed.
        seed: chooses the pitches.
    """

    def __init__(self, *, sample_rate: int, characters_per_second: float, seed: int) -> None:
        self._rate = sample_rate
        self._speed = characters_per_second
        self._seed = seed

    def speak(self, text: str, seconds: float | None = None) -> Speech | None:
        """The speech of a text; None where there is none.

        Args:
            text: the words.
            seconds: duration; 0 for no speech; None for what the words need.
        """
        if seconds is None:
            seconds = self._needed(text) if text else 0.0
        samples = round(seconds * self._rate)
        return self._sound(samples, text) if samples else None

    def read(self, text: str) -> Speech:
        """The speech of a text, be it as short as it may."""
        return self._sound(round(self._needed(text) * self._rate), text)

    def _needed(self, text: str) -> float:
        return min(max(_SHORTEST, len(text) / self._speed), _LONGEST)

    def _sound(self, samples: int, text: str) -> Speech:
        pitch = _LOWEST + _STEP * (crc32(text.encode(), self._seed & 0xFFFFFFFF) % _STEPS)
        syllable = _syllable(self._rate, pitch)
        size = samples * 2
        return Speech(pcm=(syllable * (size // len(syllable) + 1))[:size], sample_rate=self._rate)


@lru_cache(maxsize=32)
def _syllable(rate: int, pitch: int) -> bytes:
    """A tone that swells and fades: mono PCM, signed 16-bit, as WAV files have it."""
    count = max(1, round(_SYLLABLE_SECONDS * rate))
    samples = array(
        "h",
        (
            round(
                _AMPLITUDE
                * math.sin(math.pi * index / count)
                * math.sin(2 * math.pi * pitch * index / rate)
            )
            for index in range(count)
        ),
    )
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
