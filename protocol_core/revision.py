"""The generated modules of one revision, as the sessions use them.

A session is written once and takes a revision; what differs between revisions comes from here:
messages, bodies, constants, errors, states. What a revision does not define, no session of it does.
Each protocol has a class of its own below this one, which says what else its revisions have and
reads their traits from their tables, never from their names.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from avatar_protocols import registry
from protocol_core.errors import ConfigurationError

__all__ = ["Revision", "load"]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision's generated code.

    The modules are typed as Any on purpose: which names they have is what revisions differ in. Each
    member besides ``id`` is the generated module of that name.

    Attributes:
        id: canonical revision id, such as ``0.2``.
        messages: JSON messages.
        rest: JSON bodies that are no messages.
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


R = TypeVar("R", bound=Revision)


def load(kind: type[R], protocol: str, revision: str | R | None = None) -> R:
    """The revision with this id or alias; None means the default one, a revision means itself.

    Raises:
        ConfigurationError: there is no such revision, or no code for it yet.
    """
    if isinstance(revision, kind):
        return revision
    try:
        info = registry.resolve(protocol, cast("str | None", revision))
    except LookupError as error:
        raise ConfigurationError(str(error), setting="revision", value=revision) from None
    if info.status != "active":
        raise ConfigurationError(
            "this revision is planned: no code was generated for it",
            setting="revision",
            value=revision,
        )
    return cast("R", _load(kind, protocol, info.id))


@cache
def _load(kind: type[Revision], protocol: str, revision: str) -> Revision:
    info = registry.resolve(protocol, revision)
    modules = (field.name for field in msgspec.structs.fields(kind) if field.name != "id")
    return kind(id=revision, **{module: info.load(module) for module in modules})
