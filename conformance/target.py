"""What is certified: one implementation, one protocol, one revision, one role.

A client is reached through its adapter, and so can a server be. Otherwise a server is one of our
mock platforms, made anew in process for each scenario, or any other that answers at URLs.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from conformance.adapter import AdapterTarget
from conformance.errors import UsageError
from conformance.reach import origin_of
from mock_servers.documents import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import EndpointSpec, RevisionInfo

__all__ = ["ServerTarget", "Target", "command_of", "resolve", "server_at"]


class ServerTarget(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a server under test.

    Attributes:
        urls: its base URLs by name; empty for one of our mock platforms in process.
        credentials: what it accepts.
        control: URL of a control API of ours, to trigger things; "" if there is none.
        triggers: URL by trigger name, to be POSTed to; for servers that are not ours.
        features: what it is said to do.
    """

    urls: dict[str, str] = {}
    credentials: dict[str, str] = {}
    control: str = ""
    triggers: dict[str, str] = {}
    features: tuple[str, ...] = ()

    @property
    def in_process(self) -> bool:
        """Whether it is a mock platform of ours, made for each scenario."""
        return not self.urls

    def __str__(self) -> str:
        return next(iter(self.urls.values()), "mock platform, in process")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to certify.

    Attributes:
        protocol, revision, role: what it is certified as.
        adapter: how to reach it, if it is a client or a server behind an adapter.
        server: how to reach it, if it is another server.
        name: what to call it until it has described itself.
        known_as: the name that it goes by, whatever it calls itself; "" for its own.
        packaging: what its package gets wrong about itself.
    """

    protocol: str
    revision: str
    role: Literal["client", "server"]
    adapter: AdapterTarget | None = None
    server: ServerTarget | None = None
    name: str = ""
    known_as: str = ""
    packaging: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.adapter if self.adapter is not None else self.server)


def resolve(protocol: str, revision: str | None = None) -> RevisionInfo:
    """The revision of a protocol by id or alias.

    Raises:
        UsageError: there is no such protocol or revision, or no code for it yet.
    """
    from avatar_protocols import registry

    try:
        info = registry.resolve(protocol, revision)
    except LookupError as error:
        raise UsageError(str(error)) from None
    if info.status != "active":
        raise UsageError(
            f"revision {info.id} of {protocol} is {info.status}: nothing to certify yet"
        )
    return info


def active() -> list[RevisionInfo]:
    """Every revision of every protocol that has code; the default one of each protocol first."""
    from avatar_protocols.registry import PROTOCOLS

    return [
        revision
        for info in PROTOCOLS.values()
        for revision in sorted(info.revisions.values(), key=lambda r: r.id != info.default_revision)
        if revision.status == "active"
    ]


def command_of(text: str, flag: str = "--client") -> AdapterTarget:
    """The adapter of a command line.

    Args:
        text: the command line.
        flag: the flag that it came with.

    Raises:
        UsageError: it is empty or badly quoted.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text!r}: {error}") from None
    if not words:
        raise UsageError(f"{flag} needs a command")
    return AdapterTarget(command=tuple(words))


def server_at(
    place: str,
    protocol: str,
    *,
    urls: Mapping[str, str],
    credentials: Mapping[str, str],
    triggers: Mapping[str, str],
    features: tuple[str, ...] = (),
) -> ServerTarget:
    """The server that ``--server`` names: a port file of ours, or a URL.

    Args:
        place: path of a port file, or a URL. A bare URL stands for every base URL of the protocol
            that ``urls`` does not give.
        protocol: protocol id.
        urls: base URLs by name; they win over the port file.
        credentials: likewise.
        triggers: URL by trigger name.
        features: what the server is said to do.

    Raises:
        UsageError: the file is missing or not a port file, or the protocol is not in it.
    """
    bases = _bases(protocol)
    for name, url in urls.items():
        if name not in {*bases, "base"}:
            raise UsageError(f"--url {name}: {protocol} has {', '.join(sorted(bases))}")
        origin_of(f"--url {name}:", url)
    for name, url in triggers.items():
        origin_of(f"--trigger {name}:", url)
    if "://" not in place:
        described, control = _port_file(place, protocol)
        return ServerTarget(
            urls={**described["urls"], **urls},
            credentials={**described["credentials"], **credentials},
            control=control,
            triggers=dict(triggers),
            features=features,
        )
    origin_of("--server", place)
    web = _rescheme(place, {"ws": "http", "wss": "https"})
    socket = _rescheme(place, {"http": "ws", "https": "wss"})
    names = sorted(bases, key=lambda name: (bases[name], name))
    whole = {name: socket if bases[name] else web for name in names}
    return ServerTarget(
        urls={**(whole or {"base": web}), **urls},
        credentials=dict(credentials),
        triggers=dict(triggers),
        features=features,
    )


def _bases(protocol: str) -> dict[str, bool]:
    """The base URLs of a protocol by name, and whether each is a WebSocket's.

    Event streams are HTTP, and a room is reached through a WebSocket.
    """
    return {
        spec.base: spec.kind in {"websocket", "room"} for spec in _endpoints(protocol) if spec.base
    }


def _endpoints(protocol: str) -> list[EndpointSpec]:
    from avatar_protocols.tables import EndpointSpec

    endpoint = resolve(protocol).load("constants").Endpoint
    members = cast("dict[str, object]", vars(endpoint))
    return [value for value in members.values() if isinstance(value, EndpointSpec)]


def _rescheme(url: str, schemes: Mapping[str, str]) -> str:
    scheme, _, rest = url.partition("://")
    return f"{schemes.get(scheme.lower(), scheme)}://{rest}"


def _port_file(place: str, protocol: str) -> tuple[dict[str, Any], str]:
    try:
        document = json.loads(Path(place).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"--server {place!r}: neither a URL nor a readable port file: {error}"
        ) from None
    described = document.get(protocol) if is_object(document) else None
    if not is_object(described) or not described.get("urls"):
        raise UsageError(f"--server {place}: the port file has no {protocol}")
    for member in ("urls", "credentials"):
        table = described.get(member, {})
        if not is_object(table) or not all(isinstance(text, str) for text in table.values()):
            raise UsageError(f"--server {place}: {protocol}.{member} is no table of strings")
    for name, url in described["urls"].items():
        origin_of(f"--server {place}: {protocol}.urls.{name}:", url)
    control = str(described.get("control", ""))
    if control:
        origin_of(f"--server {place}: {protocol}.control:", control)
    return {"credentials": {}, **described}, control
