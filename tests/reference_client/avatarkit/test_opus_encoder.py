"""Encoding on the fly."""

import builtins
import io
import logging
import math
from array import array

import pytest

from protocol_core.errors import ConfigurationError
from protocol_core.opus import OpusHead
from protocol_core.opus_stream import Rule, inspect_stream
from reference_client.avatarkit import AudioFormat, AvatarKitClient, EncoderSettings, connect
from reference_client.avatarkit.opus_encoder import HINT, load_encoder


def usable():
    try:
        load_encoder()
    except ConfigurationError as error:
        return str(error)
    return ""


needs_libopus = pytest.mark.skipif(bool(usable()), reason=usable() or "libopus is there")
OGG = {"audio_format": AudioFormat.OGG_OPUS, "encoder": EncoderSettings()}


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        (ImportError("no"), "opuslib is not installed"),
        (Exception("Could not find Opus library"), "opuslib cannot be used: Could not find"),
    ],
)
async def test_without_libopus_the_error_says_what_to_install(peer, monkeypatch, failure, problem):
    load = builtins.__import__

    def refuse(name, *arguments):
        if name == "opuslib":
            raise failure
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        AvatarKitClient(peer.config(**OGG))
    assert HINT in str(caught.value)
    AvatarKitClient(peer.config())


@needs_libopus
async def test_pcm_goes_out_as_ogg_opus(peer):
    encoded = []
    config = peer.config(**OGG, sample_rate=24_000, bitrate=32_000)
    async with connect(
        config, on_encoded_audio=lambda *arguments: encoded.append(arguments)
    ) as client:
        await client.send_audio(bytes(2 * 500))
        async for _ in await client.speak(bytes(2 * 3000)):
            pass
        async for _ in await client.speak(bytes(2 * 480)):
            pass
        async for _ in await client.speak(b""):
            pass
        await client.settle()
        link = await peer.link()
        audio = b"".join(event.audio for event in link.events if hasattr(event, "audio"))
    assert [len(req_id) for req_id, _ in encoded] == [27, 27]
    assert audio == b"".join(data for _, data in encoded)
    summaries = [inspect_stream(data) for _, data in encoded]
    assert [summary.duration_samples for summary in summaries] == [7000, 960]
    assert len({summary.serial for summary in summaries}) == 2
    for summary in summaries:
        assert summary.head == OpusHead(channels=1, pre_skip=312, input_rate=24_000)
        assert {finding.rule for finding in summary.findings} == {Rule.FIRST_GRANULE}


@needs_libopus
async def test_another_decoder_reads_what_we_encode(peer):
    av = pytest.importorskip("av", reason="PyAV, the independent decoder, is not installed")
    encoded = []
    pcm = array("h", (round(8000 * math.sin(i / 20)) for i in range(16_000))).tobytes()
    async with connect(
        peer.config(**OGG), on_encoded_audio=lambda _, data: encoded.append(data)
    ) as client:
        await client.speak(pcm)
    (data,) = encoded
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    samples = sum(frame.samples for frame in frames)
    assert {frame.sample_rate for frame in frames} == {48_000}
    assert abs(samples - 48_000) <= 960
    decoded = array("f", b"".join(bytes(frame.planes[0]) for frame in frames))
    assert 0.1 < max(decoded) < 0.5


@needs_libopus
async def test_a_bitrate_that_libopus_refuses(caplog):
    with caplog.at_level(logging.WARNING):
        encoder = load_encoder()(16_000, -5, "voip")
    assert len(encoder.encode(bytes(640), 320)) > 0
    assert "refuses a bitrate of -5 bit/s" in caplog.text
