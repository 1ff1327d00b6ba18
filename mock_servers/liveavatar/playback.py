"""The avatar's speech: when rendering begins and how long it lasts.

Content arrives as seconds of speech: synthesised text, or the agent's own audio. Rendering begins a
moment after the first content; speech ends when all content has been played and no more is
announced. Without pacing each step follows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.clock import Timer

__all__ = ["Playback", "speaking_seconds"]


def speaking_seconds(text: str, characters_per_second: float, speed: float = 1.0) -> float:
    """How long a text takes to say."""
    return len(text.strip()) / (characters_per_second * speed)


@dataclass
class Playback:
    """One session's playback buffer.

    Attributes:
        happened: tells the conversation what the renderer did: ``rendered``, ``playout_finished``
            or ``nothing_to_say``.
        later: calls back after so many seconds of clock time.
        now: the clock.
        latency: seconds between the first content and the first rendered audio.
        pace: whether speech takes time.
        sources: speech that has begun and may still get content.
    """

    happened: Callable[[str], None]
    later: Callable[[float, Callable[[], None]], Timer]
    now: Callable[[], float]
    latency: float
    pace: bool
    sources: set[str] = field(default_factory=set[str])
    _queued: float = 0.0
    _ends_at: float | None = None
    _touched: bool = False
    _timer: Timer | None = None

    @property
    def speaking(self) -> bool:
        """Whether rendered audio is being played."""
        return self._ends_at is not None

    @property
    def remaining(self) -> float:
        """Seconds of speech that are queued and not played yet."""
        if self._ends_at is None:
            return self._queued
        return max(0.0, self._ends_at - self.now())

    def begin(self, source: str) -> None:
        """Speech begins; `end` says that its content is complete."""
        self.sources.add(source)
        self._touched = True

    def add(self, seconds: float) -> None:
        """More content has come in."""
        if seconds <= 0:
            return
        if self._ends_at is not None:
            self._ends_at = max(self._ends_at, self.now()) + seconds
            self._arm()
            return
        self._queued += seconds
        if not self.pace:
            self._render()
        elif self._timer is None:
            self._timer = self.later(self.latency, self._render)

    def end(self, source: str) -> None:
        """The content of this speech is complete."""
        self.sources.discard(source)
        if not self._touched or self.sources:
            return
        if self._ends_at is not None:
            self._arm()
        elif self._queued <= 0:
            self.clear()
            self.happened("nothing_to_say")

    def clear(self) -> None:
        """Stop: what was queued is not played, and nobody is told."""
        self._disarm()
        self.sources.clear()
        self._queued = 0.0
        self._ends_at = None
        self._touched = False

    def finish(self) -> None:
        """Everything has been played."""
        self.clear()
        self.happened("playout_finished")

    def _render(self) -> None:
        self._timer = None
        self._ends_at = self.now() + self._queued
        self._queued = 0.0
        self.happened("rendered")
        self._arm()

    def _arm(self) -> None:
        """Come back when the speech is over, once it is known to be complete."""
        self._disarm()
        if self.sources or self._ends_at is None:
            return
        wait = self._ends_at - self.now() if self.pace else 0.0
        if wait > 0:
            self._timer = self.later(wait, self.finish)
        else:
            self.finish()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
