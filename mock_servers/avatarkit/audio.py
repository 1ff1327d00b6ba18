"""How long a request's audio is, measured while it arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_protocols.avatarkit.v0_1_7.constants import Opus, Pcm
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.opus import OpusError, packet_samples
from protocol_core.opus_stream import OpusStreamReader

__all__ = ["AudioMeter", "make_meter"]


class AudioMeter(ABC):
    """Measures one request.

    Attributes:
        seconds: duration of what has arrived.
        problem: what is wrong with the audio; "" if nothing is.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.problem = ""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream; where they are cut means nothing (AVK-AUDIO-007)."""

    @abstractmethod
    def end(self) -> None:
        """The stream is complete, or was cut by an interrupt (AVK-OGG-018)."""


class PcmMeter(AudioMeter):
    """Counts samples: mono, signed 16-bit.

    Args:
        rate: samples per second.
    """

    def __init__(self, rate: int) -> None:
        super().__init__()
        self._rate = rate
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        self._bytes += len(data)
        # A dangling byte waits for its other half, and is dropped at the end (OP-28).
        self.seconds = self._bytes // Pcm.SAMPLE_BYTES / self._rate

    def end(self) -> None:
        if self._bytes % Pcm.SAMPLE_BYTES:
            self.problem = "an odd number of bytes"


class OggMeter(AudioMeter):
    """Counts what the packets of an Ogg Opus stream hold; the last granule corrects it."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = OpusStreamReader()
        self._samples = 0
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        self._bytes += len(data)
        for packet in self._reader.feed(data):
            try:
                self._samples += packet_samples(packet)
            except OpusError as error:
                self.problem = str(error)
        self.seconds = self._samples / Opus.GRANULE_RATE

    def end(self) -> None:
        if not self._bytes:
            return
        summary = self._reader.end()
        if summary.duration_samples > 0:
            self.seconds = min(self.seconds, summary.duration_samples / Opus.GRANULE_RATE)
        if summary.broken:
            self.problem = summary.broken[0].message


def make_meter(config: pb.ClientConfigureSession) -> AudioMeter:
    """The meter for the configured format."""
    if config.audio_format == pb.AUDIO_FORMAT_OGG_OPUS:
        return OggMeter()
    return PcmMeter(config.sample_rate)
