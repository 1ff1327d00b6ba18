from __future__ import annotations

from protocol_core.liveavatar.reconnect import ReconnectPolicy


def policy(**changes):
    return ReconnectPolicy(**{"enabled": True, "base": 1.0, "factor": 2, "longest": 60.0} | changes)


def test_delays_double_up_to_the_longest():
    waiting = policy()
    delays = []
    for _ in range(8):
        delays.append(waiting.delay)
        waiting.failed()
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    waiting.opened()
    assert waiting.delay == 1


def test_odd_settings():
    waiting = policy(base=0.0)
    waiting.failures = 10**9
    assert waiting.delay == 0
    waiting = policy(base=60.0)
    waiting.failures = 10**9
    assert waiting.delay == 60
