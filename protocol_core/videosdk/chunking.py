"""Speech in, PCM chunks out (VSD-PCM-002 to VSD-PCM-004).

Each buffer is cut by itself: buffers are never merged, and an odd one is completed by a zero byte,
which costs one corrupt sample but keeps every later sample where it belongs (VSD-PCM-004). It also
keeps audio apart from the control literal, whose length is odd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol_core.videosdk.revision import Revision

__all__ = ["completed", "cut"]


def completed(revision: Revision, pcm: bytes) -> bytes:
    """PCM of whole samples: an odd number of bytes gets one zero byte (VSD-PCM-005)."""
    audio = revision.constants.Audio
    missing = -len(pcm) % audio.BYTES_PER_SAMPLE
    return pcm + bytes((audio.PAD_BYTE,)) * missing if missing else pcm


def cut(revision: Revision, pcm: bytes) -> list[bytes]:
    """The chunks of one buffer: full slices, the last one short (VSD-PCM-002, VSD-PCM-003).

    Args:
        revision: whose limit, in bytes.
        pcm: signed 16-bit little-endian samples; empty for none (VSD-PCM-006).
    """
    limit: int = revision.constants.Limit.PCM_CHUNK
    slices = (pcm[start : start + limit] for start in range(0, len(pcm), limit))
    return [completed(revision, bytes(part)) for part in slices]
