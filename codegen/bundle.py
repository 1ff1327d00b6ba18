"""The schemas of a revision as package data, for validation at run time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from codegen.load import read_json
from codegen.naming import revision_module
from codegen.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from codegen.layout import Layout
    from codegen.model import Specification
    from codegen.tree import Tree

__all__ = ["add_bundle", "add_bundle_loader", "add_meta_bundle"]


def add_bundle(spec: Specification, revision: str, layout: Layout, tree: Tree) -> None:
    """Take ``schemas.json`` of a revision: every schema by its file's stem."""
    home = f"avatar_protocols/{spec.id}/{revision_module(revision)}"
    _add(f"{home}/schemas.json", layout.schemas / spec.id / revision, layout, tree)


def add_meta_bundle(layout: Layout, tree: Tree) -> None:
    """Take the schemas of our own formats and of the adapter contract."""
    _add("avatar_protocols/meta.json", layout.meta, layout, tree)
    _add("avatar_protocols/adapter/v1.json", layout.schemas / "adapter" / "v1", layout, tree)


def add_bundle_loader(tree: Tree) -> None:
    """Take ``schemas.py``, which reads the bundles."""
    tree.add("avatar_protocols/schemas.py", render("schemas.py.jinja"), ["codegen/templates"])


def _add(path: str, folder: Path, layout: Layout, tree: Tree) -> None:
    table = {
        file.name.removesuffix(".schema.json"): read_json(file, layout)
        for file in sorted(folder.glob("*.schema.json"))
    }
    origin = {"generated": f"by codegen from {layout.name(folder)}. Do not edit."}
    text = json.dumps(origin | {"schemas": table}, ensure_ascii=False, indent=1)
    tree.add(path, text + "\n")
