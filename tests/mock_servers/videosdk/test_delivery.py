from __future__ import annotations

import random

import pytest

from mock_servers.videosdk.delivery import Air, Delivery
from protocol_core.clock import ManualClock


class Way:
    def __init__(self, seed=0, **conditions):
        self.clock = ManualClock()
        self.arrived = []
        self.lost = []
        self.air = Air(
            lambda delivery: self.arrived.append(delivery.payload),
            later=lambda seconds, callback: self.clock.call_at(
                self.clock.now() + seconds, callback
            ),
            rng=random.Random(seed),
            on_loss=lambda delivery: self.lost.append(delivery.payload),
            **conditions,
        )

    def carry(self, *payloads, lossy=True):
        mode = "UNRELIABLE" if lossy else "RELIABLE"
        for payload in payloads:
            self.air.carry(
                Delivery(payload=payload, sender="a", timestamp=0, reliability=mode, lossy=lossy)
            )


NUMBERS = [str(number) for number in range(200)]


def test_everything_arrives_in_order_as_a_rule():
    way = Way()
    way.carry(*NUMBERS)
    assert way.arrived == NUMBERS


def test_losses_are_reproducible():
    first, again, other = Way(1, loss=0.2), Way(1, loss=0.2), Way(2, loss=0.2)
    for way in (first, again, other):
        way.carry(*NUMBERS)
    assert first.arrived == again.arrived != other.arrived
    assert sorted(first.arrived + first.lost) == sorted(NUMBERS)
    assert 0.1 < len(first.lost) / len(NUMBERS) < 0.3


def test_overtaken_payloads_arrive_all_the_same():
    way = Way(reorder=0.3)
    way.carry(*NUMBERS)
    way.clock.advance(1)
    assert way.arrived != NUMBERS
    assert sorted(way.arrived) == sorted(NUMBERS)


def test_the_last_one_does_not_wait_for_ever():
    way = Way(reorder=1.0)
    way.carry("1", "2")
    assert way.arrived == []
    way.clock.advance(0.05)
    assert way.arrived == ["1", "2"]


def test_reliable_payloads_are_neither_lost_nor_overtaken():
    way = Way(loss=1.0, reorder=1.0)
    way.carry(*NUMBERS, lossy=False)
    assert way.arrived == NUMBERS


@pytest.mark.parametrize("lossy", [True, False])
def test_payloads_take_their_time(lossy):
    way = Way(latency=0.2)
    way.carry("1", "2", lossy=lossy)
    way.clock.advance(0.19)
    assert way.arrived == []
    way.clock.advance(0.01)
    assert way.arrived == ["1", "2"]


def test_nothing_reaches_who_has_gone():
    way = Way(latency=0.2, reorder=0.5)
    way.carry(*NUMBERS)
    way.air.close()
    way.clock.advance(1)
    assert way.arrived == []
