"""Where things stand in the repository."""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = ["REPOSITORY", "Layout"]

REPOSITORY = Path(__file__).resolve().parent.parent


class Layout(msgspec.Struct, frozen=True):
    """The folders that the generator reads and the one it writes.

    Attributes:
        root: the repository; paths in headers and errors are relative to it.
        out: folder of the generated Python packages; by default ``generated/python``.
    """

    root: Path = REPOSITORY
    out: Path = REPOSITORY / "generated" / "python"

    @property
    def spec(self) -> Path:
        """Specification tables, a folder for each protocol."""
        return self.root / "spec"

    @property
    def schemas(self) -> Path:
        """JSON Schemas: ``<protocol>/<revision>/``, ``adapter/v1/`` and ``meta/``."""
        return self.root / "schemas"

    @property
    def meta(self) -> Path:
        """Schemas of our own formats: the tables, plans, scenarios, traces and results."""
        return self.schemas / "meta"

    @property
    def proto(self) -> Path:
        """The buf module."""
        return self.root / "proto"

    @property
    def vectors(self) -> Path:
        """Golden vectors, a folder for each protocol."""
        return self.root / "tests" / "vectors"

    def name(self, path: Path) -> str:
        """The path as headers and errors show it."""
        return path.relative_to(self.root).as_posix()

    def protocols(self) -> list[str]:
        """Ids of the protocols that have a specification, in alphabetical order."""
        return sorted(path.parent.name for path in self.spec.glob("*/protocol.yaml"))
