"""Which turn an acknowledgement closes (OP-5).

Messages carry no ids. A stream_ended belongs to the oldest segment that is not over and had audio;
an interrupt hits all of them, and one acknowledgement answers it for all (VSD-INT-008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.machine import StateMachine
from protocol_core.videosdk.revision import PROTOCOL

if TYPE_CHECKING:
    from protocol_core.videosdk.revision import Revision

__all__ = ["Segments"]


class Segments:
    """The segments of one channel, as both ends can tell them apart.

    Args:
        revision: whose state table.
    """

    def __init__(self, revision: Revision) -> None:
        self._table = revision.states.SEGMENT
        self._states = revision.states.State
        self._trigger = revision.states.Trigger
        self._waiting: list[tuple[int, StateMachine]] = []
        self._count = 0

    @property
    def newest(self) -> int:
        """Number of the newest segment that had audio; 0 before the first."""
        return self._count

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Numbers of the segments that may still be acknowledged, oldest first."""
        return tuple(number for number, _ in self._waiting)

    def state(self, number: int) -> str:
        """State of a segment; those that are no longer waited for are over."""
        found = dict(self._waiting).get(number)
        return self._states.OVER if found is None else found.state

    def pcm(self) -> int:
        """A chunk was sent; the number of its segment."""
        segment = self._open()
        if segment is None:
            self._count += 1
            segment = StateMachine(self._table, protocol=PROTOCOL)
            self._waiting.append((self._count, segment))
        segment.send(self._trigger.PCM)
        return self._count

    def end(self) -> int | None:
        """An end mark was sent; the segment it ends, None for a turn without audio."""
        segment = self._open()
        if segment is None:
            return None  # SILENT: nobody acknowledges it (VSD-SEG-005)
        segment.send(self._trigger.SEGMENT_END)
        return self._count

    def interrupt(self) -> None:
        """An interrupt was sent."""
        for _, segment in self._waiting:
            segment.send(self._trigger.INTERRUPT)

    def acknowledged(self, *, interrupted: bool) -> int | None:
        """A stream_ended arrived; the segment that it closes, None if none is open."""
        if not self._waiting:
            return None
        number, segment = self._waiting.pop(0)
        trigger = self._trigger.CUT if interrupted else self._trigger.ENDED
        # Somebody else's interrupt, or the end of a cancelled turn: it is over all the same.
        segment.send(trigger if segment.allows(trigger) else self._trigger.SETTLED)
        if interrupted:
            self._settle(self._states.STOPPED)
        return number

    def lose(self) -> None:
        """The channel is lost: nothing that is open will be acknowledged (OP-6)."""
        for state in (self._states.OPEN, self._states.SENT, self._states.STOPPED):
            self._settle(state)

    def _open(self) -> StateMachine | None:
        """The segment that more audio belongs to."""
        if self._waiting and self._waiting[-1][1].state == self._states.OPEN:
            return self._waiting[-1][1]
        return None

    def _settle(self, state: str) -> None:
        for _, segment in self._waiting:
            if segment.state == state:
                segment.send(self._trigger.SETTLED)
        self._waiting = [kept for kept in self._waiting if kept[1].state != self._states.OVER]
