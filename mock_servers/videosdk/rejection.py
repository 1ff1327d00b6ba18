"""Why somebody may not enter a room."""

from __future__ import annotations

__all__ = ["JoinRefusedError"]


class JoinRefusedError(Exception):
    """The room does not let somebody in (OP-8).

    Attributes:
        row: row of the error catalogue.
        detail: why, in words; never the token itself.
    """

    def __init__(self, row: str, detail: str) -> None:
        super().__init__(row, detail)
        self.row = row
        self.detail = detail

    def __str__(self) -> str:
        return self.detail
