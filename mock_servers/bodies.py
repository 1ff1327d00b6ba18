"""HTTP bodies for the journal and for plans: what they say, and how they are kept.

JSON is the codec's business. Forms are explained here, field by field; binary bodies by their type
and size. What is binary follows from the header alone, so that a reader of a trace can tell, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mock_servers.codec import Decoded
from protocol_core import multipart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_servers.codec import Codec

__all__ = ["explain_body", "is_binary", "raw_body"]

_BINARY: Final = ("audio/", "image/", "video/")


def raw_body(headers: Mapping[str, str], body: bytes) -> bytes | str:
    """A body as it is kept: text, or bytes if it is binary or a form with a file."""
    kind = _content_type(headers)
    if kind.startswith(_BINARY):
        return body
    if kind.startswith(multipart.MEDIA_TYPE) and any(map(_is_file, _form(headers, body)[0])):
        return body
    return body.decode("utf-8", errors="replace")


def is_binary(headers: Mapping[str, str], data: Mapping[str, Any] | None) -> bool:
    """Whether a body in a trace is bytes, by what the trace has kept of it.

    Args:
        headers: header fields that came with it.
        data: what it says.
    """
    kind = _content_type(headers)
    if kind.startswith(multipart.MEDIA_TYPE):
        return any(isinstance(part, dict) for part in (data or {}).values())
    return kind.startswith(_BINARY)


def explain_body(
    codec: Codec, endpoint: str, headers: Mapping[str, str], body: bytes, *, response: bool
) -> Decoded:
    """A body, understood.

    Args:
        codec: explains JSON.
        endpoint: name of the endpoint.
        headers: header fields that came with it.
        body: the body.
        response: whether it is an answer's.
    """
    kind = _content_type(headers)
    if body and kind.startswith(multipart.MEDIA_TYPE):
        parts, problems = _form(headers, body)
        data = {part.name: _described(part) for part in parts}
        return Decoded(name=endpoint, data=data, views=(data,), problems=problems)
    if body and kind.startswith(_BINARY):
        data = {"content_type": kind, "bytes": len(body)}
        return Decoded(name=endpoint, data=data, views=(data,))
    return codec.document(endpoint, body, response=response)


def _content_type(headers: Mapping[str, str]) -> str:
    return next((headers[name] for name in headers if name.lower() == "content-type"), "")


def _form(headers: Mapping[str, str], body: bytes) -> tuple[list[multipart.Part], list[str]]:
    try:
        return multipart.parse(_content_type(headers), body), []
    except multipart.MultipartError as error:
        return [], [f"not a form: {error}"]


def _is_file(part: multipart.Part) -> bool:
    return part.filename is not None


def _described(part: multipart.Part) -> Any:  # noqa: ANN401 - text, or an object
    if not _is_file(part):
        return part.text
    return {
        "filename": part.filename,
        "content_type": part.content_type,
        "bytes": len(part.content),
    }
