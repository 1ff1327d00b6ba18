"""PCM of one request as one Ogg Opus stream."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol_core import ogg
from protocol_core.avatarkit import AudioFormat, EncoderSettings
from protocol_core.avatarkit.encoding import PcmEncoding
from protocol_core.errors import LocalProtocolError
from protocol_core.opus_stream import Rule, inspect_stream
from tests.protocol_core.avatarkit.support import CountingEncoder, config, load, vectors

FRAME = 640  # bytes of 20 ms at 16 kHz


def encoding(encoder=None, *, rate=16_000, frame_ms=20, serial=1, made=None):
    def make(*arguments):
        if made is not None:
            made.append(arguments)
        return encoder or CountingEncoder()

    return PcmEncoding(
        config(
            audio_format=AudioFormat.OGG_OPUS,
            sample_rate=rate,
            bitrate=24_000,
            encoder=EncoderSettings(frame_ms=frame_ms, application="voip"),
        ),
        make,
        serial,
    )


def pages(data):
    return ogg.PageReader().feed(data)


@vectors("ogg", kind="granules")
def test_the_documented_granule_positions(vector):
    stream = encoding(rate=vector["sample_rate"], frame_ms=vector["frame_duration"])
    data = stream.encode(bytes(2 * vector["samples"]), end=True)
    assert [page.granule for page in pages(data)] == vector["granules"]
    assert [page.eos for page in pages(data)] == [False] * (len(vector["granules"]) - 1) + [True]


def test_the_documented_headers():
    head, tags = (bytes.fromhex(row["hex"]) for row in load("ogg") if row["kind"] == "page")
    data = encoding(serial=0x01020304).encode(bytes(2), end=True)
    assert data.startswith(head + tags)


def test_the_encoder_is_made_from_the_settings():
    made = []
    encoding(made=made)
    assert made == [(16_000, 24_000, "voip")]


def test_frames_have_the_encoders_size_and_the_last_one_is_padded():
    encoder = CountingEncoder()
    encoding(encoder).encode(b"\1" * (FRAME + 2), end=True)
    assert encoder.calls == [(b"\1" * FRAME, 320), (b"\1\1".ljust(FRAME, b"\0"), 320)]


def test_one_packet_is_held_back_for_the_end():
    stream = encoding()
    assert stream.encode(bytes(FRAME - 2), end=False) == b""
    assert [page.granule for page in pages(stream.encode(bytes(2), end=False))] == [0, 0]
    assert stream.encode(b"", end=False) == b""
    (audio,) = pages(stream.encode(bytes(FRAME), end=False))
    assert (audio.granule, audio.sequence, audio.eos) == (1272, 2, False)
    (last,) = pages(stream.encode(b"", end=True))
    assert (last.granule, last.sequence, last.eos) == (2232, 3, True)


def test_no_audio_is_no_stream():
    stream = encoding()
    assert stream.encode(b"", end=True) == b""
    assert stream.stream == b""


def test_half_a_sample_is_refused_and_changes_nothing():
    stream = encoding()
    with pytest.raises(LocalProtocolError, match=r"even number of bytes \[AVK-OGG-015\]"):
        stream.encode(b"abc", end=False)
    assert [page.granule for page in pages(stream.encode(bytes(2), end=True))] == [0, 0, 315]


def test_packets_of_a_multiple_of_255_bytes_have_one_zero():
    data = encoding(CountingEncoder(size=510)).encode(bytes(2), end=True)
    assert pages(data)[-1].segments == b"\xff\xff\0"


def test_a_session_without_an_encoder():
    with pytest.raises(LocalProtocolError, match="no encoder"):
        PcmEncoding(config(), lambda *_: CountingEncoder(), 1)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 900), max_size=8), rate=st.sampled_from([8000, 24_000, 48_000]))
def test_any_cutting_gives_the_same_legal_stream(cuts, rate):
    pcm = bytes(2 * sum(cuts))
    stream = encoding(rate=rate, serial=5)
    pieces = [stream.encode(bytes(2 * samples), end=False) for samples in cuts]
    pieces.append(stream.encode(b"", end=True))
    whole = encoding(rate=rate, serial=5).encode(pcm, end=True)
    assert b"".join(pieces) == whole == bytes(stream.stream)
    if pcm:
        summary = inspect_stream(whole)
        assert summary.duration_samples == sum(cuts) * 48_000 // rate
        assert {finding.rule for finding in summary.findings} <= {Rule.FIRST_GRANULE}
