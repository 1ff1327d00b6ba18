"""Opus: the header packets of a stream (RFC 7845) and how long its packets last (RFC 6716).

All durations are in samples at 48 kHz, whatever the input rate was. `opus_stream` reads whole
streams.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from protocol_core.errors import RemoteProtocolError

__all__ = [
    "OpusError",
    "OpusHead",
    "OpusTags",
    "packet_samples",
]

MAX_PACKET_SAMPLES: Final = 5760  # 120 ms, RFC 6716 section 3.2.5 [R5]

_HEAD = struct.Struct("<8sBBHIhB")
_HEAD_MAGIC = b"OpusHead"
_TAGS_MAGIC = b"OpusTags"
_LENGTH = struct.Struct("<I")

# Samples of one frame for each of the 32 configurations of the TOC byte, RFC 6716 table 2.
_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)
_FRAME_SAMPLES: Final = _SILK * 3 + _HYBRID * 2 + _CELT * 4


class OpusError(RemoteProtocolError):
    """An Opus header or packet that cannot be read."""

    def __init__(self, problem: str, *, section: str, value: object = None) -> None:
        super().__init__(problem, protocol="opus", requirement=section, value=value)


class OpusHead(msgspec.Struct, frozen=True, kw_only=True):
    """Identification header, RFC 7845 section 5.1.

    Attributes:
        channels: output channels.
        pre_skip: samples (48 kHz) that a decoder drops at the start.
        input_rate: rate of the original audio, Hz; informative.
        gain: output gain, dB in Q7.8.
        family: channel mapping family.
        mapping: channel mapping table; empty for family 0.
        version: version of the encapsulation.
    """

    channels: int
    pre_skip: int
    input_rate: int
    gain: int = 0
    family: int = 0
    mapping: bytes = b""
    version: int = 1

    def pack(self) -> bytes:
        """The header as a packet."""
        fixed = _HEAD.pack(
            _HEAD_MAGIC,
            self.version,
            self.channels,
            self.pre_skip,
            self.input_rate,
            self.gain,
            self.family,
        )
        return fixed + self.mapping

    @classmethod
    def unpack(cls, packet: bytes) -> OpusHead:
        """Read the header.

        Raises:
            OpusError: it is not an OpusHead, or of an incompatible version.
        """
        section = "RFC 7845 section 5.1"
        if not packet.startswith(_HEAD_MAGIC):
            raise OpusError("the packet is not an OpusHead", section=section, value=packet[:8])
        if len(packet) < _HEAD.size:
            raise OpusError("OpusHead is too short", section=section, value=len(packet))
        _, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(packet)
        if version >> 4:
            raise OpusError("incompatible version of OpusHead", section=section, value=version)
        if channels == 0:
            raise OpusError("OpusHead without channels", section=section, value=channels)
        return cls(
            version=version,
            channels=channels,
            pre_skip=pre_skip,
            input_rate=rate,
            gain=gain,
            family=family,
            mapping=packet[_HEAD.size :],
        )


class OpusTags(msgspec.Struct, frozen=True, kw_only=True):
    """Comment header, RFC 7845 section 5.2.

    Attributes:
        vendor: name of the encoder.
        comments: ``NAME=value`` strings.
    """

    vendor: str
    comments: tuple[str, ...] = ()

    def pack(self) -> bytes:
        """The header as a packet."""
        parts = [_TAGS_MAGIC, _counted(self.vendor), _LENGTH.pack(len(self.comments))]
        parts += [_counted(comment) for comment in self.comments]
        return b"".join(parts)

    @classmethod
    def unpack(cls, packet: bytes) -> OpusTags:
        """Read the header; padding after the comments is allowed.

        Raises:
            OpusError: it is not an OpusTags, or its lengths lead past its end.
        """
        section = "RFC 7845 section 5.2"
        if not packet.startswith(_TAGS_MAGIC):
            raise OpusError("the packet is not an OpusTags", section=section, value=packet[:8])
        try:
            vendor, at = _take(packet, len(_TAGS_MAGIC))
            (count,) = _LENGTH.unpack_from(packet, at)
            at += _LENGTH.size
            comments: list[str] = []
            for _ in range(count):
                comment, at = _take(packet, at)
                comments.append(comment)
        except (struct.error, UnicodeDecodeError) as error:
            raise OpusError(f"OpusTags cannot be read ({error})", section=section) from error
        return cls(vendor=vendor, comments=tuple(comments))


def _counted(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


def _take(packet: bytes, at: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(packet, at)
    start = at + _LENGTH.size
    (data,) = struct.unpack_from(f"{length}s", packet, start)
    return data.decode(), start + length


def packet_samples(packet: bytes) -> int:
    """Duration of one Opus packet in samples at 48 kHz, from its TOC byte.

    Raises:
        OpusError: the packet breaks RFC 6716 section 3.
    """
    section = "RFC 6716 section 3"
    if not packet:
        raise OpusError("an Opus packet has at least one byte", section=section)
    frame = _FRAME_SAMPLES[packet[0] >> 3]
    code = packet[0] & 0b11
    if code == 0:
        return frame
    if code == 1:
        if len(packet) % 2 == 0:
            raise OpusError(
                "two equal frames, but an odd number of bytes", section=section, value=len(packet)
            )
        return 2 * frame
    if len(packet) < 2:  # noqa: PLR2004 - codes 2 and 3 need a second byte
        raise OpusError("the packet ends after its TOC byte", section=section, value=packet[0])
    if code == 2:  # noqa: PLR2004 - the code of two frames of different size
        return 2 * frame
    samples = (packet[1] & 0x3F) * frame
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise OpusError("a packet lasts up to 120 ms, and not 0", section=section, value=samples)
    return samples
