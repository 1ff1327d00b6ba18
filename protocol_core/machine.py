"""A small interpreter for the state tables of ``spec/<id>/states.yaml``.

The machine is blind to the role: both ends of a connection fire the same triggers, whether they
send the message or receive it. What is legal stands in the table alone: a pair of state and trigger
either leads to a state, is ignored because the documents tell the peer to ignore it, or is absent,
and then it is a protocol error. Whose error it is, only the caller knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from avatar_protocols.tables import Machine

__all__ = ["StateMachine"]


class StateMachine:
    """One run of a state table.

    Args:
        table: the generated table.
        protocol: protocol id, for the errors.

    Attributes:
        state: name of the current state.
    """

    __slots__ = ("_ignored", "_protocol", "_transitions", "state", "table")

    def __init__(self, table: Machine, *, protocol: str) -> None:
        self.table = table
        self.state: str = table.initial
        self._protocol = protocol
        self._transitions = table.transitions
        self._ignored = table.ignored

    def allows(self, trigger: str) -> bool:
        """Whether the trigger leads somewhere from here."""
        return (self.state, trigger) in self._transitions

    def ignores(self, trigger: str) -> bool:
        """Whether the documents tell a peer to ignore the trigger here."""
        return (self.state, trigger) in self._ignored

    def send(self, trigger: str, *, requirement: str = "", hint: str = "") -> str:
        """Take the transition of something that we are about to send; returns the new state.

        Raises:
            LocalProtocolError: the table has no such transition here.
        """
        try:
            self.state = self._transitions[self.state, trigger]
        except KeyError:
            raise LocalProtocolError(
                f"{trigger} is not allowed in state {self.state}",
                protocol=self._protocol,
                requirement=requirement,
                hint=hint or self._legal(),
            ) from None
        return self.state

    def receive(self, trigger: str, *, requirement: str = "") -> bool:
        """Take the transition of something that the peer sent.

        Returns:
            False if the table says to ignore it; True if the transition was taken.

        Raises:
            RemoteProtocolError: the table has no such transition here.
        """
        try:
            self.state = self._transitions[self.state, trigger]
        except KeyError:
            if self.ignores(trigger):
                return False
            raise RemoteProtocolError(
                f"the peer sent {trigger} in state {self.state}",
                protocol=self._protocol,
                requirement=requirement,
                hint=self._legal(),
            ) from None
        return True

    def _legal(self) -> str:
        legal = sorted(trigger for state, trigger in self._transitions if state == self.state)
        return f"legal here: {', '.join(legal) or 'nothing'}"
