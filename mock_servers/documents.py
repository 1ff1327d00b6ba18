"""Documents of unknown content: reading them, telling what they are, filling in variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeGuard

from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NoObjectError", "is_list", "is_object", "parse_object", "substitute"]


class NoObjectError(ValueError):
    """A text that is no JSON, or JSON that is no object; it says which."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a decoded document is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a decoded document is a list."""
    return isinstance(value, list)


def parse_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object that a message or a body consists of.

    Raises:
        NoObjectError: it is something else.
    """
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoObjectError(f"not JSON: {error}") from None
    if not is_object(document):
        raise NoObjectError(f"a JSON {type(document).__name__}, not an object")
    return document


def substitute(value: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401 - any document
    """Replace strings that begin with ``$`` by variables; ``$$`` stands for ``$``.

    The value itself stays as it is.

    Raises:
        ConfigurationError: there is no such variable.
    """
    if is_object(value):
        return {key: substitute(part, variables) for key, part in value.items()}
    if is_list(value):
        return [substitute(part, variables) for part in value]
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if value.startswith("$$"):
        return value[1:]
    if value[1:] not in variables:
        fail("data", "no such variable", value, [f"${name}" for name in variables])
    return variables[value[1:]]
