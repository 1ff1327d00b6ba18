from __future__ import annotations

from protocol_core.videosdk.turns import Turn


def test_what_is_being_said_concerns_an_interrupt():
    assert Turn(interruptible=True).concerns(99.0, (), 2.0)


def test_what_was_said_does_so_until_it_was_played():
    turn = Turn(interruptible=False)
    turn.over, turn.segment, turn.audible_until = True, 3, 10.0
    assert turn.concerns(11.9, (2, 3), 2.0)
    assert not turn.concerns(12.0, (2, 3), 2.0)
    assert not turn.concerns(0.0, (4,), 2.0)


def test_a_turn_without_audio_is_over_at_once():
    turn = Turn(interruptible=False)
    turn.over = True
    assert not turn.concerns(0.0, (1,), 2.0)
