"""Conversations: what a server remembers of what was said.

A context is announced by the first turn of a conversation and exists once a turn of it has ended
well; until then a request that names it gets a new one. The dialogue's progress is carried over, so
that an interrupted first turn does not start the script anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mock_servers.aiavatar.dialogue import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Conversation", "Conversations"]

#: Conversations that are remembered; the oldest go first.
_REMEMBERED: Final = 10_000


class Conversation:
    """One conversation.

    Args:
        identity: its context id.
        progress: how far the dialogue is in it.

    Attributes:
        id: its context id.
        progress: how far the dialogue is in it.
        last_turn_at: clock time when its last turn ended well, seconds; None before the first.
    """

    def __init__(self, identity: str, progress: Progress) -> None:
        self.id = identity
        self.progress = progress
        self.last_turn_at: float | None = None


class Conversations:
    """Every conversation of one server.

    Args:
        mint: makes context ids.
        history: seconds after which what was said is forgotten; the id stays valid.
    """

    def __init__(self, mint: Callable[[], str], history: float) -> None:
        self._mint = mint
        self._history = history
        self._known: dict[str, Conversation] = {}
        self._unbound: dict[str, Progress] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._unbound.clear()

    def find(self, context_id: str | None) -> Conversation | None:
        """The conversation with this id, if a turn of it has ended well."""
        found = self._known.get(context_id or "")
        return None if found is None or found.last_turn_at is None else found

    def progress(self, context_id: str | None, session_id: str) -> Progress:
        """How far the dialogue is where this session speaks, before any context is announced."""
        found = self._known.get(context_id or "")
        return self._unbound.setdefault(session_id, Progress()) if found is None else found.progress

    def begin(self, context_id: str | None, session_id: str, now: float) -> Conversation:
        """The conversation of the next turn: the one that is named, or a new one (AIA-CTX-002)."""
        found = self._known.get(context_id or "")
        if found is not None and found.last_turn_at is not None:
            if now - found.last_turn_at > self._history:
                found.progress = Progress()
            return found
        progress = self.progress(context_id, session_id)
        self._unbound.pop(session_id, None)
        return self._add(Conversation(self._mint(), progress))

    def adopt(self, context_id: str, now: float) -> Conversation:
        """The conversation with this id, which a plan has announced: it exists from now on."""
        found = self._known.get(context_id) or self._add(Conversation(context_id, Progress()))
        found.last_turn_at = now
        return found

    def _add(self, made: Conversation) -> Conversation:
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[made.id] = made
        return made
