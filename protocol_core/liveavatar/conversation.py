"""The platform's view of the conversation: its state, whose turn it is, how long nobody spoke.

The state follows the table `SESSION` of the revision (OP-7). A trigger without effect there changes
nothing: the state informs, it refuses nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.liveavatar.revision import PROTOCOL
from protocol_core.machine import StateMachine

if TYPE_CHECKING:
    from protocol_core.liveavatar.revision import Revision

__all__ = ["Conversation"]


class Conversation:
    """State, current turn and idle time of one session.

    Args:
        revision: whose state table.
        now: the current time, seconds.

    Attributes:
        turn: requestId of the current turn; None before the first one and during prompts.
        active_at: when the user or the avatar was last active, seconds (LAC-SYS-004).
    """

    def __init__(self, revision: Revision, now: float) -> None:
        self._machine = StateMachine(revision.states.SESSION, protocol=PROTOCOL)
        self._states = revision.states.State
        self._prompts = frozenset(
            {
                self._states.PROMPT_THINKING,
                self._states.PROMPT_STAGING,
                self._states.PROMPT_SPEAKING,
            }
        )
        self.turn: str | None = None
        self.active_at = now

    @property
    def state(self) -> str:
        """The current state."""
        return self._machine.state

    @property
    def idle(self) -> bool:
        """Whether nobody is active."""
        return bool(self.state == self._states.IDLE)

    @property
    def prompting(self) -> bool:
        """Whether an idle prompt is being prepared or spoken."""
        return self.state in self._prompts

    def allows(self, trigger: str) -> bool:
        """Whether the trigger has an effect now."""
        return self._machine.allows(trigger)

    def fire(self, trigger: str, now: float) -> tuple[str, str] | None:
        """Let something happen.

        Returns:
            The state before and the new one; None if it stays the same.
        """
        if not self._machine.allows(trigger):
            return None
        before, prompted = self.state, self.prompting
        self._machine.send(trigger)
        # LAC-SYS-004: a prompt and its end are no activity.
        if not self.prompting and not (prompted and self.idle):
            self.active_at = now
        return None if self.state == before else (before, self.state)
