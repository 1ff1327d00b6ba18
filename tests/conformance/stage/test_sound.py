from __future__ import annotations

import base64

import pytest

from conformance.errors import ConformanceError
from conformance.stage.sound import spelled_out


def heard(params):
    return base64.b64decode(spelled_out(params)["audio"])


def test_described_audio_is_made():
    assert heard({"audio": {"pcm": {"seconds": 0.01}}}) == bytes(320)
    pieces = [{"seconds": 0.1, "hz": 220}, {"seconds": 0.1, "sample_rate": 8000}]
    made = heard({"audio": {"pcm": pieces}, "turn": True})
    assert len(made) == 3200 + 1600
    assert any(made[:3200])
    assert not any(made[3200:])


def test_a_piece_may_be_spelled_out():
    assert heard({"audio": {"pcm": [{"seconds": 0.0001}, "fw=="]}}) == bytes(4) + b"\x7f"
    with pytest.raises(ConformanceError, match="audio"):
        heard({"audio": {"pcm": "no base64"}})


def test_everything_else_stays():
    for params in ({}, {"audio": "AAAA"}, {"turn": True, "audio": None}):
        assert spelled_out(params) == params


@pytest.mark.parametrize(
    "audio",
    [{}, {"wav": {"seconds": 1}}, {"pcm": {}, "x": 1}, {"pcm": {"minutes": 1}}, {"pcm": [1]}],
)
def test_other_descriptions_are_refused(audio):
    with pytest.raises(ConformanceError, match="audio"):
        spelled_out({"audio": audio})
