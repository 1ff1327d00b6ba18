"""One HTTP request as a platform sees it, and the answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from protocol_core.http import HttpResponse

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["BodyTooLargeError", "Exchange", "json_response", "read_body", "text_response"]


class BodyTooLargeError(ValueError):
    """A request body above its limit; the rest of it was not read."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A request or an upgrade that wants an answer.

    Attributes:
        endpoint: name of the endpoint, as the protocol's specification calls it; "" for none.
        method: HTTP method.
        path: path below the platform's mount point, such as ``/console/session-tokens``.
        target: path and query as they were sent.
        query: query parameters; of several with one name, the last.
        headers: header fields; looked up without regard to case.
        body: the request body.
        listener: where it came in: 0 is the address that all platforms share, 1 the first of the
            platform's own, and so on; see `Platform.addresses`.
    """

    endpoint: str
    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    listener: int = 0


def json_response(
    document: object, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    """An answer with a JSON body."""
    return HttpResponse(
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
        body=msgspec.json.encode(document),
    )


def text_response(
    text: str, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    """An answer with a plain text body."""
    return HttpResponse(
        status=status,
        headers={"Content-Type": "text/plain; charset=utf-8", **(headers or {})},
        body=text.encode(),
    )


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Read a request's body.

    Raises:
        BodyTooLargeError: it has more than ``limit`` bytes.
    """
    if not request.can_read_body:
        return b""
    parts: list[bytes] = []
    size = 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > limit:
            raise BodyTooLargeError(f"the body has more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)
