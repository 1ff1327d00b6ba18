from __future__ import annotations

import json

import pytest

from codegen.problems import SourceError
from codegen.validate import (
    MetaSchemas,
    json_path,
    load_specification,
    validate_schemas,
    validate_vectors,
)


def faults(layout) -> list[str]:
    with pytest.raises(SourceError) as caught:
        load_specification("demo", layout, MetaSchemas(layout))
    return [str(problem) for problem in caught.value.problems]


def test_json_path() -> None:
    assert json_path(["requirements", 3, "level"]) == "requirements[3].level"
    assert json_path([]) == ""


def test_a_valid_specification_is_typed(layout) -> None:
    spec = load_specification("demo", layout, MetaSchemas(layout))
    assert spec.id == "demo"
    assert spec.protocol.active() == ["1.0", "2.0"]
    assert spec.requirements.requirements[1].open_points == ["OP-1"]
    assert spec.states.machines["connection"].events["open"].origin == "client"
    assert spec.errors.catalogue[1].http is not None
    assert spec.frames is not None


def test_frames_are_optional(layout) -> None:
    (layout.spec / "demo" / "frames.yaml").unlink()
    assert load_specification("demo", layout, MetaSchemas(layout)).frames is None


@pytest.mark.parametrize(
    ("table", "old", "new", "expected"),
    [
        ("requirements", "level: MUST,", "level: SHALL,", "requirements[0].level (DEM-CONN-001)"),
        ("requirements", "source: both, ", "", '"source" is a required property'),
        ("requirements", "why: Nobody is hurt., ", "", '"why" is a required property'),
        ("requirements", "open_point: OP-1, ", "", '"open_point" is a required property'),
        ("requirements", "observable: wire", "observable: maybe", "observable (DEM-CONN-001)"),
        ("states", "from: client", "from: nobody", "machines.connection.events.open.from"),
        (
            "states",
            "on: {open: OPEN}",
            "on: {open: open}",
            "machines.connection.states.NEW.on.open",
        ),
        ("errors", "status: 401", "status: 99", "catalogue[0].http.status (token_expired)"),
        ("errors", "text: [expired]", "text: [Expired]", "classification[1].text[0]"),
        ("errors", "code: 1011", "code: 10", "catalogue[2].close.code (gone)"),
        ("frames", "bits: 14", "bits: 0", "frames.Beat.fields[3].bits (count)"),
        ("frames", "header_bytes: 5\n    ", "", '"header_bytes" is a required property'),
        ("protocol", "prefix: DEM", "prefix: Demo", "prefix"),
        ("protocol", "kind: http,", "kind: smtp,", "endpoints.start.kind"),
        ("protocol", "value: 10.0", "values: 10.0", "constants.Timeout.UPGRADE"),
    ],
)
def test_a_bad_table_names_file_place_and_rule(*, layout, edit, table, old, new, expected) -> None:
    edit(table, old, new)
    lines = faults(layout)
    assert all(line.startswith(f"spec/demo/{table}.yaml: ") for line in lines)
    assert any(expected in line for line in lines), lines
    assert all(line.endswith("]") for line in lines)


def test_the_faults_of_all_tables_are_reported_together(layout, edit) -> None:
    edit("requirements", "level: MUST,", "level: SHALL,")
    edit("errors", "status: 401", "status: 99")
    (layout.spec / "demo" / "states.yaml").unlink()
    files = {line.partition(":")[0] for line in faults(layout)}
    assert files == {f"spec/demo/{name}.yaml" for name in ("requirements", "errors", "states")}


def test_vectors_are_validated(layout, put) -> None:
    put(
        "tests/vectors/demo/bad.yaml",
        """
        flags: {known: it is}
        vectors:
          - {id: a, hex: '0'}
          - {id: a, flags: [known, unknown]}
        """,
    )
    put("tests/vectors/demo/worse.yaml", "vectors:\n  - {hex: 'XY'}\n")
    put("tests/vectors/demo/worst.yaml", "vectors: [")
    rules = [problem.rule for problem in validate_vectors(layout, MetaSchemas(layout))]
    assert sorted(rules) == [
        "$defs/vector/properties/hex/pattern",
        "$defs/vector/required",
        "known-flag",
        "unique-ids",
        "whole-bytes",
        "yaml",
    ]


def test_schemas_are_validated(layout, put) -> None:
    assert validate_schemas(layout) == []
    dialect = "https://json-schema.org/draft/2020-12/schema"
    put("schemas/demo/1.0/a.schema.json", json.dumps({"$schema": dialect, "type": "strin"}))
    put("schemas/demo/1.0/b.schema.json", json.dumps({"type": "string"}))
    put("schemas/demo/1.0/c.json", json.dumps({"$schema": dialect}))
    put("schemas/demo/1.0/d.schema.json", "{")
    audio = {"properties": {"audio": {"contentEncoding": "base64"}}}
    put("schemas/demo/1.0/e.schema.json", json.dumps({"$schema": dialect, **audio}))
    rules = {problem.file[-13:]: problem.rule for problem in validate_schemas(layout)}
    assert rules == {
        "a.schema.json": "json-schema",
        "b.schema.json": "dialect",
        "s/demo/1.0/c.json"[-13:]: "file-name",
        "d.schema.json": "json",
        "e.schema.json": "base64-pattern",
    }


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "#/$defs/Nothing"}, "Nothing"),
        ({"$ref": "nowhere.schema.json"}, "nowhere"),
        ({"$id": "urn:demo:x", "$ref": "shared.schema.json"}, "shared.schema.json"),
    ],
)
def test_a_reference_that_no_validator_could_follow_is_a_fault(
    layout, put, schema, message
) -> None:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    put("schemas/demo/1.0/x.schema.json", json.dumps({"$schema": dialect, **schema}))
    (problem,) = validate_schemas(layout)
    assert problem.rule == "resolvable"
    assert message in problem.message
