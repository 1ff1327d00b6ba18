"""Timers that belong to a session: they end with it, and are taken back when things change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.clock import Timer

__all__ = ["Alarm", "SessionTimer"]


class SessionTimer:
    """A timer that leaves no trace in its session once it has fired or was cancelled.

    Args:
        group: the session's timers that are still to fire.
        callback: what happens then.
    """

    __slots__ = ("_callback", "_group", "_timer")

    def __init__(self, group: set[SessionTimer], callback: Callable[[], None]) -> None:
        self._group = group
        self._callback = callback
        self._timer: Timer | None = None

    def arm(self, timer: Timer) -> None:
        """Join the group; ``timer`` is what calls `fire`."""
        self._timer = timer
        self._group.add(self)

    def fire(self) -> None:
        """The time has come."""
        self._group.discard(self)
        self._callback()

    def cancel(self) -> None:
        """Take it back."""
        self._group.discard(self)
        if self._timer is not None:
            self._timer.cancel()


class Alarm:
    """One timer that can be set, moved and taken back, as a core's next deadline asks for.

    Args:
        at: calls back at a clock time, such as `LiveSession.at`.
        ring: what happens then.
    """

    def __init__(
        self, at: Callable[[float, Callable[[], None]], Timer], ring: Callable[[], None]
    ) -> None:
        self._at = at
        self._ring = ring
        self._timer: Timer | None = None

    @property
    def pending(self) -> bool:
        """Whether it is still to ring."""
        return self._timer is not None

    def set(self, when: float | None) -> None:
        """Ring at ``when`` (seconds on the clock) instead of what was set before; None: never."""
        self.cancel()
        if when is not None:
            self._timer = self._at(when, self._fire)

    def cancel(self) -> None:
        """Take it back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        self._ring()
