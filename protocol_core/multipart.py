"""multipart/form-data without I/O: forms to bytes, and bytes to forms (RFC 7578, RFC 2046).

Header fields of parts are read by the standard library's ``email``; the body is cut here, because
binary contents have to come out as they went in, to the byte.
"""

from __future__ import annotations

import email.parser
import email.policy
import email.utils
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

__all__ = ["MEDIA_TYPE", "MultipartError", "Part", "build", "content_type", "parse"]

MEDIA_TYPE: Final = "multipart/form-data"

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_HEADERS_END: Final = b"\r\n\r\n"
#: Characters that would end a quoted name, as browsers escape them.
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class MultipartError(ValueError):
    """A body that is not a form in this encoding."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form.

    Attributes:
        name: name of the field.
        content: its value, as it stands in the body.
        filename: name of the file; None for a plain value.
        content_type: media type; "" writes none.
    """

    name: str
    content: bytes
    filename: str | None = None
    content_type: str = ""

    @property
    def text(self) -> str:
        """The value as text; bytes that are not UTF-8 become replacement characters."""
        return self.content.decode("utf-8", errors="replace")


def content_type(boundary: str) -> str:
    """The Content-Type header of a body with this boundary."""
    return f'{MEDIA_TYPE}; boundary="{boundary}"'


def build(parts: Sequence[Part], boundary: str) -> bytes:
    """A form as bytes.

    Args:
        parts: its fields, in order.
        boundary: what stands between them: 1 to 70 characters, in none of the contents.

    Raises:
        ValueError: the boundary cannot be used.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise ValueError(f"not a boundary: {boundary!r}")
    delimiter = f"--{boundary}".encode()
    body = bytearray()
    for part in parts:
        if delimiter in part.content:
            raise ValueError(f"the boundary stands in the field {part.name}")
        body += delimiter + b"\r\n" + _head(part) + b"\r\n" + part.content + b"\r\n"
    return bytes(body + delimiter + b"--\r\n")


def parse(header: str, body: bytes) -> list[Part]:
    """The fields of a form, in order.

    Args:
        header: the Content-Type header that came with it.
        body: the body.

    Raises:
        MultipartError: it is none, or it is cut off.
    """
    boundary = _boundary_of(header)
    # Every delimiter but the first has a line end before it; now the first one has it, too.
    pieces = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    parts: list[Part] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return parts
        padding, line_end, content = piece.partition(b"\r\n")
        if not line_end or padding.strip(b" \t"):
            raise MultipartError("a boundary has no line of its own")
        parts.append(_part(content))
    raise MultipartError(f"no closing boundary {boundary!r}")


def _boundary_of(header: str) -> str:
    # What came in a header may be bytes of no encoding, which Python keeps as lone surrogates.
    message = _message(f"Content-Type: {header}".encode(errors="surrogateescape"))
    boundary = _parameter(message, "boundary", "content-type")
    if message.get_content_type() != MEDIA_TYPE or not boundary:
        raise MultipartError(f"not {MEDIA_TYPE} with a boundary: {header!r}")
    return boundary


def _part(piece: bytes) -> Part:
    # Without any header field, the blank line follows at once; a form's field has at least one.
    head, blank, content = piece.partition(_HEADERS_END)
    if not blank:
        raise MultipartError("a field's header does not end")
    message = _message(head)
    name = _parameter(message, "name", "content-disposition")
    if message.get_content_disposition() != "form-data" or name is None:
        raise MultipartError("a field has no name")
    filename = _parameter(message, "filename", "content-disposition")
    return Part(
        name=_unescaped(name),
        content=content,
        filename=None if filename is None else _unescaped(filename),
        content_type=str(message.get("content-type", "")),
    )


def _parameter(message: Message, name: str, header: str) -> str | None:
    value = message.get_param(name, header=header)
    return None if value is None else email.utils.collapse_rfc2231_value(value)


def _head(part: Part) -> bytes:
    fields = f'Content-Disposition: form-data; name="{_escaped(part.name)}"'
    if part.filename is not None:
        fields += f'; filename="{_escaped(part.filename)}"'
    if part.content_type:
        fields += f"\r\nContent-Type: {part.content_type}"
    return f"{fields}\r\n".encode()


def _escaped(name: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in name)


def _unescaped(name: str) -> str:
    for character, escape in _ESCAPES.items():
        name = name.replace(escape, character)
    return name


def _message(head: bytes) -> Message:
    # As text: names in UTF-8, which browsers write unescaped, stay what they are. The policy is the
    # one whose parser of parameters takes whatever comes.
    text = head.decode("utf-8", errors="replace")
    parser = email.parser.HeaderParser(policy=email.policy.compat32)
    return parser.parsestr(text)
