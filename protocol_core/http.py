"""HTTP as values: what a session wants sent, and what came back. Shells do the sending."""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ["HttpRequest", "HttpResponse", "UpgradeRequest"]


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to send.

    Attributes:
        method: HTTP method.
        url: absolute URL.
        headers: header fields, exactly as they go out.
        body: request body; empty for none.
    """

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes = b""


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A response that was received.

    Attributes:
        status: HTTP status code.
        headers: header fields.
        body: response body.
    """

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become replacement characters."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - a JSON document has no narrower type
        """The body as a JSON document.

        Raises:
            ValueError: the body is not JSON.
        """
        return json.loads(self.body)


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A WebSocket upgrade to ask for.

    Attributes:
        url: ``ws://`` or ``wss://`` URL with query.
        headers: header fields besides those of RFC 6455.
    """

    url: str
    headers: dict[str, str] = {}
