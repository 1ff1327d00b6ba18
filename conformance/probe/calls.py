"""HTTP calls: made as a step says, and written down."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from mock_servers.bodies import explain_body, raw_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_servers.codec import Codec
    from mock_servers.journal import Journal
    from protocol_core.http import HttpRequest, HttpResponse

__all__ = ["CallLog", "json_body", "merged"]


class CallLog:
    """Writes calls down, as a mock platform does.

    Args:
        journal: where they are written down.
        codec: explains bodies.
    """

    def __init__(self, journal: Journal, codec: Codec) -> None:
        self._journal = journal
        self._codec = codec

    def asked(self, endpoint: str, request: HttpRequest, connection: int | None = None) -> None:
        """Write down a request; ``connection`` numbers the stream that is asked for."""
        parts = urlsplit(request.url)
        self._journal.add(
            "http_request",
            sender="client",
            name=endpoint,
            connection=connection,
            method=request.method,
            target=f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}",
            headers=request.headers,
            payload=raw_body(request.headers, request.body),
            explain=lambda: explain_body(
                self._codec, endpoint, request.headers, request.body, response=False
            ),
        )

    def answered(
        self, endpoint: str, response: HttpResponse, connection: int | None = None
    ) -> None:
        """Write down an answer, or the head of one whose body is a stream."""
        self._journal.add(
            "http_response",
            sender="server",
            name=endpoint,
            connection=connection,
            status=response.status,
            headers=response.headers,
            payload=raw_body(response.headers, response.body),
            explain=lambda: explain_body(
                self._codec, endpoint, response.headers, response.body, response=True
            ),
        )


def json_body(args: Mapping[str, Any], default: object) -> bytes:
    """A request's body: ``json``, ``text`` or ``body`` (base64) of the step, else the default."""
    if "text" in args:
        return str(args["text"]).encode()
    if "body" in args:
        return base64.b64decode(args["body"])
    return msgspec.json.encode(args.get("json", default))


def merged(headers: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Header fields with changes; None removes one."""
    both = {**headers, **changes}
    return {name: value for name, value in both.items() if value is not None}
