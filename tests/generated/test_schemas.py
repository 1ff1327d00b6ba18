from __future__ import annotations

import pytest

from avatar_protocols import schemas


def test_every_schema_of_a_revision_compiles() -> None:
    for protocol in ("avatarkit", "liveavatar"):
        bundle = schemas.load(protocol)
        assert bundle
        for name in bundle:
            schemas.validator(protocol, None, name)


def test_every_schema_of_our_own_compiles() -> None:
    for name in ("common", "plan", "protocol", "requirements", "results", "scenario", "trace"):
        assert schemas.meta(name)["$schema"]
        schemas.meta_validator(name)
    for name in ("answer", "command", "describe", "error", "event"):
        assert schemas.adapter(name)["title"]
        schemas.adapter_validator(name)


def test_a_validator_is_made_once() -> None:
    first = schemas.validator("liveavatar", "0.2", "events")
    assert schemas.validator("liveavatar", "0.2.1", "events") is first


def test_a_name_may_point_into_a_schema() -> None:
    check = schemas.validator("liveavatar", "0.2", "events#/$defs/SessionReady")
    assert check.is_valid({"event": "session.ready"})
    assert not check.is_valid({"event": "scene.ready"})


def test_problems_name_the_place() -> None:
    check = schemas.validator("liveavatar", "0.2", "start-request")
    assert schemas.problems(check, {"avatarId": "a"}) == []
    (problem,) = schemas.problems(check, {"avatarId": 1})
    assert problem.startswith("avatarId: ")
    (problem,) = schemas.problems(check, [])
    assert problem.startswith(".: ")


def test_of_a_choice_the_member_that_is_meant_is_judged() -> None:
    check = schemas.validator("akool", "0.1.8", "client-messages")
    pld = {"cmd": "set-params", "data": {"vid": "", "lang": "", "mode": 3, "bgurl": ""}}
    command = {"v": 2, "type": "command", "mid": "m", "pld": {**pld, "metadata": {}}}
    (problem,) = schemas.problems(check, command)
    assert problem == 'pld/metadata: "agora_data" is a required property'
    (problem,) = schemas.problems(check, {**command, "type": "order"})
    assert problem.endswith("'oneOf' keyword")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: schemas.validator("liveavatar", None, "nothing"),
        lambda: schemas.meta("nothing"),
        lambda: schemas.meta_validator("nothing"),
        lambda: schemas.adapter("nothing"),
        lambda: schemas.adapter_validator("nothing"),
    ],
)
def test_an_unknown_schema_is_named_with_those_that_are_known(ask) -> None:
    with pytest.raises(KeyError, match=r"no schema 'nothing' in avatar_protocols.*; known: "):
        ask()


def test_formats_are_checked() -> None:
    check = schemas.meta_validator("results#/properties/started")
    assert check.is_valid("2026-01-02T03:04:05Z")
    assert not check.is_valid("this morning")
