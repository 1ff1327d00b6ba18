"""The generated modules of one revision, as the sessions use them.

A session is written once and takes a revision; what differs between revisions comes from here:
messages, bodies, constants, errors, states. What a revision does not define, no session of it does.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from avatar_protocols import registry
from protocol_core.errors import ConfigurationError

__all__ = ["PROTOCOL", "Revision", "load"]

PROTOCOL = "aiavatar"


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision's generated code.

    The modules are typed as Any on purpose: which names they have is what revisions differ in.

    Attributes:
        id: canonical revision id, such as ``0.7``.
        messages: JSON messages of the WebSocket, and the events of the streams.
        rest: JSON bodies of the HTTP calls.
        constants: endpoints, limits, timeouts, names.
        errors: error codes, catalogue, classification.
        states: state tables.
    """

    id: str
    messages: Any
    rest: Any
    constants: Any
    errors: Any
    states: Any


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
