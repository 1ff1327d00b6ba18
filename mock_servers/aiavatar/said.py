"""What a channel has said, for plans that speak of an interrupted turn: ``$partial_text``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protocol_core.aiavatar.revision import Revision

__all__ = ["Said"]


class Said:
    """The words of the last two turns of a channel.

    Args:
        revision: the generated modules.
    """

    def __init__(self, revision: Revision) -> None:
        self._types: Any = revision.constants.EventType
        self._ends: tuple[str, ...] = revision.constants.TerminalEvents.TURN
        self._current = ""
        self._interrupted = ""

    @property
    def partial(self) -> str:
        """What the interrupted turn had said, or else what the current one has said so far."""
        return self._interrupted or self._current

    def note(self, name: str, text: str | None) -> None:
        """An event was sent."""
        if name == self._types.START:
            self._interrupted, self._current = self._current, ""
        elif name == self._types.CHUNK:
            self._current += text or ""
        elif name in self._ends:
            self._current = ""
