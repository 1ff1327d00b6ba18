"""What a client has asked for and not yet been told about, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from protocol_core.akool.events import Request

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["Order", "Pending", "RequestBook"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way.

    Attributes:
        key: what `RequestDone` or `RequestFailed` will name it by; in v2 its mid.
        messages: what to send.
    """

    key: str
    messages: list[str]


class Pending(msgspec.Struct, kw_only=True):
    """A request that waits for its end.

    Attributes:
        request: which kind.
        key: what it is named by.
        until: when it will have taken too long, seconds.
        acknowledged: whether its ack has come.
        automatic: whether the session made it by itself, so that no call reports its failure.
    """

    request: Request
    key: str
    until: float
    acknowledged: bool = False
    automatic: bool = False


class RequestBook:
    """The pending requests of one connection."""

    def __init__(self) -> None:
        self._pending: dict[str, Pending] = {}

    def add(self, pending: Pending) -> None:
        """A request goes out."""
        self._pending[pending.key] = pending

    def find(self, key: str) -> Pending | None:
        """The request that an ack names (AKO-ACK-002)."""
        return self._pending.get(key)

    def first(self, request: Request | None = None) -> Pending | None:
        """The oldest request, of one kind or of any: an error frame fails it (OP-7)."""
        wanted = (
            item for item in self._pending.values() if request is None or item.request is request
        )
        return next(wanted, None)

    def settle(self, pending: Pending) -> None:
        """A request has ended."""
        del self._pending[pending.key]

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._pending.values())

    def clear(self) -> None:
        """All requests have ended, and nobody is told."""
        self._pending.clear()

    def deadline(self) -> float | None:
        """When the first of them will have taken too long, seconds."""
        return min((item.until for item in self._pending.values()), default=None)

    def overdue(self, now: float) -> list[Pending]:
        """Those that have taken too long."""
        return [item for item in self._pending.values() if now >= item.until]
