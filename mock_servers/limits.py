"""How much of everything a mock platform takes, so that no peer can exhaust it."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["Limits"]

_MEBIBYTE = 1 << 20

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one mock platform.

    Attributes:
        message_bytes: largest WebSocket message accepted; larger ones end in close 1009. None takes
            the protocol's own limit.
        body_bytes: largest HTTP request body accepted; larger ones get status 413.
        connections: open WebSockets and event streams; further ones get status 503.
        journal_records: records kept; the oldest go first.
        journal_bytes: payload bytes kept; the oldest records go first.
        outgoing_bytes: bytes that may wait for a peer that does not read; then its connection is
            aborted.
        inbox_messages: messages that may wait while a plan delays a connection; then it is aborted.
        close_seconds: real time a peer has to answer a close frame.
    """

    message_bytes: Count | None = None
    body_bytes: Count = _MEBIBYTE
    connections: Count = 10_000
    journal_records: Count = 100_000
    journal_bytes: Count = 64 * _MEBIBYTE
    outgoing_bytes: Count = 16 * _MEBIBYTE
    inbox_messages: Count = 10_000
    close_seconds: Seconds = 2.0
