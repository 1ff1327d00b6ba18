"""Whole streams of Ogg Opus, good, odd and broken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol_core import ogg
from protocol_core.ogg import Page, PageWriter
from protocol_core.opus import OpusHead, OpusTags
from protocol_core.opus_stream import OpusStreamReader, Rule, inspect_stream

HEAD = OpusHead(channels=1, pre_skip=312, input_rate=16_000)
TAGS = OpusTags(vendor="nobody", comments=("A=b",))
HEAD_PACKET, TAGS_PACKET = HEAD.pack(), TAGS.pack()
FRAME = b"\x08\x00\x00"  # SILK narrowband, 20 ms, one frame


def stream(granules=(960, 1920), *, head=HEAD_PACKET, tags=TAGS_PACKET, packet=FRAME, eos=True):
    writer = PageWriter(1)
    data = writer.packet(head, 0) + writer.packet(tags, 0)
    for index, granule in enumerate(granules):
        data += writer.packet(packet, granule, eos=eos and index == len(granules) - 1)
    return data


def rules(data):
    return [finding.rule for finding in inspect_stream(data).findings]


def test_a_good_stream_has_no_findings():
    summary = inspect_stream(stream())
    assert summary.findings == ()
    assert summary.broken == ()
    assert (summary.head, summary.tags) == (HEAD, TAGS)
    assert (summary.serial, summary.pages, summary.packets) == (1, 4, 2)
    assert (summary.decoded_samples, summary.last_granule) == (1920, 1920)
    assert summary.duration_samples == 1920 - 312
    assert summary.ended


def test_audio_is_handed_out_as_it_completes():
    reader = OpusStreamReader()
    data = stream()
    found = [reader.feed(data[at : at + 7]) for at in range(0, len(data), 7)]
    assert [packet for packets in found for packet in packets] == [FRAME, FRAME]
    assert reader.end().findings == ()


def test_the_vendors_first_granule_is_legal():
    summary = inspect_stream(stream((1272, 2232)))
    assert [finding.rule for finding in summary.findings] == [Rule.FIRST_GRANULE]
    assert summary.broken == ()


@pytest.mark.parametrize(
    ("granules", "found"),
    [
        ((960, 1500), []),  # the end is trimmed
        ((960, 960), []),  # all of the last packet is trimmed
        ((500,), []),  # trimmed, and the only page
        ((960, 950), [Rule.GRANULE]),
        ((960, 1921), [Rule.GRANULE]),
        ((960, 1900, 2860), [Rule.GRANULE]),  # trimmed before the end
    ],
)
def test_granule_positions(granules, found):
    assert rules(stream(granules)) == found


def test_a_first_page_that_lacks_samples():
    assert rules(stream((900, 1860))) == [Rule.GRANULE]


def test_trimming_more_than_the_last_packet():
    writer = PageWriter(1)
    data = writer.packet(HEAD.pack(), 0) + writer.packet(TAGS.pack(), 0)
    data += writer.packet(FRAME, 960)
    data += writer.packets([(FRAME, 0), (FRAME, 1000)], eos=True)
    summary = inspect_stream(data)
    assert [finding.rule for finding in summary.findings] == [Rule.END_TRIM, Rule.SHARED_PAGE]
    assert summary.broken == ()


def test_headers_that_cannot_be_read():
    assert rules(stream(head=b"OpusHeap")) == [Rule.HEAD]
    assert rules(stream(tags=b"nothing")) == [Rule.TAGS]
    assert inspect_stream(stream(head=b"OpusHeap")).duration_samples == 0


def test_headers_have_their_pages_to_themselves():
    writer = PageWriter(1)
    shared = writer.packets([(HEAD.pack(), 0), (TAGS.pack(), 0)])
    assert rules(shared + writer.packet(FRAME, 960, eos=True)) == [Rule.HEAD_PAGE, Rule.TAGS_PAGE]
    writer = PageWriter(1)
    positioned = writer.packet(HEAD.pack(), 5) + writer.packet(TAGS.pack(), 0, eos=True)
    assert rules(positioned) == [Rule.HEAD_PAGE]


def test_a_header_page_on_which_audio_begins():
    first = Page(
        granule=0,
        serial=1,
        sequence=0,
        segments=ogg.lacing(19) + b"\xff",
        body=HEAD.pack() + bytes(255),
        flags=ogg.BOS,
    )
    assert rules(first.pack()) == [Rule.HEAD_PAGE, Rule.TRUNCATED]


def test_empty_and_illegal_packets():
    assert rules(stream((0,), packet=b"")) == [Rule.EMPTY_PACKET]
    assert inspect_stream(stream((0,), packet=b"")).packets == 0
    assert rules(stream((0,), packet=b"\x0b\x00")) == [Rule.PACKET]


def test_a_packet_over_two_pages():
    packet = b"\x08" + bytes(66_000)
    assert rules(stream((960,), packet=packet)) == [Rule.SPANS_PAGES]


def test_a_page_within_a_packet_has_no_granule():
    packet = b"\x08" + bytes(140_000)
    assert rules(stream((960,), packet=packet)) == [Rule.SPANS_PAGES, Rule.SPANS_PAGES]


def test_damage_is_found_and_ends_the_reading():
    data = bytearray(stream())
    data[-1] ^= 1
    assert rules(bytes(data)) == [Rule.CRC]
    reader = OpusStreamReader()
    assert reader.feed(stream((960,), eos=False) + b"nonsense!") == [FRAME]
    assert reader.broken
    assert reader.feed(stream()) == []
    assert [finding.rule for finding in reader.end().findings] == [Rule.CAPTURE]


def test_ends_that_are_none():
    assert rules(stream(eos=False)) == [Rule.EOS]
    assert rules(stream()[:-1]) == [Rule.TRUNCATED]
    summary = inspect_stream(b"")
    assert [finding.rule for finding in summary.findings] == [Rule.EOS]
    assert summary.duration_samples == 0


def test_a_stream_without_packets():
    assert rules(PageWriter(1).packets([], eos=True)) == [Rule.HEAD]


@settings(deadline=None)
@given(data=st.binary(max_size=400), chunk=st.integers(1, 50))
def test_nothing_brings_the_reader_down(data, chunk):
    reader = OpusStreamReader()
    for at in range(0, len(data), chunk):
        reader.feed(data[at : at + chunk])
    reader.end()


@settings(deadline=None)
@given(at=st.integers(0, len(stream()) - 1), value=st.integers(0, 255))
def test_no_damage_brings_the_reader_down(at, value):
    data = bytearray(stream())
    changed = data[at] != value
    data[at] = value
    assert bool(inspect_stream(bytes(data)).findings) is changed
