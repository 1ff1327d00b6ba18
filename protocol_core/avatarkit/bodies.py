"""What a client reads in the body of a refused token call or upgrade (section 2; AVK-ERR-003).

Vendors answer with an error list, a flat object, or plain text; anything else says nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NO_DETAILS", "ErrorDetails", "parse_json", "parse_object", "read_details"]


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a body, all as text.

    Attributes:
        status: the body's own status.
        code: machine-readable code.
        title: short text.
        detail: ``detail``, else ``message``, else the whole of a plain text.
    """

    status: str | None = None
    code: str | None = None
    title: str | None = None
    detail: str | None = None

    @property
    def status_number(self) -> int | None:
        """The status if it is an integer (AVK-AUTH-007)."""
        try:
            return None if self.status is None else int(self.status)
        except ValueError:
            return None


NO_DETAILS: Final = ErrorDetails()


def parse_json(text: str) -> object:
    """The document, or None if the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object, or None if the text is none."""
    return _object(parse_json(text))


def _object(document: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def read_details(text: str, *, plain: bool) -> ErrorDetails:
    """Read a body.

    Args:
        text: the body.
        plain: whether text that is not JSON counts: at the upgrade, but not at the token call
            (AVK-ERR-007).
    """
    document = parse_json(text)
    body = _object(document)
    if body is not None:
        return _read_object(body)
    if document is None and plain:
        return ErrorDetails(detail=text.strip() or None)
    return NO_DETAILS


def _read_object(body: dict[str, Any]) -> ErrorDetails:
    errors = body.get(ErrorBody.ERRORS)
    if isinstance(errors, list) and errors:
        first = _object(cast("list[object]", errors)[0])
        if first is not None:
            return _read_members(first, ErrorBody.LIST_CODE)
    return _read_members(body, ErrorBody.FLAT_CODE)


def _read_members(members: Mapping[str, Any], code_names: Sequence[str]) -> ErrorDetails:
    return ErrorDetails(
        status=_text(members, (ErrorBody.STATUS,)),
        code=_text(members, code_names),
        title=_text(members, (ErrorBody.TITLE,)),
        detail=_text(members, ErrorBody.DETAIL),
    )


def _text(members: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first truthy member, or failing that the last, as text."""
    value = None
    for name in names:
        value = members.get(name)
        if value:
            break
    return None if value is None else str(value)
