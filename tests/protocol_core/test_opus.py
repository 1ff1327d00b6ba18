"""Opus headers and packets."""

import pytest

from protocol_core.opus import OpusError, OpusHead, OpusTags, packet_samples

HEAD = OpusHead(channels=1, pre_skip=312, input_rate=16_000)
TAGS = OpusTags(vendor="nobody", comments=("A=b",))


def test_the_head_of_the_documents_vector():
    packet = bytes.fromhex("4f7075734865616401013801803e0000000000")
    head = OpusHead.unpack(packet)
    assert head == OpusHead(channels=1, pre_skip=312, input_rate=16_000)
    assert head.pack() == packet


def test_a_head_with_a_mapping_table():
    head = OpusHead(channels=6, pre_skip=0, input_rate=0, gain=-1, family=1, mapping=b"\4\2abcdef")
    assert OpusHead.unpack(head.pack()) == head


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"OpusHeat" + bytes(11), "not an OpusHead"),
        (HEAD.pack()[:18], "too short"),
        (HEAD.pack()[:8] + b"\x10" + HEAD.pack()[9:], "incompatible version"),
        (HEAD.pack()[:9] + b"\x00" + HEAD.pack()[10:], "without channels"),
    ],
)
def test_bad_heads(packet, problem):
    with pytest.raises(OpusError, match=problem):
        OpusHead.unpack(packet)


def test_tags_may_be_padded():
    assert OpusTags.unpack(TAGS.pack() + b"\1padding") == TAGS


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"OpusTaps" + bytes(8), "not an OpusTags"),
        (b"OpusTags\xff\xff\xff\xff", "cannot be read"),
        (TAGS.pack()[:-1], "cannot be read"),
        (b"OpusTags\1\0\0\0\xff\0\0\0\0", "cannot be read"),
        (b"OpusTags", "cannot be read"),
    ],
)
def test_bad_tags(packet, problem):
    with pytest.raises(OpusError, match=problem):
        OpusTags.unpack(packet)


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"\x00", 480),  # SILK narrowband, 10 ms
        (b"\x18", 2880),  # SILK narrowband, 60 ms
        (b"\x58", 2880),  # SILK wideband, 60 ms
        (b"\x60", 480),  # hybrid, 10 ms
        (b"\x78", 960),  # hybrid, 20 ms
        (b"\x80", 120),  # CELT, 2.5 ms
        (b"\xf8", 960),  # CELT, 20 ms
        (b"\x09ab", 1920),  # two frames of equal size
        (b"\x0a\x01ab", 1920),  # two frames of different sizes
        (b"\x0b\x03abc", 2880),  # three frames
        (b"\x83\x30", 5760),  # 48 frames of 2.5 ms
    ],
)
def test_durations_of_packets(packet, samples):
    assert packet_samples(packet) == samples


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"", "at least one byte"),
        (b"\x09a", "odd number of bytes"),
        (b"\x0a", "ends after its TOC"),
        (b"\x0b", "ends after its TOC"),
        (b"\x0b\x00", "up to 120 ms, and not 0"),
        (b"\x0b\x07", "up to 120 ms"),
    ],
)
def test_bad_packets(packet, problem):
    with pytest.raises(OpusError, match=problem):
        packet_samples(packet)
