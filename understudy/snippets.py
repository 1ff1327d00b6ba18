"""How to point a vendor's SDK at a running platform: a few lines of code for each, ready to paste.

The snippets are templates, one file for each SDK in ``snippets/<protocol>/``; they are found by
their place. A revision that no package speaks has none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2

from avatar_protocols.registry import resolve

if TYPE_CHECKING:
    from mock_servers.platform import Platform

__all__ = ["snippets"]

_FOLDER: Final = Path(__file__).with_name("snippets")
_SUFFIX: Final = ".jinja"


def snippets(platform: Platform) -> dict[str, str]:
    """The snippets of a platform that runs, by SDK: code with its URLs and credentials in it."""
    packages = resolve(platform.protocol, platform.revision).packages
    if not packages:
        return {}
    folder = _FOLDER / platform.protocol
    return {
        path.stem: _render(path, platform, packages)
        for path in sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stem)
    }


def _render(path: Path, platform: Platform, packages: tuple[str, ...]) -> str:
    environment = jinja2.Environment(  # noqa: S701 - code, not HTML
        undefined=jinja2.StrictUndefined, keep_trailing_newline=False, trim_blocks=True
    )
    environment.filters["literal"] = _literal
    template = environment.from_string(path.read_text(encoding="utf-8"))
    return template.render(
        urls=platform.urls,
        credentials=platform.credentials,
        control=platform.control_url,
        guarded=platform.server is not None and bool(platform.server.control_token),
        packages=" ".join(f'"{package}"' for package in packages),
    )


def _literal(value: str) -> str:
    """A text as a literal of Python, and of most other languages."""
    return json.dumps(value)
