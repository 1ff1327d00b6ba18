from __future__ import annotations

import pytest

from mock_servers.akool.rendering import DROPPED, SILENT, SPEAKING, Renderer
from protocol_core.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make(clock):
    def make(*, pace=True):
        told = []
        renderer = Renderer(
            tell=lambda name, data: told.append((round(clock.now(), 3), name, data.get("seconds"))),
            at=clock.call_at,
            now=clock.now,
            latency=0.5,
            pace=pace,
        )
        return renderer, told

    return make


def test_speech_lasts_as_long_as_its_audio(make, clock):
    renderer, told = make()
    renderer.add(1)
    clock.advance(1)
    assert (renderer.speaking, renderer.remaining, renderer.rendered) == (True, 0.5, 0.5)
    renderer.add(2)
    clock.advance(5)
    assert told == [(0.0, SPEAKING, None), (3.5, SILENT, 3)]
    assert (renderer.received, renderer.rendered, renderer.remaining) == (3, 3, 0)


def test_stopping_drops_the_rest(make, clock):
    renderer, told = make()
    renderer.add(2)
    clock.advance(1)
    assert renderer.stop() == 1.5
    assert told[1:] == [(1.0, DROPPED, 1.5), (1.0, SILENT, 0.5)]
    assert (renderer.rendered, renderer.dropped) == (0.5, 1.5)
    assert renderer.stop() == 0
    clock.advance(5)
    assert len(told) == 3


def test_stopping_before_the_first_sound_drops_everything(make, clock):
    renderer, _ = make()
    renderer.add(2)
    clock.advance(0.2)
    assert renderer.stop() == 2
    assert renderer.rendered == 0


def test_nothing_to_say(make):
    renderer, told = make()
    renderer.add(0)
    renderer.discard(1)
    assert (renderer.speaking, renderer.dropped, told) == (False, 1, [])


def test_without_pace_speech_is_over_at_once(make):
    renderer, told = make(pace=False)
    renderer.add(2)
    assert told == [(0.0, SPEAKING, None), (0.0, SILENT, 2)]
    assert (renderer.rendered, renderer.stop()) == (2, 0)
