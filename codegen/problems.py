"""What can be wrong with the sources, said so that an author finds the place at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Problem", "SourceError", "ToolError"]


class Problem(msgspec.Struct, frozen=True, order=True):
    """One fault in one source file.

    Attributes:
        file: path from the repository's root.
        path: place inside the file, such as ``requirements[3].level``; "" for the whole file.
        rule: what was broken: a meta-schema keyword, or the name of a cross-check.
        message: the fault in words.
    """

    file: str
    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        return f"{place}: {self.message} [{self.rule}]"


class SourceError(Exception):
    """The sources cannot be generated from.

    Attributes:
        problems: every fault found, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class ToolError(Exception):
    """A tool of the generator is missing or failed; the text says which one and what it wrote."""
