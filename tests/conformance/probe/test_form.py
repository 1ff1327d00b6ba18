from __future__ import annotations

import io
import wave

import pytest

from conformance.errors import ConformanceError
from conformance.probe.form import form, pcm, wav
from protocol_core.multipart import parse


def test_fields_of_every_kind() -> None:
    media_type, body = form(
        {
            "model": "whisper",
            "count": 3,
            "note": {"text": "ä", "content_type": "text/plain"},
            "bytes": {"bytes": 4, "filename": "zeros.bin"},
            "given": {
                "base64": "AAE=",
                "filename": "b.bin",
                "content_type": "application/octet-stream",
            },
            "sound": {"pcm": {"seconds": 0.5, "sample_rate": 8000}},
        }
    )
    parts = {part.name: part for part in parse(media_type, body)}
    assert parts["model"].text == "whisper"
    assert parts["model"].filename is None
    assert parts["count"].text == "3"
    assert (parts["note"].text, parts["note"].content_type) == ("ä", "text/plain")
    assert (parts["bytes"].content, parts["bytes"].filename) == (bytes(4), "zeros.bin")
    assert parts["given"].content == b"\0\1"
    assert parts["sound"].content == bytes(8000)


def test_a_wav_file_and_a_tone() -> None:
    with wave.open(io.BytesIO(wav(0.25, hz=440))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        frames = file.readframes(file.getnframes())
    assert frames == pcm(0.25, hz=440)
    assert len(frames) == 8000
    assert 7000 < max(memoryview(frames).cast("h")) <= 8000


@pytest.mark.parametrize(
    "part", [{}, {"filename": "x"}, {"text": "a", "bytes": 1}, {"text": "a", "name": "b"}]
)
def test_fields_that_cannot_be(part: dict[str, object]) -> None:
    with pytest.raises(ConformanceError, match="parts: voice: one of text, base64, bytes"):
        form({"voice": part})
