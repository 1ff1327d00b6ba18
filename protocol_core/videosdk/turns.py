"""One utterance of an agent, as far as interrupts are concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Turn"]


class Turn:
    """One utterance; made by `AgentSession.begin_turn`.

    Attributes:
        interruptible: whether `AgentSession.interrupt` may stop it (VSD-INT-011).
        interrupted: whether it was stopped; what is said in it now is dropped.
        over: whether it has ended, in whatever way.
        segment: number of the segment that carries its audio; 0 before any was sent.
        audible_until: when its audio will have been played in real time, in seconds.
    """

    __slots__ = ("audible_until", "interrupted", "interruptible", "over", "segment")

    def __init__(self, *, interruptible: bool) -> None:
        self.interruptible = interruptible
        self.interrupted = False
        self.over = False
        self.segment = 0
        self.audible_until = 0.0

    def concerns(self, now: float, unfinished: Collection[int], patience: float) -> bool:
        """Whether an interrupt still concerns it: it is being said, or may still be heard.

        Args:
            now: in seconds.
            unfinished: numbers of the segments that were not acknowledged yet.
            patience: seconds that the worker may be behind (OP-14); not every segment is
                acknowledged, so nobody waits for that alone (VSD-END-006).
        """
        if not self.over:
            return True
        return self.segment in unfinished and now < self.audible_until + patience
