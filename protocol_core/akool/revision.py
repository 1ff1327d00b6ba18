"""The generated modules of one revision, as the sessions use them.

A session is written once and takes a revision. Two dialects are among the revisions (OP-1): v2,
whose frames have an envelope either way, and the documented one, whose client frames are bare.
Which of them a revision speaks is read from its tables, not from its name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from avatar_protocols import registry
from protocol_core.errors import ConfigurationError

__all__ = ["PROTOCOL", "Revision", "load"]

PROTOCOL = "akool"


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision's generated code.

    The modules are typed as Any on purpose: which names they have is what revisions differ in.

    Attributes:
        id: canonical revision id, such as ``0.1.8``.
        messages: JSON messages of the WebSocket.
        rest: JSON bodies of discovery.
        constants: endpoints, limits, timeouts, names.
        errors: error codes, catalogue, classification.
        states: state table.
    """

    id: str
    messages: Any
    rest: Any
    constants: Any
    errors: Any
    states: Any

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
    if isinstance(revision, Revision):
        return revision
    try:
        info = registry.resolve(PROTOCOL, revision)
    except LookupError as error:
        raise ConfigurationError(str(error), setting="revision", value=revision) from None
    if info.status != "active":
        raise ConfigurationError(
            "this revision is planned: no code was generated for it",
            setting="revision",
            value=revision,
        )
    return _load(info.id)


@cache
def _load(revision: str) -> Revision:
    info = registry.resolve(PROTOCOL, revision)
    parts = ("messages", "rest", "constants", "errors", "states")
    return Revision(id=revision, **{part: info.load(part) for part in parts})
