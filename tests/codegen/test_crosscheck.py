from __future__ import annotations

import pytest

from codegen.crosscheck import crosscheck
from codegen.validate import MetaSchemas, load_specification


def findings(layout) -> list[tuple[str, str]]:
    spec = load_specification("demo", layout, MetaSchemas(layout))
    return [(problem.file.rpartition("/")[2], problem.rule) for problem in crosscheck(spec)]


ERRATA = """
errata:
  - subject: greeting
    documented: silent
    shipped: hello
    follow: package
    see: [DEM-CONN-001, OP-1]
    revisions: ["1.0"]
"""


def test_errata_name_what_there_is(layout, put) -> None:
    put("spec/demo/errata.yaml", ERRATA)
    assert findings(layout) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("DEM-CONN-001", "DEM-CONN-009", "known-requirement"),
        ("OP-1", "OP-9", "known-open-point"),
        ('["1.0"]', '["9.0"]', "known-revision"),
        ("errata:", f"errata:{ERRATA.partition('errata:')[2]}".rstrip(), "unique-subjects"),
    ],
)
def test_errata_that_name_what_there_is_not(layout, put, old: str, new: str, rule: str) -> None:
    put("spec/demo/errata.yaml", ERRATA.replace(old, new, 1))
    assert findings(layout) == [("errata.yaml", rule)]


def test_the_small_specification_agrees_with_itself(layout) -> None:
    assert findings(layout) == []


CASES = [
    ("protocol", 'aliases: ["1.0.3"]', 'aliases: ["2.0"]', "unique-revisions"),
    ("protocol", 'default_revision: "1.0"', 'default_revision: "3.0"', "known-revision"),
    ("protocol", 'revisions: ["2.0"]}', 'revisions: ["9.0"]}', "known-revision"),
    ("protocol", "value: [8000, 16000]", "value: [8000, fast]", "typed-constants"),
    ("protocol", "value: 10.0, unit: s", "value: ten, unit: s", "typed-constants"),
    ("protocol", "requirement: DEM-CONN-001", "requirement: DEM-CONN-009", "known-requirement"),
    (
        "protocol",
        "unit: s, source: doc",
        "unit: s, source: doc, open_point: OP-9",
        "known-open-point",
    ),
    ("requirements", "id: DEM-CONN-001", "id: DEM-CONN-002", "unique-ids"),
    ("requirements", "checks: [DEM-CONN-001]", "checks: [DEM-CONN-002.manners]", "unique-checks"),
    ("requirements", "checks: [DEM-CONN-001]", "checks: [DEM-CONN-003]", "own-checks"),
    ("requirements", "checks: [DEM-CONN-001]", "checks: []", "observable-needs-check"),
    ("requirements", "observable: wire", 'observable: "no: inside"', "check-needs-observable"),
    (
        "requirements",
        "observable: wire",
        "observable: wire, client_observable: api",
        "observable-by-role",
    ),
    ("requirements", "proposed: MUST", "proposed: SHOULD", "lowered-level"),
    ("requirements", "open_point: OP-1", "open_point: OP-2", "known-open-point"),
    ("requirements", 'revisions: ["1.0", "2.0"]', 'revisions: ["7.0"]', "known-revision"),
    ("states", "initial: NEW", "initial: OLD", "known-state"),
    ("states", "on: {open: OPEN}", "on: {open: AJAR}", "known-state"),
    ("states", "close: CLOSED}", "shut: CLOSED}", "known-event"),
    ("states", "ignored: [input.text]", "ignored: [nothing]", "known-event"),
    ("states", "on: {open: OPEN}", "on: {open: OPEN}, ignored: [open]", "one-answer"),
    ("states", "close: {from: both}", "close: {from: both}\n      cut: {from: both}", "used-event"),
    ("states", "close: CLOSED}", "close: OPEN}", "reachable-state"),
    ("states", "from: client", "from: client, requirements: [DEM-XX-001]", "known-requirement"),
    ("states", 'revisions: ["1.0"]', 'revisions: ["1.0", "2.0"]', "unique-names"),
    ("errors", "code: tokenExpired, meaning", "code: NO_CAPACITY, meaning", "unique-codes"),
    ("errors", "retry: true}", 'retry: true, revisions: ["1.0"]}', "known-code"),
    (
        "errors",
        'code: NO_CAPACITY, revisions: ["2.0"]',
        'code: NO_CAPACITY, revisions: ["8.0"]',
        "known-revision",
    ),
    ("errors", "name: busy", "name: token_expired", "unique-names"),
    ("errors", "code: NO_CAPACITY}\n  - {name", "code: OTHER}\n  - {name", "known-code"),
    ("errors", "phase: token,", "phase: tokens,", "known-phase"),
    ("errors", "row: 1", "row: 9", "ordered-rows"),
    ("errors", 'codes: ["7"], code: NO_CAPACITY', 'codes: ["7"], code: OTHER', "known-code"),
    ("errors", "phases: [token], code", "phases: [noon], code", "known-phase"),
    ("errors", "http_range: [400, 499]", "http_range: [499, 400]", "ordered-range"),
    ("errors", "requirement: DEM-CONN-001", "requirement: DEM-CONN-003", "known-requirement"),
    ("errors", 'revisions: ["2.0"]', 'revisions: ["5.0"]', "known-revision"),
    ("frames", "bits: 14", "bits: 13", "whole-header"),
    ("frames", "name: loud", "name: count", "unique-fields"),
    ("frames", "name: loud", "name: payload", "free-names"),
    ("frames", "length_field: length, max", "length_field: size, max", "known-length-field"),
    ("frames", "max: 200", "max: 256", "length-fits"),
    ("frames", "const: 1}", "const: 4}", "values-fit"),
    ("frames", "HIGH: 2", "HIGH: 8", "values-fit"),
    ("frames", "HIGH: 2", "HIGH: 0", "unique-values"),
    ("frames", "default: LOW", "default: MIDDLE", "known-member"),
    ("frames", 'revisions: ["2.0"]', 'revisions: ["4.0"]', "known-revision"),
]


@pytest.mark.parametrize(("table", "old", "new", "rule"), CASES, ids=lambda v: str(v)[:40])
def test_a_disagreement_is_found(*, layout, edit, table, old, new, rule) -> None:
    edit(table, old, new)
    assert (f"{table}.yaml", rule) in findings(layout)


def test_an_id_of_another_protocol_is_found(layout, edit) -> None:
    edit("requirements", "DEM-CONN-001, level", "AVK-CONN-001, level")
    edit("requirements", "checks: [DEM-CONN-001]", "checks: [AVK-CONN-001]")
    assert ("requirements.yaml", "prefixed-ids") in findings(layout)


def test_a_protocol_without_frames_agrees(layout) -> None:
    (layout.spec / "demo" / "frames.yaml").unlink()
    assert findings(layout) == []
