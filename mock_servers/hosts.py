"""Host names and addresses: who can reach them, and what to call this machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

__all__ = ["is_loopback", "reachable", "url_host"]

#: Addresses that mean every interface -> an address elsewhere, its family, and the loopback one.
#: What is elsewhere is reserved for documents (RFC 5737, RFC 3849): nothing is ever sent there.
_WILDCARDS: Final = {
    "": ("192.0.2.1", socket.AF_INET, "127.0.0.1"),
    "0.0.0.0": ("192.0.2.1", socket.AF_INET, "127.0.0.1"),  # noqa: S104 - recognised, not bound
    "::": ("2001:db8::1", socket.AF_INET6, "::1"),
}
_ANY_PORT: Final = 9


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(host: str) -> str:
    """An address that clients can use of what is listened on.

    For every interface at once, it is the one that this machine would reach others by; without a
    network, the loopback one.
    """
    if host not in _WILDCARDS:
        return host
    elsewhere, family, loopback = _WILDCARDS[host]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, _ANY_PORT))
            found: str = probe.getsockname()[0]
    except OSError:
        return loopback
    return found


def url_host(host: str) -> str:
    """A host as it stands in URLs: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
