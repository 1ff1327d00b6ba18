"""Is anybody there? Asked once, before a server is certified.

A server that cannot be reached at all has broken no rule: a hundred failed requirements would say
less than one line.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conformance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["origin_of", "reach"]

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SECURE = ("https", "wss")


def origin_of(name: str, url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is spoken there.

    Args:
        name: what the URL is called, for the error.
        url: the URL.

    Raises:
        UsageError: it is no HTTP or WebSocket URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{name} {url}: not a URL: {error}") from None
    if parts.scheme not in _PORTS or not host:
        schemes = ", ".join(f"{scheme}://" for scheme in _PORTS)
        raise UsageError(f"{name} {url}: not a URL of a server; it begins with one of {schemes}")
    return host, port or _PORTS[parts.scheme], parts.scheme in _SECURE


def reach(urls: Mapping[str, str], *, within: float) -> None:
    """Connect to every server once, with TLS where the URL says so.

    Args:
        urls: base URLs by name.
        within: seconds that each may take.

    Raises:
        UsageError: one cannot be reached.
    """
    for host, port, secure in {origin_of("--server", url) for url in urls.values()}:
        try:
            with socket.create_connection((host, port), timeout=within) as connection:
                if secure:
                    context = ssl.create_default_context()
                    context.wrap_socket(connection, server_hostname=host).close()
        except (OSError, UnicodeError) as error:  # a host name may be no host name
            what = "speaks no trusted TLS" if isinstance(error, ssl.SSLError) else "is not there"
            raise UsageError(
                f"--server: {host}:{port} {what}: {error}; start the server or correct the URL"
            ) from None
