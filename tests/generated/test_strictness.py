"""Whatever a schema refuses is refused: by the Struct, or by the validator of the bundled schema.

Three parts: the keywords that datamodel-code-generator loosens, one by one; the vectors of the
protocols; and mutations of valid samples, judged by the reference validator.
"""

from __future__ import annotations

import copy
import json
import sys
import types
from typing import Any

import jsonschema
import jsonschema_rs
import msgspec
import pytest
import referencing

from avatar_protocols import results, schemas, trace
from avatar_protocols.adapter import v1 as adapter
from avatar_protocols.avatarkit.v0_1_7 import rest as avk_rest
from avatar_protocols.liveavatar.v0_2 import messages
from avatar_protocols.liveavatar.v0_2 import rest as lac_rest
from codegen.structs import struct_module
from codegen.validate import BASE64

LAC, AVK = ("liveavatar", "0.2"), ("avatarkit", "0.1.7")


def struct_takes(kind: Any, value: Any) -> bool:
    try:
        msgspec.json.decode(json.dumps(value), type=kind)
    except msgspec.ValidationError:
        return False
    return True


# -- the keywords -------------------------------------------------------------------------------

TEXT = {"type": "string"}
KEYWORDS = {
    # keyword: (schema of the object, a valid sample, an invalid one, who refuses it)
    "additionalProperties": (
        {"additionalProperties": False, "properties": {"a": TEXT}},
        {"a": "x"},
        {"b": "x"},
        "struct",
    ),
    "required": ({"properties": {"a": TEXT}, "required": ["a"]}, {"a": ""}, {}, "struct"),
    "type": ({"properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": "1"}, "struct"),
    "not null": ({"properties": {"a": TEXT}}, {}, {"a": None}, "struct"),
    "minimum": (
        {"properties": {"a": {"type": "integer", "minimum": 1}}},
        {"a": 1},
        {"a": 0},
        "struct",
    ),
    "maximum": (
        {"properties": {"a": {"type": "number", "maximum": 2}}},
        {"a": 2},
        {"a": 2.5},
        "struct",
    ),
    "minLength": ({"properties": {"a": TEXT | {"minLength": 1}}}, {"a": "x"}, {"a": ""}, "struct"),
    "minItems": (
        {"properties": {"a": {"type": "array", "items": TEXT, "minItems": 1}}},
        {"a": ["x"]},
        {"a": []},
        "struct",
    ),
    "enum": ({"properties": {"a": {"enum": ["x", "y"]}}}, {"a": "x"}, {"a": "z"}, "struct"),
    "const text": ({"properties": {"a": {"const": "x"}}}, {"a": "x"}, {"a": "y"}, "struct"),
    "const false": (
        {"properties": {"a": {"type": "boolean", "const": False}}},
        {"a": False},
        {"a": True},
        "schema",
    ),
    "pattern": (
        {"properties": {"a": TEXT | {"pattern": "^[a-z]+$"}}},
        {"a": "x"},
        {"a": "X"},
        "struct",
    ),
    "base64": (
        {"properties": {"a": TEXT | {"contentEncoding": "base64", "pattern": BASE64}}},
        {"a": "AAA="},
        {"a": "AAA"},
        "struct",
    ),
    "format": (
        {"properties": {"a": TEXT | {"format": "date-time"}}},
        {"a": "2025-01-02T03:04:05Z"},
        {"a": "yesterday"},
        "schema",
    ),
    "patternProperties": (
        {"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
        {"x-a": 1},
        {"y": 1},
        "either",
    ),
    "propertyNames": (
        {"additionalProperties": {"type": "integer"}, "propertyNames": {"pattern": "^[a-z]$"}},
        {"a": 1},
        {"A": 1},
        "either",
    ),
    "if/then": (
        {
            "properties": {"code": {"type": "integer"}, "data": TEXT},
            "if": {"properties": {"code": {"const": 0}}, "required": ["code"]},
            "then": {"required": ["data"]},
        },
        {"code": 1},
        {"code": 0},
        "schema",
    ),
    "dependentRequired": (
        {"properties": {"a": TEXT, "b": TEXT}, "dependentRequired": {"a": ["b"]}},
        {"b": ""},
        {"a": ""},
        "schema",
    ),
    "not": (
        {"properties": {"a": TEXT, "b": TEXT}, "not": {"required": ["a", "b"]}},
        {"a": ""},
        {"a": "", "b": ""},
        "schema",
    ),
    "uniqueItems": (
        {"properties": {"a": {"type": "array", "items": TEXT, "uniqueItems": True}}},
        {"a": ["x", "y"]},
        {"a": ["x", "x"]},
        "schema",
    ),
}


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_each_keyword_is_held(keyword) -> None:
    body, valid, invalid, guard = KEYWORDS[keyword]
    schema = {"title": "Sample", "type": "object", **body}
    module = types.ModuleType("strictness_sample")
    sys.modules[module.__name__] = module
    exec(compile(struct_module({"Sample": schema}, "Sample."), "sample", "exec"), module.__dict__)
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    assert struct_takes(module.Sample, valid)
    assert validator.is_valid(valid)
    refused_by_struct = not struct_takes(module.Sample, invalid)
    refused_by_schema = not validator.is_valid(invalid)
    assert refused_by_struct or refused_by_schema
    if guard == "struct":
        assert refused_by_struct, "the generated Struct has become laxer"
    if guard == "schema":
        assert refused_by_schema


# -- the vectors --------------------------------------------------------------------------------


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


@pytest.mark.vectors("liveavatar", "invalid_events")
def test_an_invalid_event_is_refused(vector) -> None:
    text = vector["text"]
    if not is_json(text):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(text, type=messages.Event)
        return
    value = json.loads(text)
    by_struct = not struct_takes(messages.Event, value)
    by_schema = not schemas.validator(*LAC, "events").is_valid(value)
    assert by_schema
    assert by_struct != ("schema_only" in vector["flags"])


@pytest.mark.vectors("liveavatar", "events")
def test_a_valid_event_is_taken_by_both(vector) -> None:
    value = json.loads(vector["text"])
    if vector["event"] not in list(messages.MessageName):
        return
    assert struct_takes(messages.Event, value)
    assert schemas.validator(*LAC, "events").is_valid(value)


@pytest.mark.vectors("liveavatar", "rest", only=lambda row: is_json(row["text"]))
def test_rest_bodies_are_judged_as_the_vectors_say(vector) -> None:
    value = json.loads(vector["text"])
    validator = schemas.validator(*LAC, vector["schema"])
    assert validator.is_valid(value) == vector["valid"]
    if vector["valid"]:
        kind = getattr(lac_rest, schemas.load(*LAC)[vector["schema"]]["title"])
        assert struct_takes(kind, value)


# -- mutations ----------------------------------------------------------------------------------

ERROR = {"kind": "protocol", "code": "x", "http_status": 401, "close_code": None}
CLAIM = {"protocol": "avatarkit", "revisions": ["0.1.7"], "roles": ["client"]}
VERDICT = {
    "implementation": "x 1",
    "protocol": "avatarkit",
    "revision": "0.1.7",
    "role": "client",
    "scenario": "avatarkit/client/a/b",
    "requirement": "AVK-AUTH-001",
    "level": "MUST",
    "outcome": "pass",
    "message": "",
    "trace": "traces/a.jsonl",
}
RECORD = {"seq": 0, "time": 0.5, "source": "wire", "kind": "message", "opcode": "text", "raw": "{}"}

SAMPLES: list[tuple[str, Any, Any, Any]] = [
    # (name, schema or (protocol, revision, schema), Struct, valid sample)
    ("token-request", (*AVK, "token-request"), avk_rest.TokenRequest, {"expireAt": 1}),
    (
        "token-response",
        (*AVK, "token-response"),
        avk_rest.TokenResponse,
        {"sessionToken": "t", "errors": []},
    ),
    (
        "start-response",
        (*LAC, "start-response"),
        lac_rest.SessionStartResponse,
        {
            "code": 0,
            "message": "ok",
            "data": {"sessionId": "s", "sfuUrl": "u", "userToken": "t", "agentWsUrl": "w"},
        },
    ),
    (
        "response.start",
        (*LAC, "events"),
        messages.Event,
        {
            "event": "response.start",
            "requestId": "r",
            "responseId": "x",
            "data": {"audioConfig": {"speed": 1.0, "volume": 1, "mood": "happy"}},
        },
    ),
    ("command", ("adapter", "command"), adapter.Command, {"id": 1, "command": "describe"}),
    ("done", ("adapter", "answer"), adapter.Answer, {"id": 1, "answer": "done", "result": {}}),
    ("failed", ("adapter", "answer"), adapter.Answer, {"id": 1, "answer": "error", "error": ERROR}),
    (
        "unsupported",
        ("adapter", "answer"),
        adapter.Answer,
        {"id": 2, "answer": "unsupported", "reason": "no"},
    ),
    ("event", ("adapter", "event"), adapter.Event, {"event": "error", "data": ERROR}),
    (
        "describe",
        ("adapter", "describe"),
        adapter.Description,
        {
            "contract": 1,
            "name": "x",
            "version": "1",
            "language": "python",
            "implementations": [CLAIM | {"features": ["a"], "missing": {"b": "why"}}],
        },
    ),
    ("record", ("meta", "trace"), trace.Record, RECORD),
    ("verdict", ("meta", "results#/$defs/Verdict"), results.Verdict, VERDICT),
]


def validators(where) -> tuple[Any, jsonschema.Draft202012Validator]:
    """The fast validator that ships, and the reference validator over the same documents."""
    if len(where) == 3:
        protocol, revision, name = where
        documents = schemas.load(protocol, revision)
        return schemas.validator(protocol, revision, name), reference(documents, name)
    own, name = where
    fast = schemas.meta_validator(name) if own == "meta" else schemas.adapter_validator(name)
    load = schemas.meta if own == "meta" else schemas.adapter
    known = {"meta": ["common", "trace", "results"], "adapter": ["answer", "command", "describe"]}
    names = [*known[own], *(["error", "event"] if own == "adapter" else [])]
    return fast, reference({stem: load(stem) for stem in names}, name)


def reference(documents: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    base = "https://schemas.invalid/"
    registry = referencing.Registry().with_resources(
        (schema.get("$id", f"{base}{stem}.schema.json"), referencing.Resource.from_contents(schema))
        for stem, schema in documents.items()
    )
    stem, _, pointer = name.partition("#")
    uri = documents[stem].get("$id", f"{base}{stem}.schema.json")
    return jsonschema.Draft202012Validator(
        {"$ref": f"{uri}#{pointer}"},
        registry=registry,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )


OTHERS: tuple[Any, ...] = (None, True, -1, 0, 1.5, "", "zzz", [], [None], {}, {"zzz": 1})


def mutations(value: Any):
    """Samples that differ from a valid one in one place."""
    if isinstance(value, dict):
        for key in value:
            yield {other: item for other, item in value.items() if other != key}
            for changed in mutations(value[key]):
                yield value | {key: changed}
        yield value | {"zzz": 1}
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield value[:index] + value[index + 1 :]
            for changed in mutations(item):
                yield [*value[:index], changed, *value[index + 1 :]]
        yield [*value, *value]
    yield from (copy.deepcopy(other) for other in OTHERS if type(other) is not type(value))
    if isinstance(value, str):
        yield from ("", "zzz", f"{value} ")
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from (-1, 0, value + 1)


@pytest.mark.parametrize(
    ("where", "kind", "sample"), [row[1:] for row in SAMPLES], ids=[row[0] for row in SAMPLES]
)
def test_each_mutation_of_a_sample_is_judged_alike(where, kind, sample) -> None:
    fast, slow = validators(where)
    assert fast.is_valid(sample), schemas.problems(fast, sample)
    assert struct_takes(kind, sample)
    refused = 0
    for changed in mutations(sample):
        valid = slow.is_valid(changed)
        assert fast.is_valid(changed) == valid, changed
        if valid:
            assert struct_takes(kind, changed), (
                f"the Struct refuses what the schema takes: {changed}"
            )
        else:
            refused += 1
    assert refused, "no mutation was invalid: the sample proves nothing"
