"""Reading whole streams of Ogg Opus (RFC 7845), whatever is wrong with them.

`OpusStreamReader` reads a stream that may be cut anywhere and may be wrong anywhere. It never
raises: what is wrong becomes a `Finding`, with the rule's name, and reading goes on as far as it
can. A server uses it to follow its client's audio, a check to judge a recorded stream.

All positions and durations are in samples at 48 kHz, whatever the input rate was.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from protocol_core.ogg import OggError, Packet, PacketReader, Page, PageReader
from protocol_core.opus import OpusError, OpusHead, OpusTags, packet_samples

__all__ = [
    "Finding",
    "OpusStreamReader",
    "Rule",
    "StreamSummary",
    "inspect_stream",
]


class Rule(StrEnum):
    """Names of the rules that findings refer to. Those of `OggError.rule` are among them."""

    CAPTURE = "capture"  # a page begins with OggS
    VERSION = "version"  # stream structure version 0
    CRC = "crc"
    TRUNCATED = "truncated"  # the stream ends within a page or packet
    BOS = "bos"  # on the first page and no other
    EOS = "eos"  # on the last page
    AFTER_EOS = "after-eos"  # nothing follows the page with EOS
    SERIAL = "serial"  # one serial number for the whole stream
    SEQUENCE = "sequence"  # pages count up by one from 0
    CONTINUED = "continued"  # the flag agrees with the lacing of the page before
    SPANS_PAGES = "spans-pages"  # legal; a packet goes over a page border
    SHARED_PAGE = "shared-page"  # legal; several audio packets on one page
    HEAD = "head"  # the first packet is a readable OpusHead
    HEAD_PAGE = "head-page"  # OpusHead is alone on its page, granule 0
    TAGS = "tags"  # the second packet is a readable OpusTags
    TAGS_PAGE = "tags-page"  # nothing else on the pages of OpusTags, granule 0
    EMPTY_PACKET = "empty-packet"  # a zero-length audio packet
    PACKET = "packet"  # an audio packet has a legal TOC and framing
    FIRST_GRANULE = "first-granule"  # legal; the stream begins at a position other than 0
    GRANULE = "granule"  # the granule position grows by the duration of the packets
    END_TRIM = "end-trim"  # legal; the last granule position trims more than the last packet


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a rule has to say about a stream.

    Attributes:
        rule: which rule.
        page: number of the page, from 0.
        message: what was found and what was expected.
        legal: whether the RFCs allow it all the same.
    """

    rule: Rule
    page: int
    message: str
    legal: bool = False


class StreamSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one stream holds.

    Attributes:
        head: the identification header, if it could be read.
        tags: the comment header, if it could be read.
        serial: serial number; None if there was no page.
        pages: pages read, headers included.
        packets: audio packets read, empty ones not counted.
        decoded_samples: samples that the audio packets decode to, pre-skip included.
        last_granule: granule position of the last page with one; None if there was no audio page.
        ended: whether EOS was seen.
        findings: in the order of the stream.
    """

    head: OpusHead | None
    tags: OpusTags | None
    serial: int | None
    pages: int
    packets: int
    decoded_samples: int
    last_granule: int | None
    ended: bool
    findings: tuple[Finding, ...]

    @property
    def duration_samples(self) -> int:
        """Playable length by the last granule position (RFC 7845 section 4.3), 48 kHz samples."""
        if self.head is None or self.last_granule is None:
            return 0
        return max(0, self.last_granule - self.head.pre_skip)

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The findings that the RFCs forbid."""
        return tuple(finding for finding in self.findings if not finding.legal)


class OpusStreamReader:
    """Follows one Ogg Opus stream. Never raises on what it reads.

    Attributes:
        head: identification header, once read.
        tags: comment header, once read.
        samples: samples (48 kHz) that the audio packets so far decode to.
        packets: audio packets so far, without empty ones.
        pages: pages so far.
        findings: what was found so far.
        broken: whether the container is damaged, so that nothing more is read.
    """

    def __init__(self) -> None:
        self.head: OpusHead | None = None
        self.tags: OpusTags | None = None
        self.samples = 0
        self.packets = 0
        self.pages = 0
        self.findings: list[Finding] = []
        self.broken = False
        self._page_reader = PageReader(verify=False)
        self._packet_reader = PacketReader()
        self._headers = 0
        self._position: int | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; returns the audio packets that they complete, without empty ones."""
        audio: list[bytes] = []
        if self.broken:
            return audio
        try:
            while pages := self._page_reader.feed(data):
                data = b""
                for page in pages:
                    audio += self._page(page)
        except OggError as error:
            self._break(error)
        return audio

    def end(self) -> StreamSummary:
        """No more bytes will come: look at the end, and sum up."""
        if not self.broken:
            try:
                self._page_reader.close()
                self._packet_reader.close()
            except OggError as error:
                self._break(error)
        if self._headers == 0 and not self.broken:
            self._find(Rule.HEAD, "the stream has no packet at all")
        return self.summary()

    def summary(self) -> StreamSummary:
        """The state of things, without looking at the end of the stream."""
        return StreamSummary(
            head=self.head,
            tags=self.tags,
            serial=self._packet_reader.serial,
            pages=self.pages,
            packets=self.packets,
            decoded_samples=self.samples,
            last_granule=self._position,
            ended=self._packet_reader.ended,
            findings=tuple(self.findings),
        )

    def _page(self, page: Page) -> list[bytes]:
        if not page.crc_valid:
            self._find(Rule.CRC, "the CRC does not fit the page")
        if page.continued:
            self._find(Rule.SPANS_PAGES, "a packet is continued from the page before", legal=True)
        packets = self._packet_reader.feed(page)
        audio = [packet for packet in packets if not self._header(packet, page, len(packets))]
        durations = [self._audio(packet) for packet in audio]
        if audio:
            self._granule(page, sum(durations), durations[-1])
        if len(audio) > 1:
            self._find(Rule.SHARED_PAGE, f"{len(audio)} audio packets on one page", legal=True)
        self.pages += 1
        return [packet.data for packet in audio if packet.data]

    def _header(self, packet: Packet, page: Page, packets_on_page: int) -> bool:
        if self._headers > 1:
            return False
        kind, own_page = ((Rule.HEAD, Rule.HEAD_PAGE), (Rule.TAGS, Rule.TAGS_PAGE))[self._headers]
        self._headers += 1
        try:
            if kind is Rule.HEAD:
                self.head = OpusHead.unpack(packet.data)
            else:
                self.tags = OpusTags.unpack(packet.data)
        except OpusError as error:
            self._find(kind, str(error))
        if packets_on_page > 1 or packet.granule != 0 or not self._alone(page):
            self._find(own_page, "a header shares its page, or its granule position is not 0")
        return True

    @staticmethod
    def _alone(page: Page) -> bool:
        return page.segments[-1] < 255  # noqa: PLR2004 - lacing: no further packet begins

    def _audio(self, packet: Packet) -> int:
        if not packet.data:
            self._find(Rule.EMPTY_PACKET, "an audio packet of zero bytes")
            return 0
        self.packets += 1
        try:
            samples = packet_samples(packet.data)
        except OpusError as error:
            self._find(Rule.PACKET, str(error))
            return 0
        self.samples += samples
        return samples

    def _granule(self, page: Page, samples: int, last: int) -> None:
        before, self._position = self._position, page.granule
        if before is None:
            start = page.granule - samples
            if start > 0 or (start < 0 and not page.eos):
                self._find(
                    Rule.FIRST_GRANULE if start > 0 else Rule.GRANULE,
                    f"granule position {page.granule} after the first {samples} samples",
                    legal=start > 0,
                )
            return
        expected = before + samples
        if page.granule == expected:
            return
        trimmed = expected - page.granule
        if page.eos and 0 < trimmed <= samples:
            if trimmed > last:
                problem = f"the end trims {trimmed} samples, the whole last packet of {last}"
                self._find(Rule.END_TRIM, problem, legal=True)
            return
        self._find(Rule.GRANULE, f"granule position {page.granule} instead of {expected}")

    def _find(self, rule: Rule, message: str, *, legal: bool = False) -> None:
        self.findings.append(Finding(rule=rule, page=self.pages, message=message, legal=legal))

    def _break(self, error: OggError) -> None:
        self.broken = True
        self.findings.append(Finding(rule=Rule(error.rule), page=error.page, message=str(error)))


def inspect_stream(data: bytes) -> StreamSummary:
    """Read one whole stream and sum it up."""
    reader = OpusStreamReader()
    reader.feed(data)
    return reader.end()
