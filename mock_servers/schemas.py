"""Validation of what crosses the wire against the generated JSON Schemas.

Validators are made at their first use: most of what is journaled is never looked at.
"""

from __future__ import annotations

from typing import Any

from avatar_protocols import schemas

__all__ = ["SchemaCheck"]


class SchemaCheck:
    """The schemas of one revision.

    Args:
        protocol: protocol id.
        revision: revision id.
    """

    def __init__(self, protocol: str, revision: str) -> None:
        self._protocol = protocol
        self._revision = revision

    def problems(self, name: str, document: Any) -> list[str]:  # noqa: ANN401 - any JSON document
        """What a schema finds wrong with a document, one line each.

        Args:
            name: the schema's file stem, with an optional pointer into it.
            document: the document.
        """
        validator = schemas.validator(self._protocol, self._revision, name)
        try:
            return schemas.problems(validator, document)
        except ValueError as error:  # such as nesting beyond what the validator takes
            return [f".: {error}"]
