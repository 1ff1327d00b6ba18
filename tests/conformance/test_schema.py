from __future__ import annotations

from conformance.schema import violation

GOOD = {"id": "a", "title": "A", "steps": [{"open": {}}], "verifies": ["AVK-HS-001"]}


def test_a_valid_document_has_no_violation() -> None:
    assert violation("scenario", "client_scenario", GOOD) is None


def test_a_missing_member() -> None:
    found = violation("scenario", "client_scenario", {**GOOD, "title": 1, "steps": []})
    assert found is not None
    document = {key: part for key, part in GOOD.items() if key != "title"}
    found = violation("scenario", "client_scenario", document)
    assert found is not None
    assert found.path == ()
    assert "title" in found.message
    assert found.hint == "add the missing member"


def test_a_misspelt_member_is_recognised() -> None:
    found = violation("scenario", "client_scenario", {**GOOD, "steps": [{"opne": {}}]})
    assert found is not None
    assert found.path == ("steps", 0)
    assert found.hint == "did you mean 'open'?"


def test_an_unknown_member_gets_the_list_of_the_known_ones() -> None:
    found = violation("scenario", "client_scenario", {**GOOD, "zzz": 1})
    assert found is not None
    assert found.hint.startswith("known here: expect, id, ")


def test_one_of_several_forms() -> None:
    step = {"await": {"event": "a", "message": "b"}}
    found = violation("scenario", "client_scenario", {**GOOD, "steps": [step]})
    assert found is not None
    assert found.path == ("steps", 0, "await")
    assert found.hint.startswith("exactly one of: event, answer")


def test_the_deepest_violation_is_told_and_short() -> None:
    found = violation("scenario", "client_scenario", {**GOOD, "verifies": ["x" * 1000]})
    assert found is not None
    assert found.path == ("verifies", 0)
    assert len(found.message) < 400
