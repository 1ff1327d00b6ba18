"""A renderer that passes audio through: what comes out is what went in, as long as it lasts.

It takes one frame at a time out of a worker's session and holds it for as long as it sounds, so
that a mark is passed on when the audio before it has been played, and the position of a segment
that is cut says how far it came. Without pacing everything is rendered at once.

    events = session.receive(payload, now)
    events += playout.follow(events, now)
    ...                                          send session.data_to_send()
    playout.deadline(), playout.timeout(now)     the end of the frame that plays, or of the cooldown
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.videosdk.worker import Frame, Mark
from protocol_core.videosdk.worker_events import StreamReset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from protocol_core.videosdk.events import Event
    from protocol_core.videosdk.worker import WorkerSession

__all__ = ["Playout"]


class Playout:
    """The renderer of one session.

    Args:
        session: whose audio to render.
        pace: whether audio takes as long as it lasts.
        emit: gets each frame when it begins to play; None drops them.
    """

    def __init__(
        self,
        session: WorkerSession,
        *,
        pace: bool = True,
        emit: Callable[[Frame], None] | None = None,
    ) -> None:
        self._session = session
        self._pace = pace
        self._emit = emit
        self._frame: Frame | None = None
        self._since = 0.0

    @property
    def playing(self) -> bool:
        """Whether a frame sounds now."""
        return self._frame is not None

    def follow(self, events: Iterable[Event], now: float) -> list[Event]:
        """Carry out what the session said, and render what there is; returns what follows."""
        happened: list[Event] = []
        for event in events:
            if isinstance(event, StreamReset):
                happened += self._reset(now)
        return happened + self._render(now)

    def stop(self) -> None:
        """Throw away what plays; nothing is acknowledged."""
        self._frame = None

    def deadline(self) -> float | None:
        """When `timeout` wants to be called: the session's own deadlines included."""
        moments = (self._ends_at(), self._session.deadline())
        return min((moment for moment in moments if moment is not None), default=None)

    def timeout(self, now: float) -> list[Event]:
        """Time has passed, for the session as well."""
        events = self._session.timeout(now)
        return events + self.follow(events, now)

    def _ends_at(self) -> float | None:
        return None if self._frame is None else self._since + self._frame.seconds

    def _reset(self, now: float) -> list[Event]:
        """Of the frame that plays, only what was heard counts (VSD-INT-004, VSD-END-004)."""
        frame, self._frame = self._frame, None
        if frame is not None:
            self._session.rendered(min(max(now - self._since, 0.0), frame.seconds))
        return self._session.reset_done()

    def _render(self, now: float) -> list[Event]:
        happened: list[Event] = []
        while True:
            ends_at = self._ends_at()
            begins = now
            if self._frame is not None and ends_at is not None:
                if ends_at > now:
                    return happened
                # The next frame follows without a gap, however late we were woken.
                begins = ends_at
                self._session.rendered(self._frame.seconds)
                self._frame = None
            item, events = self._session.take()
            happened += events
            if item is None:
                return happened
            happened += self._begin(item, begins)

    def _begin(self, item: Frame | Mark, now: float) -> list[Event]:
        if isinstance(item, Mark):
            return self._session.finished()
        if self._emit is not None:
            self._emit(item)
        if self._pace:
            self._frame, self._since = item, now
        else:
            self._session.rendered(item.seconds)
        return []
