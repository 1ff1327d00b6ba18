"""What the avatar says in the channel: audio as time on the clock, and nothing more.

Nobody watches the channel here. How long the avatar speaks, when it falls silent and what an
interrupt throws away is measured all the same, and told (AKO-INT-002, AKO-INT-004).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_servers.timers import Alarm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocol_core.clock import Timer

__all__ = ["DROPPED", "SILENT", "SPEAKING", "Renderer"]

#: Names of what is told.
SPEAKING, SILENT, DROPPED = "speaking", "silent", "dropped"


class Renderer:
    """Speaks the audio that comes in, one chunk after the other.

    Args:
        tell: takes name and data of what happens: ``speaking`` when speech begins, ``silent`` with
            the seconds spoken when it ends, ``dropped`` with the seconds that will not be heard.
        at: calls back at a clock time.
        now: the current time, seconds.
        latency: seconds between the first audio and the first sound.
        pace: whether speech takes as long as it lasts; otherwise it is over at once.

    Attributes:
        received: seconds of audio that came in.
        dropped: seconds of it that an interrupt threw away.
    """

    def __init__(
        self,
        *,
        tell: Callable[[str, Mapping[str, Any]], None],
        at: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], float],
        latency: float,
        pace: bool,
    ) -> None:
        self.received = 0.0
        self.dropped = 0.0
        self._tell = tell
        self._now = now
        self._latency = latency
        self._pace = pace
        self._from = 0.0
        self._until = 0.0
        self._end = Alarm(at, self._finish)

    @property
    def speaking(self) -> bool:
        """Whether there is something to say."""
        return self._end.pending

    @property
    def remaining(self) -> float:
        """Seconds of audio that have not been heard yet."""
        return self._until - max(self._now(), self._from) if self.speaking else 0.0

    @property
    def rendered(self) -> float:
        """Seconds of audio that have been heard."""
        return self.received - self.dropped - self.remaining

    def add(self, seconds: float) -> None:
        """Speak this, too."""
        self.received += seconds
        if not seconds:
            return
        if not self.speaking:
            self._tell(SPEAKING, {})
            self._from = self._until = self._now() + self._latency
        self._until += seconds
        if self._pace:
            self._end.set(self._until)
        else:
            self._silent(seconds)

    def discard(self, seconds: float) -> None:
        """Take note of audio that nobody will hear."""
        self.received += seconds
        self.dropped += seconds

    def stop(self) -> float:
        """Fall silent, and drop what has not been said; returns its seconds."""
        if not self.speaking:
            return 0.0
        lost = self.remaining
        spoken = self._until - self._from - lost
        self._end.cancel()
        self.dropped += lost
        self._tell(DROPPED, {"seconds": round(lost, 3)})
        self._silent(spoken)
        return lost

    def _finish(self) -> None:
        self._silent(self._until - self._from)

    def _silent(self, seconds: float) -> None:
        self._tell(SILENT, {"seconds": round(seconds, 3)})
