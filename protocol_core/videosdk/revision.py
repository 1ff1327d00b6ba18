"""The generated modules of one revision, as the sessions use them."""

from __future__ import annotations

from protocol_core import revision as tables

__all__ = ["PROTOCOL", "Revision", "load"]

PROTOCOL = "videosdk"


class Revision(tables.Revision, frozen=True, kw_only=True):
    """One revision's generated code; ``rest`` has the tokens' claims, too."""


def load(revision: str | Revision | None = None) -> Revision:
    """The revision with this id or alias; None means the default one.

    Raises:
        ConfigurationError: there is no such revision, or no code for it yet.
    """
    return tables.load(Revision, PROTOCOL, revision)
