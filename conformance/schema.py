"""Checks the suite's own data against the schemas in ``schemas/meta``, and explains violations."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

import msgspec

from mock_servers.documents import is_object

if TYPE_CHECKING:
    import jsonschema_rs

__all__ = ["Violation", "violation"]

_UNEXPECTED = re.compile(r"'([^']+)' was unexpected")


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that a document breaks.

    Attributes:
        path: where in the document.
        message: what is wrong there.
        hint: what to do about it, if the schema says.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


def violation(schema: str, definition: str, value: object) -> Violation | None:
    """The most telling violation of a schema, or None if the value is valid.

    Args:
        schema: stem of a file in ``schemas/meta``.
        definition: name of one of its ``$defs``; "" for the schema itself.
        value: the document.
    """
    from avatar_protocols import schemas

    pointer = f"#/$defs/{definition}" if definition else ""
    validator = schemas.meta_validator(f"{schema}{pointer}")
    if validator.is_valid(value):
        return None
    # The deepest error tells most: "steps[2].await" beats "does not match the schema".
    error = max(validator.iter_errors(value), key=lambda e: len(list(e.instance_path)))
    return Violation(
        path=tuple(error.instance_path),
        message=_shorten(error.message),
        hint=_hint(error, schema),
    )


def _shorten(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _hint(error: jsonschema_rs.ValidationError, schema: str) -> str:
    """What the schema allows at the offending place."""
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    if rule == "required":
        return "add the missing member"
    parent = _rule_of(error, schema)
    if rule in {"additionalProperties", "unevaluatedProperties"} and "properties" in parent:
        known = sorted(parent["properties"])
        unexpected = _UNEXPECTED.search(error.message)
        near = difflib.get_close_matches(unexpected[1], known, n=1) if unexpected else []
        return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    options = parent.get("oneOf", ())
    if rule == "oneOf" and all("required" in option for option in options):
        return f"exactly one of: {', '.join(option['required'][0] for option in options)}"
    description = parent.get("description", "")
    return str(description).rstrip(".")


def _rule_of(error: jsonschema_rs.ValidationError, schema: str) -> dict[str, Any]:
    """The schema object that holds the violated rule; {} if it cannot be found."""
    from avatar_protocols import schemas

    for document in (schema, "common"):
        node: Any = schemas.meta(document)
        try:
            for part in list(error.schema_path)[:-1]:
                node = node[part]
        except (KeyError, IndexError, TypeError):
            continue
        return node if is_object(node) else {}
    return {}
