"""Speech for the wire: whole samples, in frames that the server takes, in standard base64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol_core.akool.revision import Revision

__all__ = ["Chunker", "encoded"]

#: RFC 4648, section 4: so many bytes become so many characters.
_BYTES, _CHARACTERS = 3, 4


def encoded(chunk: bytes) -> str:
    """Standard base64 with padding (AKO-AUDIO-003)."""
    return base64.b64encode(chunk).decode()


class Chunker:
    """Cuts PCM into chunks of whole samples (AKO-AUDIO-006), none too long for a frame (OP-3).

    An odd byte waits for the audio after it; `forget` drops it.

    Args:
        revision: whose limits.
        envelope: characters of a frame without its audio.
    """

    def __init__(self, revision: Revision, envelope: int) -> None:
        limits = revision.constants
        self._sample: int = limits.Audio.SAMPLE_BYTES * limits.Audio.CHANNELS
        room = (limits.Limit.MESSAGE_BYTES - envelope) // _CHARACTERS * _BYTES
        self._longest = room - room % self._sample
        self._rest = b""

    def cut(self, audio: bytes | bytearray | memoryview) -> list[bytes]:
        """The chunks that the audio completes, in its order; together they are all of it."""
        whole = self._rest + bytes(audio)
        end = len(whole) - len(whole) % self._sample
        self._rest = whole[end:]
        return [
            whole[start : min(start + self._longest, end)] for start in range(0, end, self._longest)
        ]

    def forget(self) -> None:
        """The utterance is over; what is left of a sample will not be completed."""
        self._rest = b""
