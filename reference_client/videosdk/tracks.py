"""What a worker's viewers hear and see: the tracks that rendered audio and video go into.

Whoever carries media takes frames out of them: 20 ms of audio at a time, silence where there is
less (VSD-MEDIA-003), at most 2 s behind the renderer (VSD-MEDIA-004); pictures on a clock of 90 kHz
(VSD-MEDIA-005).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from protocol_core.videosdk.revision import Revision

__all__ = ["AudioTrack", "Picture", "TimedPicture", "VideoTrack"]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One rendered picture.

    Attributes:
        data: its pixels or its code, as renderer and carrier agreed.
        width: in pixels.
        height: in pixels.
    """

    data: bytes
    width: int
    height: int


class TimedPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture on its track.

    Attributes:
        picture: what is seen.
        timestamp: ticks of the track's clock since its first picture.
    """

    picture: Picture
    timestamp: int


class AudioTrack:
    """Rendered audio, cut into steady frames.

    Args:
        revision: whose frame and buffer lengths.
        sample_rate: in Hz; mono.
    """

    def __init__(self, revision: Revision, sample_rate: int) -> None:
        audio = revision.constants.Audio
        samples = sample_rate * audio.TRACK_FRAME_MS // 1000
        self._frame_bytes: int = samples * audio.BYTES_PER_SAMPLE
        per_second = sample_rate * audio.BYTES_PER_SAMPLE
        self._most: int = max(
            int(per_second * audio.TRACK_BUFFER), self._frame_bytes * audio.TRACK_BUFFER_FRAMES_MIN
        )
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes that wait to be taken."""
        return len(self._buffer)

    def put(self, pcm: bytes) -> int:
        """Add rendered audio; returns how many of the oldest bytes had to go."""
        self._buffer += pcm
        overflow: int = max(0, len(self._buffer) - self._most)
        del self._buffer[:overflow]
        return overflow

    def take(self) -> bytes:
        """The next frame; silence while less than one is there."""
        if len(self._buffer) < self._frame_bytes:
            return bytes(self._frame_bytes)
        frame = bytes(self._buffer[: self._frame_bytes])
        del self._buffer[: self._frame_bytes]
        return frame

    def clear(self) -> None:
        """Throw away what waits (VSD-INT-004)."""
        self._buffer.clear()


class VideoTrack:
    """Rendered pictures with their times.

    Args:
        revision: whose clock.
        frame_rate: pictures a second.
    """

    def __init__(self, revision: Revision, frame_rate: float) -> None:
        self._step = round(revision.constants.Video.CLOCK / frame_rate)
        self._waiting: deque[Picture] = deque()
        self._timestamp = 0

    def put(self, picture: Picture) -> None:
        """Add a picture."""
        self._waiting.append(picture)

    def take(self) -> TimedPicture | None:
        """The next picture; None while none waits."""
        if not self._waiting:
            return None
        timed = TimedPicture(picture=self._waiting.popleft(), timestamp=self._timestamp)
        self._timestamp += self._step
        return timed
