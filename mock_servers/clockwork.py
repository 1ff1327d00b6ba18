"""What plans and tests can do to a platform's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.clock import Clock

__all__ = ["CLOCK_ACTIONS"]


def _move(clock: Clock, method: str, *arguments: object) -> None:
    mover = getattr(clock, method, None)
    if mover is None:
        fail(method, "this clock cannot be moved", type(clock).__name__)
    mover(*arguments)


#: Actions that need no session: name -> what it does to the clock.
CLOCK_ACTIONS: Final[dict[str, Callable[[Clock, Any], None]]] = {
    "advance": lambda clock, seconds: _move(clock, "advance", seconds),
    "freeze": lambda clock, _: _move(clock, "freeze"),
    "resume": lambda clock, _: _move(clock, "resume"),
}
