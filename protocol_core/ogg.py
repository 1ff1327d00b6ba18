"""Ogg pages and packets (RFC 3533), read and written.

A page is a 27-byte header, up to 255 lacing values and a body. A packet of n bytes is laced as
n // 255 values of 255 and one closing value n % 255, so a packet whose size is a multiple of 255
closes with 0, and an empty packet is a single 0. A last lacing value of 255 says that the packet
goes on in the next page, which then carries the flag "continued".

The CRC is the one of RFC 3533 (polynomial 0x04C11DB7, most significant bit first, no inversions).
`zlib` computes the mirrored form of the same polynomial in C, so the bits of each byte are mirrored
on the way in and on the way out, and its inversions undone: a hundred times faster than a Python
loop over bits.

`PageReader` takes bytes cut anywhere; `PacketReader` takes its pages. Both raise `OggError`, which
names the rule; a broken stream stays broken.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from protocol_core.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OggError", "Packet", "PacketReader", "Page", "PageReader", "PageWriter", "lacing"]

CAPTURE: Final = b"OggS"
VERSION: Final = 0
CONTINUED: Final = 0x01
BOS: Final = 0x02
EOS: Final = 0x04
#: Granule position of a page on which no packet ends.
NO_GRANULE: Final = -1
MAX_SEGMENTS: Final = 255
#: The longest page: header, 255 lacing values, 255 segments of 255 bytes.
MAX_PAGE_BYTES: Final = 27 + 255 + 255 * 255

_HEADER = struct.Struct("<4sBBqIIIB")
_HEADER_BYTES = _HEADER.size
_CRC_AT = slice(22, 26)
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


class OggError(RemoteProtocolError):
    """Bytes that are not a legal Ogg stream.

    Attributes:
        rule: short name of the broken rule, such as ``crc``.
        page: number of the page in the stream, from 0.
    """

    def __init__(
        self, problem: str, *, rule: str, page: int, section: str, value: object = None
    ) -> None:
        super().__init__(
            f"page {page}: {problem}",
            protocol="ogg",
            requirement=f"RFC 3533 section {section}",
            value=value,
        )
        self.rule = rule
        self.page = page


def checksum(page: bytes) -> bytes:
    """CRC of a page whose CRC field is zero, as the four bytes of that field."""
    mirrored = zlib.crc32(page.translate(_MIRROR), _ALL_ONES) ^ _ALL_ONES
    return mirrored.to_bytes(4, "big").translate(_MIRROR)


def lacing(size: int) -> bytes:
    """Lacing values of one packet of ``size`` bytes."""
    full, rest = divmod(size, 255)
    return b"\xff" * full + bytes((rest,))


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page.

    Attributes:
        flags: `CONTINUED`, `BOS`, `EOS`, or-ed.
        granule: granule position after the last packet that ends here; `NO_GRANULE` if none does.
        serial: number of the logical stream.
        sequence: number of the page in the logical stream.
        segments: the lacing values.
        body: packet bytes.
        crc: the CRC field as read; None for a page made here.
    """

    granule: int
    serial: int
    sequence: int
    segments: bytes
    body: bytes
    flags: int = 0
    crc: bytes | None = None

    @property
    def continued(self) -> bool:
        """Whether the page opens in the middle of a packet."""
        return bool(self.flags & CONTINUED)

    @property
    def bos(self) -> bool:
        """Whether it is the first page of its stream."""
        return bool(self.flags & BOS)

    @property
    def eos(self) -> bool:
        """Whether it is the last page of its stream."""
        return bool(self.flags & EOS)

    @property
    def crc_valid(self) -> bool:
        """Whether the CRC that was read is right; True for a page made here."""
        return self.crc is None or self.crc == checksum(self._bytes())

    def pack(self) -> bytes:
        """The page as bytes, with a right CRC.

        Raises:
            struct.error: a field exceeds its width.
        """
        page = self._bytes()
        return b"".join((page[:22], checksum(page), page[26:]))

    def packets(self) -> list[tuple[bytes, bool]]:
        """The pieces of packets in the body, each with whether it ends on this page."""
        pieces: list[tuple[bytes, bool]] = []
        start = end = 0
        for value in self.segments:
            end += value
            if value < MAX_SEGMENTS:
                pieces.append((self.body[start:end], True))
                start = end
        if self.segments and self.segments[-1] == MAX_SEGMENTS:
            pieces.append((self.body[start:end], False))
        return pieces

    def _bytes(self) -> bytes:
        header = _HEADER.pack(
            CAPTURE,
            VERSION,
            self.flags,
            self.granule,
            self.serial,
            self.sequence,
            0,
            len(self.segments),
        )
        return b"".join((header, self.segments, self.body))


class PageReader:
    """Cuts a byte stream into pages; bytes may arrive in pieces of any size.

    Args:
        verify: raise on a wrong CRC. Without it, look at `Page.crc_valid`.
    """

    def __init__(self, *, verify: bool = True) -> None:
        self._buffer = bytearray()
        self._verify = verify
        self._error: OggError | None = None
        self.pages = 0

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their page."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Page]:
        """Take bytes; returns the pages that they complete.

        Raises:
            OggError: the bytes are not an Ogg page. If whole pages came before the bad one, they
                are returned first, and the error waits for the next call.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        pages: list[Page] = []
        try:
            while (page := self._next()) is not None:
                pages.append(page)
                self.pages += 1
        except OggError as error:
            self._error = error
            if not pages:
                raise
        return pages

    def close(self) -> None:
        """No more bytes will come.

        Raises:
            OggError: the last page is not complete, or an error was still waiting.
        """
        if self._error is not None:
            raise self._error
        if self._buffer:
            raise OggError(
                f"the stream ends within a page, after {len(self._buffer)} bytes of it",
                rule="truncated",
                page=self.pages,
                section="6",
            )

    def _next(self) -> Page | None:
        buffer = self._buffer
        have = len(buffer)
        if not CAPTURE.startswith(bytes(buffer[:4])):
            raise self._illegal("no capture pattern OggS", "capture", bytes(buffer[:4]))
        if have > 4 and buffer[4] != VERSION:  # noqa: PLR2004 - offset of the version field
            raise self._illegal("unknown stream structure version", "version", buffer[4])
        if have < _HEADER_BYTES:
            return None
        _, _, flags, granule, serial, sequence, _, count = _HEADER.unpack_from(buffer)
        body_at = _HEADER_BYTES + count
        if have < body_at:
            return None
        segments = bytes(buffer[_HEADER_BYTES:body_at])
        end = body_at + sum(segments)
        if have < end:
            return None
        page = Page(
            flags=flags,
            granule=granule,
            serial=serial,
            sequence=sequence,
            segments=segments,
            body=bytes(buffer[body_at:end]),
            crc=bytes(buffer[_CRC_AT]),
        )
        if self._verify and not page.crc_valid:
            raise self._illegal("wrong CRC", "crc", page.crc)
        del buffer[:end]
        return page

    def _illegal(self, problem: str, rule: str, value: object) -> OggError:
        return OggError(problem, rule=rule, page=self.pages, section="6", value=value)


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """One packet of a logical stream.

    Attributes:
        data: the packet's bytes.
        page: number (from 0) of the page on which it ends.
        granule: granule position of that page if this packet is the last to end there, else None.
        eos: whether it is the last packet of the stream.
    """

    data: bytes
    page: int
    granule: int | None = None
    eos: bool = False


class PacketReader:
    """Joins the pages of one logical stream into packets.

    Attributes:
        serial: serial number of the stream; None before the first page.
        ended: whether a page with EOS was seen.
    """

    def __init__(self) -> None:
        self.serial: int | None = None
        self.ended = False
        self._sequence = 0
        self._partial: bytearray | None = None

    def feed(self, page: Page) -> list[Packet]:
        """Take the next page; returns the packets that end on it.

        Raises:
            OggError: the page does not belong here.
        """
        number = self._sequence
        self._check(page, number)
        self.serial = page.serial
        self._sequence += 1
        self.ended = page.eos
        pieces = page.packets()
        last = len(pieces) - 1
        if pieces and not pieces[-1][1]:
            last -= 1
        packets: list[Packet] = []
        for index, (piece, complete) in enumerate(pieces):
            data = piece
            if index == 0 and self._partial is not None:
                data = bytes(self._partial + piece)
                self._partial = None
            if not complete:
                self._partial = bytearray(data)
                break
            final = index == last
            granule = page.granule if final else None
            packets.append(Packet(data=data, page=number, granule=granule, eos=final and page.eos))
        return packets

    def close(self) -> None:
        """No more pages will come.

        Raises:
            OggError: the last packet is not complete, or EOS is missing.
        """
        if self._partial is not None:
            raise self._illegal("the stream ends within a packet", "truncated", "5")
        if not self.ended:
            raise self._illegal("the stream has no page with EOS", "eos", "6")

    def _check(self, page: Page, number: int) -> None:
        if self.ended:
            raise self._illegal("a page after the one with EOS", "after-eos", "6")
        if page.bos is not (number == 0):
            problem = "BOS is missing" if number == 0 else "BOS on a later page"
            raise self._illegal(problem, "bos", "6")
        if self.serial is not None and page.serial != self.serial:
            problem = f"serial number changed from {self.serial}"
            raise self._illegal(problem, "serial", "4", page.serial)
        if page.sequence != number:
            raise self._illegal(f"sequence number is not {number}", "sequence", "6", page.sequence)
        if page.continued is not (self._partial is not None):
            problem = (
                "flag continued without a packet to continue"
                if page.continued
                else "a packet should continue here, and the flag continued is not set"
            )
            raise self._illegal(problem, "continued", "6")

    def _illegal(self, problem: str, rule: str, section: str, value: object = None) -> OggError:
        return OggError(problem, rule=rule, page=self._sequence, section=section, value=value)


class PageWriter:
    """Writes one logical stream: BOS on the first page, sequence numbers, CRCs.

    Args:
        serial: serial number of the stream, 0 to 2**32 - 1.
    """

    def __init__(self, serial: int) -> None:
        self.serial = serial
        self.sequence = 0
        self.ended = False

    def packet(self, data: bytes, granule: int, *, eos: bool = False) -> bytes:
        """One packet on a page of its own (more pages if it exceeds 65 024 bytes).

        Args:
            data: the packet.
            granule: granule position after it.
            eos: end the stream with it.

        Raises:
            LocalProtocolError: the stream was ended before.
        """
        segments = lacing(len(data))
        if len(segments) > MAX_SEGMENTS:
            return self.packets(((data, granule),), eos=eos)
        return self._page(0, granule, segments, data, eos=eos)

    def packets(self, packets: Iterable[tuple[bytes, int]], *, eos: bool = False) -> bytes:
        """Packets with the granule position after each, on as few pages as they need.

        Without packets, one page without segments.

        Raises:
            LocalProtocolError: the stream was ended before.
        """
        pages: list[tuple[int, int, bytes, bytes]] = []
        flags, granule, segments, body = 0, NO_GRANULE, bytearray(), bytearray()
        for data, position in packets:
            rest = lacing(len(data))
            start = 0
            while rest:
                if len(segments) == MAX_SEGMENTS:
                    pages.append((flags, granule, bytes(segments), bytes(body)))
                    flags = CONTINUED if segments[-1] == MAX_SEGMENTS else 0
                    granule, segments, body = NO_GRANULE, bytearray(), bytearray()
                fit = rest[: MAX_SEGMENTS - len(segments)]
                rest = rest[len(fit) :]
                segments += fit
                body += data[start : start + sum(fit)]
                start += sum(fit)
            granule = position
        pages.append((flags, granule, bytes(segments), bytes(body)))
        last = len(pages) - 1
        return b"".join(
            self._page(*page, eos=eos and index == last) for index, page in enumerate(pages)
        )

    def _page(self, flags: int, granule: int, segments: bytes, body: bytes, *, eos: bool) -> bytes:
        if self.ended:
            raise LocalProtocolError(
                "the stream has ended",
                protocol="ogg",
                requirement="RFC 3533 section 6",
                hint="begin a new stream, with a new serial number",
            )
        if self.sequence == 0:
            flags |= BOS
        if eos:
            flags |= EOS
            self.ended = True
        head = _HEADER.pack(
            CAPTURE, VERSION, flags, granule, self.serial, self.sequence, 0, len(segments)
        )
        self.sequence += 1
        page = b"".join((head, segments, body))
        return b"".join((head[:22], checksum(page), head[26:], segments, body))
