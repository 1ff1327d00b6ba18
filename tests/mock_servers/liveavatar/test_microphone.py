from __future__ import annotations

import struct

from mock_servers.liveavatar.microphone import Microphone, tone
from protocol_core.clock import ManualClock
from protocol_core.liveavatar.revision import load


def make(clock, *, continuous):
    sent = []
    microphone = Microphone(
        load("0.2"),
        send=lambda frame: sent.append((round(clock.now(), 3), frame)),
        at=clock.call_at,
        now=clock.now,
        seed=1,
        continuous=continuous,
    )
    return microphone, sent


def test_what_is_said_is_sent_at_once_without_pacing():
    microphone, sent = make(ManualClock(), continuous=False)
    microphone.open()
    microphone.say(0.1)
    microphone.say(0.04)
    assert [frame.samples for _, frame in sent] == [640, 640, 320, 640]
    assert [frame.timestamp for _, frame in sent] == [0, 40, 80, 100]


def test_silence_is_sent_between_what_is_said():
    clock = ManualClock()
    microphone, sent = make(clock, continuous=True)
    microphone.open()
    microphone.open()
    clock.advance(0.1)
    microphone.say(0.04)
    clock.advance(0.1)
    assert [(moment, any(frame.payload)) for moment, frame in sent] == [
        (0, False),
        (0.04, False),
        (0.08, False),
        (0.12, True),
        (0.16, False),
        (0.2, False),
    ]
    microphone.close()
    clock.advance(1)
    assert len(sent) == 6


def test_a_tone_is_loud_and_reproducible():
    samples = struct.unpack("<1600h", tone(0.1, 16000))
    assert max(samples) > 5000
    assert tone(0.1, 16000) == tone(0.1, 16000)
    assert tone(0.1, 16000, seed=1) != tone(0.1, 16000)
