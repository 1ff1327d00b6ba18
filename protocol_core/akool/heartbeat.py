"""When the next ping is due, and how many went unanswered (AKO-HB-001, AKO-HB-004)."""

from __future__ import annotations

__all__ = ["Heartbeat"]


class Heartbeat:
    """The heartbeat of one connection.

    Pongs name no ping (AKO-HB-003): each one answers all pings so far.

    Args:
        interval: seconds between pings.
        tolerated: unanswered pings that end a connection; None for any number.

    Attributes:
        due: when the next ping is due, seconds; None while there is no connection.
        unanswered: pings since the last pong.
    """

    def __init__(self, interval: float, tolerated: int | None) -> None:
        self._interval = interval
        self._tolerated = tolerated
        self.due: float | None = None
        self.unanswered = 0

    @property
    def dead(self) -> bool:
        """Whether too many pings went unanswered."""
        return self._tolerated is not None and self.unanswered >= self._tolerated

    def start(self) -> None:
        """A connection has opened; its pings are yet to come."""
        self.unanswered = 0

    def stop(self) -> None:
        """The connection is over."""
        self.due = None

    def sent(self, now: float) -> None:
        """A ping goes out."""
        self.unanswered += 1
        self.due = now + self._interval

    def answered(self) -> None:
        """A pong has come."""
        self.unanswered = 0
