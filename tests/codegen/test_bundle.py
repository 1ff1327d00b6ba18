from __future__ import annotations

import json

from codegen.bundle import add_bundle, add_bundle_loader, add_meta_bundle
from codegen.load import read_json
from codegen.tree import Tree
from codegen.validate import MetaSchemas, load_specification


def test_a_bundle_holds_every_schema_as_it_is(layout) -> None:
    spec = load_specification("demo", layout, MetaSchemas(layout))
    tree = Tree()
    add_bundle(spec, "1.0", layout, tree)
    (text,) = tree.files.values()
    bundle = json.loads(text)
    assert bundle["generated"] == "by codegen from schemas/demo/1.0. Do not edit."
    assert list(bundle["schemas"]) == ["events", "shared", "start-request"]
    source = layout.schemas / "demo" / "1.0" / "events.schema.json"
    assert bundle["schemas"]["events"] == read_json(source, layout)


def test_our_own_formats_are_bundled_too(layout) -> None:
    tree = Tree()
    add_meta_bundle(layout, tree)
    add_bundle_loader(tree)
    names = {str(path) for path in tree.files}
    assert names == {
        "avatar_protocols/meta.json",
        "avatar_protocols/adapter/v1.json",
        "avatar_protocols/schemas.py",
    }
