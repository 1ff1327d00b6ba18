"""A small repository: one protocol of two revisions, everything the generator can meet once."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING

import pytest

from codegen.layout import REPOSITORY, Layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROTOCOL = """
protocol: demo
title: Demo Channel
prefix: DEM
roles: {client: caller, server: platform}
default_revision: "1.0"
features: {echo: repeats what it hears}
revisions:
  "1.0": {status: active, aliases: ["1.0.3"], packages: ["demo==1.0.3"], sources: [README 1.0]}
  "2.0": {status: active, sources: [README 2.0]}
  "3.0": {status: planned, sources: [README 3.0]}
endpoints:
  start: {kind: http, method: POST, base: console, path: /start, source: doc}
  socket: {kind: websocket, method: GET, base: ingress, path: "", source: sdk, note: As given.}
constants:
  Timeout:
    UPGRADE: {value: 10.0, unit: s, source: sdk, requirement: DEM-CONN-001}
    IDLE: {value: 60, unit: s, source: doc, revisions: ["2.0"]}
  Rate:
    ALL: {value: [8000, 16000], unit: Hz, source: doc}
"""

REQUIREMENTS = """
requirements:
  - {id: DEM-CONN-001, level: MUST, role: client, revisions: ["1.0", "2.0"], text: Connect once.,
     source: both, observable: wire, checks: [DEM-CONN-001]}
  - {id: DEM-CONN-002, level: SHOULD, proposed: MUST, why: Nobody is hurt., role: both,
     revisions: ["2.0"], text: Be polite., source: assumption, open_point: OP-1, observable: api,
     server_observable: "no: inside", checks: [DEM-CONN-002.manners]}
open_points:
  - {id: OP-1, issue: Nobody says it., decision: Be polite.}
"""

STATES = """
machines:
  connection:
    revisions: ["1.0"]
    initial: NEW
    events:
      open: {from: client}
      input.text: {from: server, message: input.text, description: The user wrote.}
      close: {from: both}
    states:
      NEW: {description: Nothing happened., on: {open: OPEN}}
      OPEN: {description: It runs., on: {input.text: OPEN, close: CLOSED}}
      CLOSED: {description: The end., ignored: [input.text]}
  later_connection:
    name: connection
    revisions: ["2.0"]
    initial: IDLE
    events:
      wake: {from: client}
    states:
      IDLE: {description: Nothing happens., on: {wake: AWAKE}}
      AWAKE: {description: It runs.}
"""

ERRORS = """
codes:
  - {code: tokenExpired, meaning: The token is too old., retry: false}
  - {code: NO_CAPACITY, number: 40001, meaning: Nobody is free., retry: true}
phases: [token, runtime]
catalogue:
  - {name: token_expired, at: upgrade, http: {status: 401, text: token is expired},
     code: tokenExpired, phase: token, requirement: DEM-CONN-001}
  - {name: busy, at: rest, http: {status: 200, json: {code: 40001, tags: [a]}}, code: NO_CAPACITY}
  - {name: gone, at: runtime, message: {code: 7}, close: {code: 1011, reason: gone},
     code: null, revisions: ["2.0"]}
classification:
  - {row: 1, codes: ["7"], code: NO_CAPACITY}
  - {row: 2, any: true, text: [expired], http: [401], phases: [token], code: tokenExpired}
  - {row: 3, http_range: [400, 499], code: tokenExpired}
  - {row: 4, http: [503], code: NO_CAPACITY, revisions: ["2.0"]}
"""

FRAMES = """
frames:
  Beat:
    description: A beat of the drum.
    header_bytes: 5
    payload: {length_field: length, max: 200}
    fields:
      - {name: kind, bits: 2, const: 1}
      - {name: loud, bits: 1, flag: true, default: false, wire: L}
      - {name: tone, bits: 3, enum: {LOW: 0, HIGH: 2}, default: LOW}
      - {name: count, bits: 14, wraps: true, unit: beats}
      - {name: volume, bits: 4, min: 1, max: 11, default: 5}
      - {name: reserved, bits: 8, const: 0}
      - {name: length, bits: 8}
  Marker:
    description: A mark.
    header_bytes: 12
    payload: {length_field: length}
    revisions: ["2.0"]
    fields:
      - {name: magic, bits: 32, const: 2166136261}
      - {name: position, bits: 48}
      - {name: length, bits: 16}
"""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

EVENTS = {
    "$schema": DIALECT,
    "$id": "urn:demo:events",
    "title": "DemoEvent",
    "description": "Every event.",
    "discriminator": {
        "propertyName": "event",
        "mapping": {"input.text": "#/$defs/InputText", "bye": "#/$defs/Bye"},
    },
    "oneOf": [{"$ref": "#/$defs/InputText"}, {"$ref": "#/$defs/Bye"}],
    "$defs": {
        "InputText": {
            "title": "InputText",
            "description": "The user wrote.",
            "type": "object",
            "additionalProperties": False,
            "required": ["event", "requestId", "data"],
            "properties": {
                "event": {"type": "string", "const": "input.text"},
                "requestId": {"type": "string", "minLength": 1, "description": "One turn."},
                "data": {"$ref": "urn:demo:shared#/$defs/Text"},
                "retries": {"type": "integer", "minimum": 0, "maximum": 5, "default": 2},
                "tags": {"type": "array", "items": {"type": "string"}, "default": []},
            },
        },
        "Bye": {
            "title": "Bye",
            "type": "object",
            "required": ["event"],
            "properties": {"event": {"type": "string", "const": "bye"}},
        },
    },
}

SHARED = {
    "$schema": DIALECT,
    "$id": "urn:demo:shared",
    "$defs": {
        "Text": {
            "title": "Text",
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string"}, "mood": {"enum": ["glad", "sad"]}},
        }
    },
}

START = {
    "$schema": DIALECT,
    "title": "StartRequest",
    "type": "object",
    "additionalProperties": False,
    "required": ["avatarId"],
    "properties": {
        "avatarId": {"type": "string"},
        "audio": {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        },
    },
}

PROTO = """\
syntax = "proto3";

package demo.v1;

message Ping {
  map<string, string> labels = 1;
}
"""

BUF = "version: v2\nmodules:\n  - path: .\n"


def tables() -> dict[str, str]:
    return {
        "protocol": PROTOCOL,
        "requirements": REQUIREMENTS,
        "states": STATES,
        "errors": ERRORS,
        "frames": FRAMES,
    }


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The small repository; meta-schemas, adapter contract and room socket are the real ones."""
    root = tmp_path / "repository"
    spec = root / "spec" / "demo"
    spec.mkdir(parents=True)
    for name, text in tables().items():
        (spec / f"{name}.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(REPOSITORY / "schemas" / "meta", root / "schemas" / "meta")
    for contract in ("adapter", "room"):
        shutil.copytree(REPOSITORY / "schemas" / contract, root / "schemas" / contract)
    for revision in ("1.0", "2.0"):
        folder = root / "schemas" / "demo" / revision
        folder.mkdir(parents=True)
        for name, schema in (("events", EVENTS), ("shared", SHARED), ("start-request", START)):
            text = json.dumps(schema, indent=2)
            (folder / f"{name}.schema.json").write_text(text, encoding="utf-8")
    proto = root / "proto"
    (proto / "demo" / "v1").mkdir(parents=True)
    (proto / "buf.yaml").write_text(BUF, encoding="utf-8")
    (proto / "demo" / "v1" / "ping.proto").write_text(PROTO, encoding="utf-8")
    vectors = root / "tests" / "vectors" / "demo"
    vectors.mkdir(parents=True)
    (vectors / "beats.yaml").write_text("vectors:\n  - {id: one, hex: '40'}\n", encoding="utf-8")
    return Layout(root=root, out=root / "generated" / "python")


@pytest.fixture
def edit(layout: Layout) -> Callable[[str, str, str], None]:
    """Replace a piece of one table of the small repository."""

    def replace(table: str, old: str, new: str) -> None:
        path = layout.spec / "demo" / f"{table}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {table}.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


@pytest.fixture
def put(layout: Layout) -> Callable[[str, str], Path]:
    """Write a file of the small repository."""

    def write(name: str, text: str) -> Path:
        path = layout.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write
