from __future__ import annotations

import math

import pytest

from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.voice import Framer, VoiceDetector, level
from tests.protocol_core.aiavatar.support import REVISION, config, silence, tone

FRAME = 1024


@pytest.fixture
def detector():
    return VoiceDetector(REVISION, settle(config()))


def feed(detector, pcm, cut=len):
    step = cut(pcm) or 1
    pieces = [pcm[at : at + step] for at in range(0, len(pcm), step)]
    return [utterance for piece in pieces for utterance in detector.feed(piece)]


def test_level_is_in_decibels_below_full_scale():
    assert level(b"") == level(b"\0\0") == -math.inf
    assert level(b"\x00\x80" * 8) == pytest.approx(0.0)
    assert level(b"\xcd\x0c" * 8) == pytest.approx(-20.0, abs=0.01)


@pytest.mark.parametrize("size", [1, 333, FRAME, 10**6], ids=["byte", "odd", "frame", "whole"])
def test_finds_an_utterance_whatever_the_cut(detector, size):
    heard = feed(detector, silence(0.4) + tone(0.6) + silence(0.8), lambda _: size)
    assert len(heard) == 1
    seconds = len(heard[0]) / 32000
    assert 1.1 <= seconds <= 1.4
    assert len(heard[0]) % 2 == 0


def test_begins_a_little_before_the_voice(detector):
    (heard,) = feed(detector, silence(1.024) + tone(0.512) + silence(1.0))
    assert heard.startswith(bytes(5 * FRAME))
    assert level(heard[5 * FRAME : 6 * FRAME]) > -50


def test_each_utterance_comes_once(detector):
    pcm = (tone(0.5) + silence(0.7)) * 3
    assert len(feed(detector, pcm)) == 3


def test_silence_is_no_utterance(detector):
    assert feed(detector, silence(20.0)) == []
    assert not detector.recording


def test_a_pause_is_no_end(detector):
    assert len(feed(detector, tone(0.4) + silence(0.3) + tone(0.4) + silence(0.7))) == 1


def test_what_is_too_short_is_passed_over(detector):
    assert feed(detector, tone(0.1) + silence(1.0)) == []


def test_what_goes_on_for_too_long_is_thrown_away(detector):
    assert feed(detector, tone(9.0)) == []
    assert detector.recording
    assert feed(detector, tone(1.1) + silence(1.0)) == []


def test_what_is_too_quiet_is_not_heard(detector):
    assert feed(detector, tone(0.6, peak=50) + silence(1.0)) == []
    keen = VoiceDetector(REVISION, settle(config(volume_db_threshold=-70.0)))
    assert len(feed(keen, tone(0.6, peak=50) + silence(1.0))) == 1


def test_an_utterance_can_be_ended_at_once(detector):
    feed(detector, tone(0.5) + silence(0.2))
    assert detector.silent
    assert detector.finish()
    assert detector.finish() == b""


def test_what_was_heard_can_be_forgotten(detector):
    feed(detector, tone(0.5) + b"\0")
    detector.reset()
    assert not detector.recording
    assert feed(detector, silence(1.0)) == []


def test_pieces_for_the_wire_split_no_sample():
    framer = Framer(REVISION)
    assert framer.feed(b"") == []
    assert framer.feed(b"\1") == []
    assert framer.feed(b"\2" + bytes(1023)) == [b"\1\2" + bytes(1022)]
    assert [len(piece) for piece in framer.feed(bytes(2049))] == [1024, 1024, 2]
