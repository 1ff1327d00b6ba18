"""One request's PCM as one Ogg Opus stream (section 7).

The Opus encoder itself is injected: it lives in the client's shell, because it needs a library of
the operating system. Here is what surrounds it: frames of the right size, the headers, one packet a
page, granule positions, and one packet held back so that EOS can be put on the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from avatar_protocols.avatarkit.v0_1_7.constants import PROTOCOL, Opus, Pcm
from protocol_core.errors import LocalProtocolError
from protocol_core.ogg import PageWriter
from protocol_core.opus import OpusHead, OpusTags

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.avatarkit.config import SessionConfig

__all__ = ["OpusEncoder", "PcmEncoding"]


class OpusEncoder(Protocol):
    """Makes the Opus packet of one frame of mono S16LE PCM; `opuslib.Encoder` is such."""

    def encode(self, pcm_data: bytes, frame_size: int) -> bytes: ...


class PcmEncoding:
    """Encodes the PCM of one request.

    Args:
        config: the session's settings, with ``encoder`` set.
        make_encoder: makes the Opus encoder.
        serial: serial number of the stream, fresh for each request (AVK-OGG-006).

    Attributes:
        stream: everything that was encoded so far.
    """

    def __init__(
        self,
        config: SessionConfig,
        make_encoder: Callable[[int, int, str], OpusEncoder],
        serial: int,
    ) -> None:
        settings = config.encoder
        if settings is None:
            raise LocalProtocolError("the session has no encoder", protocol=PROTOCOL)
        self._rate = config.sample_rate
        self._frame_samples = self._rate * settings.frame_ms // 1000
        self._frame_bytes = self._frame_samples * Pcm.SAMPLE_BYTES
        self._encoder = make_encoder(self._rate, config.bitrate, settings.application)
        self._writer = PageWriter(serial)
        self._pcm = bytearray()
        self._samples = 0
        self._held: tuple[bytes, int] | None = None
        self.stream = bytearray()

    def encode(self, pcm: bytes, *, end: bool) -> bytes:
        """Take PCM; returns the pages that can go out, perhaps none (AVK-OGG-016, AVK-OGG-017).

        Raises:
            LocalProtocolError: an odd number of bytes (AVK-OGG-015).
        """
        if len(pcm) % Pcm.SAMPLE_BYTES:
            raise LocalProtocolError(
                "16-bit PCM has an even number of bytes",
                protocol=PROTOCOL,
                requirement="AVK-OGG-015",
                value=len(pcm),
                hint="keep the dangling byte for the next call",
            )
        self._pcm += pcm
        pages: list[bytes] = []
        while len(self._pcm) >= self._frame_bytes:
            self._frame(bytes(self._pcm[: self._frame_bytes]), self._frame_samples, pages)
            del self._pcm[: self._frame_bytes]
        if end:
            if self._pcm:
                samples = len(self._pcm) // Pcm.SAMPLE_BYTES
                self._frame(bytes(self._pcm).ljust(self._frame_bytes, b"\0"), samples, pages)
                self._pcm.clear()
            if self._held is not None:
                packet, granule = self._held
                self._held = None
                pages.append(self._writer.packet(packet, granule, eos=True))  # AVK-OGG-008
        data = b"".join(pages)
        self.stream += data
        return data

    def _frame(self, pcm: bytes, samples: int, pages: list[bytes]) -> None:
        packet = self._encoder.encode(pcm, self._frame_samples)
        if self._held is not None:
            pages.append(self._writer.packet(*self._held))
        else:
            pages += self._headers()
        self._samples += samples
        granule = Opus.PRE_SKIP + self._samples * Opus.GRANULE_RATE // self._rate
        self._held = (packet, granule)

    def _headers(self) -> list[bytes]:
        head = OpusHead(
            version=Opus.HEAD_VERSION,
            channels=Opus.CHANNELS,
            pre_skip=Opus.PRE_SKIP,
            input_rate=self._rate,
            gain=Opus.OUTPUT_GAIN,
            family=Opus.MAPPING_FAMILY,
        )
        tags = OpusTags(vendor=Opus.VENDOR)
        return [self._writer.packet(head.pack(), 0), self._writer.packet(tags.pack(), 0)]
