"""Ogg pages and packets."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol_core import ogg
from protocol_core.errors import LocalProtocolError
from protocol_core.ogg import OggError, Packet, PacketReader, Page, PageReader, PageWriter
from tests.protocol_core.avatarkit.support import vectors

SIZES = st.lists(st.integers(0, 600) | st.integers(60_000, 70_000), max_size=8)
#: Sizes at the edges of lacing and of pages: 255 segments hold 65 024 bytes and one closing value.
EDGES = [0, 1, 254, 255, 256, 510, 65_023, 65_024, 65_025, 65_026, 130_050]


def filled(sizes):
    """Packets of these sizes, each with bytes of its own."""
    return [bytes([index + 1]) * size for index, size in enumerate(sizes)]


def read(data, chunk=None):
    """Packets of a stream that arrives in chunks."""
    pages = PageReader()
    packets = PacketReader()
    step = chunk or len(data)
    found = [
        packet
        for start in range(0, len(data), step)
        for page in pages.feed(data[start : start + step])
        for packet in packets.feed(page)
    ]
    pages.close()
    packets.close()
    return found


@vectors("ogg", kind="page")
def test_pages_are_written_and_read_as_documented(vector):
    writer = PageWriter(vector["serial"])
    writer.sequence = vector["sequence"]
    packet = bytes.fromhex(vector["packet"])
    page = bytes.fromhex(vector["hex"])
    assert writer.packet(packet, vector["granule"], eos=vector["eos"]) == page
    (read_page,) = PageReader().feed(page)
    assert read_page.pack() == page
    assert (read_page.bos, read_page.eos) == (vector["bos"], vector["eos"])
    assert (read_page.serial, read_page.sequence) == (vector["serial"], vector["sequence"])
    assert read_page.packets() == [(packet, True)]


@vectors("ogg", kind="lacing", flags=None)
def test_lacing(vector):
    assert ogg.lacing(vector["size"]).hex() == vector["hex"]


@vectors("ogg", kind="lacing", flags=["defect"])
def test_the_shipped_lacing_reads_as_an_empty_packet_more(vector):
    body = bytes(vector["size"])
    segments = bytes.fromhex(vector["hex"])
    page = Page(granule=5, serial=1, sequence=0, segments=segments, body=body, flags=ogg.BOS)
    (read_page,) = PageReader().feed(page.pack())
    assert read_page.packets() == [(body, True), (b"", True)]


def test_bytes_may_arrive_one_by_one():
    stream = PageWriter(3).packets([(b"abc", 1), (bytes(300), 2)], eos=True)
    assert [packet.data for packet in read(stream, 1)] == [b"abc", bytes(300)]


@pytest.mark.parametrize("size", EDGES)
def test_packets_of_any_size_survive(size):
    data = bytes(range(256)) * (size // 256 + 1)
    stream = PageWriter(7).packet(data[:size], 11, eos=True)
    assert [packet.data for packet in read(stream)] == [data[:size]]
    assert stream.count(b"OggS") == size // 65_025 + 1


@settings(deadline=None)
@given(sizes=SIZES, chunk=st.integers(20, 5000))
def test_any_packets_survive_any_chunking(sizes, chunk):
    packets = filled(sizes)
    granules = [index * 960 for index in range(len(packets))]
    stream = PageWriter(3).packets(zip(packets, granules, strict=True), eos=True)
    found = read(stream, chunk)
    assert [packet.data for packet in found] == packets
    assert [packet.granule for packet in found if packet.granule is not None][-1:] == granules[-1:]


@settings(deadline=None)
@given(sizes=SIZES)
def test_a_packet_a_page_gives_each_its_granule(sizes):
    packets = filled(sizes)
    writer = PageWriter(3)
    stream = b"".join(
        writer.packet(packet, index, eos=index == len(packets) - 1)
        for index, packet in enumerate(packets)
    )
    if packets:
        assert read(stream) == [
            Packet(data=packet, page=found.page, granule=index, eos=index == len(packets) - 1)
            for index, (packet, found) in enumerate(zip(packets, read(stream), strict=True))
        ]


@settings(deadline=None)
@given(data=st.data(), sizes=SIZES.filter(bool))
def test_no_damage_brings_the_readers_down(data, sizes):
    packets = [(packet, 0) for packet in filled(sizes)]
    stream = bytearray(PageWriter(3).packets(packets, eos=True))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at] = data.draw(st.integers(0, 255))
    for verify in (True, False):
        pages, joined = PageReader(verify=verify), PacketReader()
        with contextlib.suppress(OggError):
            for page in pages.feed(bytes(stream)):
                joined.feed(page)
            pages.close()
            joined.close()


def test_a_page_that_ends_on_255_goes_on_in_the_next():
    stream = PageWriter(9).packets([(bytes(255 * 255), 1), (b"x", 2)], eos=True)
    first, second = PageReader().feed(stream)
    assert first.packets() == [(bytes(255 * 255), False)]
    assert first.granule == ogg.NO_GRANULE
    assert second.continued
    assert second.packets() == [(b"", True), (b"x", True)]


def test_a_packet_after_a_full_page_is_not_continued():
    stream = PageWriter(9).packets([(bytes(255 * 254), 1), (b"x", 2)])
    first, second = PageReader().feed(stream)
    assert len(first.segments) == ogg.MAX_SEGMENTS
    assert first.granule == 1
    assert not second.continued


def test_a_stream_may_end_with_an_empty_page():
    writer = PageWriter(9)
    stream = writer.packet(b"x", 1) + writer.packets([], eos=True)
    assert [packet.data for packet in read(stream)] == [b"x"]


def test_nothing_is_written_after_the_end():
    writer = PageWriter(9)
    writer.packet(b"x", 1, eos=True)
    with pytest.raises(LocalProtocolError, match=r"the stream has ended .*new serial number"):
        writer.packet(b"y", 2)


GOOD = PageWriter(5).packet(b"abc", 1)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        pytest.param(b"OgxS", "capture", id="capture"),
        pytest.param(b"OggS\x01", "version", id="version"),
        pytest.param(GOOD[:-1] + b"x", "crc", id="crc"),
    ],
)
def test_what_is_no_page_is_named(data, rule):
    reader = PageReader()
    with pytest.raises(OggError, match="page 0: ") as caught:
        reader.feed(data)
    assert caught.value.rule == rule
    with pytest.raises(OggError):
        reader.feed(b"")
    with pytest.raises(OggError):
        reader.close()


def test_pages_before_a_bad_one_are_not_lost():
    reader = PageReader()
    assert len(reader.feed(GOOD + b"nonsense")) == 1
    with pytest.raises(OggError, match="page 1: no capture pattern"):
        reader.feed(b"")


def test_a_wrong_crc_can_be_looked_at():
    (page,) = PageReader(verify=False).feed(GOOD[:-1] + b"x")
    assert not page.crc_valid
    assert Page(granule=1, serial=5, sequence=0, segments=b"\3", body=b"abc").crc_valid


@pytest.mark.parametrize("size", [1, 26, 27, 28, len(GOOD) - 1])
def test_a_stream_that_ends_within_a_page_is_named(size):
    reader = PageReader()
    assert reader.feed(GOOD[:size]) == []
    assert reader.pending == size
    with pytest.raises(OggError, match=f"ends within a page, after {size} bytes") as caught:
        reader.close()
    assert caught.value.rule == "truncated"


def page(sequence=0, flags=0, serial=1, segments=b"\1", body=b"x"):
    return Page(
        granule=0, serial=serial, sequence=sequence, segments=segments, body=body, flags=flags
    )


FIRST = page(flags=ogg.BOS)
OPEN = page(flags=ogg.BOS, segments=b"\xff", body=bytes(255))
LAST = page(flags=ogg.BOS | ogg.EOS)


@pytest.mark.parametrize(
    ("pages", "rule"),
    [
        ([page()], "bos"),
        ([FIRST, page(1, ogg.BOS)], "bos"),
        ([FIRST, page(1, serial=2)], "serial"),
        ([FIRST, page(2)], "sequence"),
        ([FIRST, page(1, ogg.CONTINUED)], "continued"),
        ([OPEN, page(1)], "continued"),
        ([LAST, page(1)], "after-eos"),
        ([FIRST], "eos"),
        ([OPEN], "truncated"),
    ],
)
def test_pages_that_do_not_fit_together_are_named(pages, rule):
    reader = PacketReader()

    def feed():
        for item in pages:
            reader.feed(item)
        reader.close()

    with pytest.raises(OggError) as caught:
        feed()
    assert caught.value.rule == rule


def test_a_packet_over_three_pages():
    reader = PacketReader()
    middle = page(1, ogg.CONTINUED, segments=b"\xff", body=bytes(255))
    assert reader.feed(OPEN) == []
    assert reader.feed(middle) == []
    (packet,) = reader.feed(page(2, ogg.CONTINUED | ogg.EOS, segments=b"\0", body=b""))
    assert packet == Packet(data=bytes(510), page=2, granule=0, eos=True)


def test_the_granule_belongs_to_the_last_packet_that_ends_on_a_page():
    segments = b"\1\1\xff"
    (one, two) = PacketReader().feed(
        page(flags=ogg.BOS, segments=segments, body=b"ab" + bytes(255))
    )
    assert (one.granule, two.granule) == (None, 0)
