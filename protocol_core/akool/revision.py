"""The generated modules of one revision, as the sessions use them.

Two dialects are among the revisions (OP-1): v2, whose frames have an envelope either way, and the
documented one, whose client frames are bare.
"""

from __future__ import annotations

from protocol_core import revision as tables

__all__ = ["PROTOCOL", "Revision", "load"]

PROTOCOL = "akool"


class Revision(tables.Revision, frozen=True, kw_only=True):
    """One revision's generated code, and which of the protocol's dialects it is."""

    @property
    def documented(self) -> bool:
        """Whether it is the documented dialect: auth as a frame, bare client frames, no acks."""
        return hasattr(self.messages, "AuthMessage")

    @property
    def direct(self) -> bool:
        """Whether a client may be given a server, and then skips discovery (AKO-CONN-013)."""
        return hasattr(self.constants, "Port")

    @property
    def names_avatar(self) -> bool:
        """Whether discovery is told the avatar (AKO-DISC-006)."""
        return hasattr(self.constants.Query, "DISCOVERY_ORDER")


def load(revision: str | Revision | None = None) -> Revision:
    """The revision with this id or alias; None means the default one.

    Raises:
        ConfigurationError: there is no such revision, or no code for it yet.
    """
    return tables.load(Revision, PROTOCOL, revision)
