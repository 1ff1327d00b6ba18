from __future__ import annotations

from protocol_core.videosdk.segments import Segments
from tests.protocol_core.videosdk.support import REVISION


def make():
    return Segments(REVISION)


def test_an_acknowledgement_closes_the_oldest():
    segments = make()
    assert (segments.pcm(), segments.pcm(), segments.end()) == (1, 1, 1)
    assert (segments.pcm(), segments.end()) == (2, 2)
    assert segments.unfinished == (1, 2)
    assert segments.acknowledged(interrupted=False) == 1
    assert segments.acknowledged(interrupted=False) == 2
    assert segments.acknowledged(interrupted=False) is None
    assert segments.state(1) == "OVER"


def test_a_turn_without_audio_waits_for_nothing():
    segments = make()
    assert segments.end() is None
    assert segments.unfinished == ()
    assert segments.newest == 0


def test_one_acknowledgement_answers_an_interrupt_of_all():
    segments = make()
    for _ in range(2):
        segments.pcm()
        segments.end()
    segments.pcm()
    segments.interrupt()
    segments.interrupt()
    assert [segments.state(number) for number in (1, 2, 3)] == ["STOPPED"] * 3
    assert segments.acknowledged(interrupted=True) == 1
    assert segments.unfinished == ()


def test_audio_after_an_interrupt_opens_the_next():
    segments = make()
    segments.pcm()
    segments.interrupt()
    assert segments.end() is None
    assert segments.pcm() == 2
    assert segments.state(2) == "OPEN"


def test_an_end_that_crossed_the_interrupt():
    segments = make()
    segments.pcm()
    segments.end()
    segments.interrupt()
    assert segments.acknowledged(interrupted=False) == 1


def test_somebody_elses_interrupt_closes_it_all_the_same():
    segments = make()
    segments.pcm()
    assert segments.acknowledged(interrupted=True) == 1


def test_a_lost_channel_loses_what_is_open():
    segments = make()
    segments.pcm()
    segments.end()
    segments.pcm()
    segments.interrupt()
    segments.pcm()
    segments.lose()
    assert segments.unfinished == ()
    assert segments.pcm() == 4
