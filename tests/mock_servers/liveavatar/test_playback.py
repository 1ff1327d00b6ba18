from __future__ import annotations

import pytest

from mock_servers.liveavatar.playback import Playback, speaking_seconds
from protocol_core.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make(clock):
    def make(*, pace=True):
        heard = []
        playback = Playback(
            happened=lambda trigger: heard.append((round(clock.now(), 3), trigger)),
            later=lambda seconds, callback: clock.call_at(clock.now() + seconds, callback),
            now=clock.now,
            latency=0.5,
            pace=pace,
        )
        return playback, heard

    return make


def test_speech_lasts_as_long_as_its_content(make, clock):
    playback, heard = make()
    playback.begin("a")
    playback.add(1)
    playback.add(1)
    assert playback.remaining == 2
    playback.end("a")
    clock.advance(5)
    assert heard == [(0.5, "rendered"), (2.5, "playout_finished")]


def test_it_does_not_end_before_its_content_is_complete(make, clock):
    playback, heard = make()
    playback.begin("a")
    playback.add(1)
    clock.advance(5)
    assert playback.speaking
    assert playback.remaining == 0
    playback.add(1)
    playback.end("a")
    clock.advance(5)
    assert heard == [(0.5, "rendered"), (6.0, "playout_finished")]


def test_without_pacing_each_step_follows_at_once(make):
    playback, heard = make(pace=False)
    playback.begin("a")
    playback.add(1)
    playback.end("a")
    assert heard == [(0, "rendered"), (0, "playout_finished")]


def test_two_sources_are_one_speech(make, clock):
    playback, heard = make()
    playback.begin("a")
    playback.add(1)
    playback.begin("b")
    playback.end("a")
    playback.add(1)
    playback.end("b")
    clock.advance(5)
    assert heard == [(0.5, "rendered"), (2.5, "playout_finished")]


def test_nothing_to_say(make):
    playback, heard = make()
    playback.end("nobody")
    playback.begin("a")
    playback.add(0)
    playback.end("a")
    assert heard == [(0, "nothing_to_say")]


def test_clear_stops_everything_and_tells_nobody(make, clock):
    playback, heard = make()
    playback.begin("a")
    playback.add(1)
    playback.clear()
    playback.end("a")
    clock.advance(5)
    assert heard == []


def test_finish_ends_it_now(make, clock):
    playback, heard = make()
    playback.begin("a")
    playback.add(100)
    clock.advance(1)
    playback.finish()
    clock.advance(200)
    assert heard == [(0.5, "rendered"), (1.0, "playout_finished")]


def test_speaking_time_follows_length_and_speed():
    assert speaking_seconds(" a" * 15, 10) == pytest.approx(2.9)
    assert speaking_seconds("a" * 10, 10, speed=2) == 0.5
    assert speaking_seconds("  ", 10) == 0
