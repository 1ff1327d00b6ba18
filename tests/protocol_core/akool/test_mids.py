from __future__ import annotations

from protocol_core.akool.mids import Mids
from tests.protocol_core.akool.client_side import V2


def test_a_prefix_and_the_milliseconds():
    assert Mids(V2).next("ping", 1710000000.0) == "ping-1710000000000"


def test_never_twice_within_a_millisecond():
    mids = Mids(V2)
    found = [mids.next("audio", 1.0) for _ in range(3)] + [mids.next("audio", 1.01)]
    assert found == ["audio-1000", "audio-1001", "audio-1002", "audio-1010"]


def test_a_clock_that_is_set_back_repeats_nothing():
    mids = Mids(V2)
    assert [mids.next("x", 5.0), mids.next("x", 4.0)] == ["x-5000", "x-5001"]
