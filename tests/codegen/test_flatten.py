from __future__ import annotations

import json

import pytest

from codegen.flatten import closure, flatten, references
from codegen.problems import SourceError


def files(layout, revision="1.0"):
    return sorted((layout.schemas / "demo" / revision).glob("*.json"))


def test_roots_and_definitions_become_one_set(layout) -> None:
    flat = flatten(files(layout), layout)
    assert flat.roots == {"events": "DemoEvent", "start-request": "StartRequest"}
    assert set(flat.schemas) == {"DemoEvent", "InputText", "Bye", "Text", "StartRequest"}
    assert flat.schemas["InputText"]["properties"]["data"] == {"$ref": "#/$defs/Text"}
    assert flat.schemas["DemoEvent"]["discriminator"]["mapping"]["bye"] == "#/$defs/Bye"
    assert "$id" not in flat.schemas["DemoEvent"]


def test_files_that_were_not_asked_for_come_along_only_if_referred_to(layout) -> None:
    events = layout.schemas / "demo" / "1.0" / "events.schema.json"
    flat = flatten([events], layout)
    assert "Text" in flat.schemas
    assert "StartRequest" not in flat.schemas


def test_references_by_id_are_followed(layout, put) -> None:
    schema = {"$schema": "x", "title": "Other", "$ref": "urn:demo:events#/$defs/Bye"}
    path = put("schemas/demo/1.0/other.schema.json", json.dumps(schema))
    assert flatten([path], layout).schemas["Other"]["$ref"] == "#/$defs/Bye"


def test_recursion_ends(layout, put) -> None:
    schema = {"title": "Tree", "properties": {"children": {"items": {"$ref": "#"}}}}
    path = put("schemas/demo/1.0/tree.schema.json", json.dumps(schema))
    flat = flatten([path], layout).schemas
    assert flat["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"title": "A", "$ref": "#/$defs/None"}, "known-reference"),
        ({"title": "A", "$ref": "nowhere.schema.json"}, "known-reference"),
        ({"type": "object"}, "titled"),
        ({"title": "Bye", "type": "object"}, "unique-names"),
    ],
)
def test_faults_are_named(layout, put, schema, rule) -> None:
    put("schemas/demo/1.0/x.schema.json", json.dumps(schema))
    with pytest.raises(SourceError) as caught:
        flatten(files(layout), layout)
    (problem,) = caught.value.problems
    assert problem.rule == rule
    assert problem.file == "schemas/demo/1.0/x.schema.json"


def test_closure_takes_what_is_needed_in_order(layout) -> None:
    flat = flatten(files(layout), layout).schemas
    assert list(closure(flat, ["InputText"])) == [n for n in flat if n in {"InputText", "Text"}]
    assert set(references(flat["DemoEvent"])) == {"InputText", "Bye"}
