"""The committed code is what exactly these versions produce: those of the group ``codegen``."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from codegen.problems import ToolError

if TYPE_CHECKING:
    from codegen.layout import Layout

__all__ = ["check_pins", "pins"]

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9a-z.]+)")


def pins(layout: Layout) -> dict[str, str]:
    """Pinned versions by package; empty for a repository without a pyproject.toml."""
    path = layout.root / "pyproject.toml"
    if not path.is_file():
        return {}
    groups = tomllib.loads(path.read_text(encoding="utf-8")).get("dependency-groups", {})
    found = (_PIN.fullmatch(item) for item in groups.get("codegen", []) if isinstance(item, str))
    return {match[1]: match[2] for match in found if match is not None}


def check_pins(layout: Layout) -> None:
    """Refuse to generate with other versions, whose code would differ.

    Raises:
        ToolError: a package is missing or has another version.
    """
    wrong: list[str] = []
    for name, wanted in pins(layout).items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "not installed"
        if installed != wanted:
            wrong.append(f"{name} {wanted} is pinned, here it is {installed}")
    if wrong:
        raise ToolError("\n".join([*wrong, "Run: nox -s generate"]))
