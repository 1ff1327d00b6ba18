"""The addresses that a client builds: of discovery, of an instance, of a server it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from protocol_core.akool.errors import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocol_core.akool.errors import AkoolError
    from protocol_core.akool.revision import Revision

__all__ = ["Instance", "discovery_url", "server_address", "websocket_url"]

_SEPARATOR = "://"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a session can be opened.

    Attributes:
        host: name or IP address.
        port: TCP port.
        secure: whether it is dialled by TLS (OP-12).
        avatar_id: the avatar it has at the moment; None where nobody said.
    """

    host: str
    port: int
    secure: bool = False
    avatar_id: str | None = None

    @property
    def address(self) -> str:
        """Host and port, as URLs have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def discovery_url(revision: Revision, configured: str, query: Mapping[str, str]) -> str:
    """Where to ask for instances: scheme, host and port of the configured URL (AKO-DISC-001)."""
    base = urlsplit(configured)
    path = revision.constants.Endpoint.SERVICE_STATUS.path
    return f"{base.scheme}{_SEPARATOR}{base.netloc}{path}{_asked(query)}"


def websocket_url(revision: Revision, instance: Instance, query: Mapping[str, str]) -> str:
    """Where to dial an instance (AKO-CONN-001)."""
    scheme = revision.constants.Scheme
    chosen = scheme.SOCKET_TLS if instance.secure else scheme.SOCKET
    path = revision.constants.Endpoint.WEBSOCKET.path
    return f"{chosen}{_SEPARATOR}{instance.address}{path}{_asked(query)}"


def server_address(revision: Revision, given: str) -> Instance:
    """The server that a URL, or a host with or without a port, means (AKO-CONN-014).

    Raises:
        ServerUrlError: it has no host, an impossible port or another scheme (AKO-ERR-009).
    """
    constants = revision.constants
    scheme, separator, rest = given.strip().partition(_SEPARATOR)
    scheme, rest = (scheme.lower(), rest) if separator else (constants.Scheme.SOCKET, scheme)
    if scheme not in constants.Scheme.CONFIGURED:
        raise _unusable(revision, given, f"its scheme must be one of {constants.Scheme.CONFIGURED}")
    secure = scheme in constants.Scheme.SECURE
    try:
        parts = urlsplit(f"{scheme}{_SEPARATOR}{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(revision, given, str(error)) from None
    if not host:
        raise _unusable(revision, given, "it names no host")
    if port is None:
        port = constants.Port.TLS if secure else constants.Port.DEFAULT
    if not 0 < port <= constants.Port.MAX:
        raise _unusable(revision, given, f"no server can have port {port}")
    return Instance(host=host, port=port, secure=secure)


def _asked(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _unusable(revision: Revision, given: str, problem: str) -> AkoolError:
    return failure(
        revision,
        f"server_url {given!r} cannot be used: {problem}",
        code=revision.errors.ErrorCode.CONFIGURATION_INVALID,
        phase=revision.errors.Phase.CONFIGURATION,
        kind="local",
        requirement="AKO-ERR-009",
    )
