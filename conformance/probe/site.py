"""Where the server is, and what stands beside it."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Site", "Surroundings"]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The server as the probe knows it.

    Attributes:
        urls: base URLs by name.
        credentials: what it accepts.
    """

    urls: dict[str, str]
    credentials: dict[str, str]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a server under test while a scenario is played, and who is told what.

    Attributes:
        options: options of the scenario that are the server's; for its adapter's ``serve``.
        urls, credentials: what the server needs to find its way there; for ``serve``.
        room: id of the room that the server is to join; "" for a server that listens.
        site: what the probe needs; the URLs and credentials that ``serve`` answers come on top.
    """

    options: dict[str, Any]
    urls: dict[str, str] = {}
    credentials: dict[str, str] = {}
    room: str = ""
    site: Site = Site(urls={}, credentials={})
