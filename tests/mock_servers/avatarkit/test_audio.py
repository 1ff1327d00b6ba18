from __future__ import annotations

import pytest

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from mock_servers.avatarkit.audio import OggMeter, PcmMeter, make_meter


def test_pcm_is_counted_across_odd_chunks():
    meter = PcmMeter(8000)
    for _ in range(16000):
        meter.feed(b"x")
    meter.end()
    assert meter.seconds == 1.0
    assert meter.problem == ""


def test_a_dangling_byte_is_dropped_and_noted():
    meter = PcmMeter(8000)
    meter.feed(b"xxx")
    meter.end()
    assert meter.seconds == 1 / 8000
    assert "odd" in meter.problem


def test_the_format_decides():
    config = pb.ClientConfigureSession(sample_rate=24000)
    assert isinstance(make_meter(config), PcmMeter)
    config.audio_format = pb.AUDIO_FORMAT_OGG_OPUS
    assert isinstance(make_meter(config), OggMeter)


@pytest.mark.parametrize("data", [b"", b"garbage that is no page at all, sadly, not in the least"])
def test_an_ogg_stream_without_audio(data):
    meter = OggMeter()
    meter.feed(data)
    meter.end()
    assert meter.seconds == 0
    assert bool(meter.problem) is bool(data)
