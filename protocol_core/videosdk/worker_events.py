"""What a worker's session tells its owner; `Ignored` comes from `protocol_core.videosdk.events`."""

from __future__ import annotations

from protocol_core.videosdk.events import Event

__all__ = [
    "CooldownOver",
    "FrameAccepted",
    "PlaybackStarted",
    "SegmentEndAccepted",
    "SegmentEnded",
    "StreamReset",
]


class FrameAccepted(Event, frozen=True, kw_only=True):
    """A chunk of audio is in the input queue (VSD-PCM-008).

    Attributes:
        pcm: whole samples, signed 16-bit little-endian.
        sender: participant id of its sender.
    """

    pcm: bytes
    sender: str = ""


class SegmentEndAccepted(Event, frozen=True, kw_only=True):
    """An end mark is in the input queue, behind the audio before it (VSD-SEG-003, VSD-SEG-004).

    Attributes:
        sender: participant id of its sender.
    """

    sender: str = ""


class StreamReset(Event, frozen=True, kw_only=True):
    """An interrupt: the queue is empty, the renderer must be reset, now (VSD-INT-003, VSD-INT-004).

    `WorkerSession.reset_done` says that it was.

    Attributes:
        cut: whether audio was playing, so that an acknowledgement is due (VSD-END-002).
        dropped: frames and marks that were still in the queue.
        sender: participant id of who interrupted.
    """

    cut: bool
    dropped: int
    sender: str = ""


class PlaybackStarted(Event, frozen=True, kw_only=True):
    """The renderer took the first audio frame of a segment."""


class SegmentEnded(Event, frozen=True, kw_only=True):
    """A segment is over and its acknowledgement waits to be sent.

    Attributes:
        playback_position: seconds of the segment's audio that were handed to the tracks.
        interrupted: whether an interrupt cut it.
    """

    playback_position: float
    interrupted: bool


class CooldownOver(Event, frozen=True, kw_only=True):
    """0.3 s have passed since the last interrupt: audio counts again (VSD-INT-005)."""
