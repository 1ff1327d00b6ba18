from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scenarios(tmp_path: Path) -> Any:
    """A folder of scenarios: write one with ``scenarios(text, path)``, or read its path."""
    folder = tmp_path / "scenarios"

    def write(text: str, place: str = "avatarkit/client/topic.yaml") -> Path:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    write.folder = folder  # type: ignore[attr-defined]  # a fixture of two uses
    return write
