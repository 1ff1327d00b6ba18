from __future__ import annotations

from protocol_core.akool.heartbeat import Heartbeat


def test_the_next_ping_is_an_interval_away():
    beat = Heartbeat(30.0, None)
    assert beat.due is None
    beat.start()
    beat.sent(5.0)
    assert (beat.due, beat.unanswered) == (35.0, 1)
    beat.stop()
    assert beat.due is None


def test_one_pong_answers_all():
    beat = Heartbeat(1.0, 2)
    for now in (0.0, 1.0):
        assert not beat.dead
        beat.sent(now)
    assert beat.dead
    beat.answered()
    assert (beat.dead, beat.unanswered) == (False, 0)


def test_nobody_counts_unless_told_to():
    beat = Heartbeat(1.0, None)
    for _ in range(100):
        beat.sent(0.0)
    assert not beat.dead
