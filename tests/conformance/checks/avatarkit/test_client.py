"""Every check of AvatarKit clients passes on good traces and fails on those broken on purpose."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import conformance
from conformance import yaml
from conformance.checks import checks_of
from conformance.scenario import Scenario, discover
from tests.conformance.checks._mutants import load_rows, record, verdicts
from tests.conformance.checks.avatarkit._edits import mutated

if TYPE_CHECKING:
    from conformance.trace import Trace

PROTOCOL, ROLE = "avatarkit", "client"
TABLE = Path(__file__).with_name("client_mutants.yaml")
VECTORS = Path(__file__).parents[3] / "vectors" / PROTOCOL
MUTANTS = load_rows(TABLE, "mutants")
HARMLESS = load_rows(TABLE, "harmless")
CHECKS = checks_of(PROTOCOL, ROLE)
REFERENCE = Path(conformance.__file__).parent / "adapters" / "reference.py"


def name_of(row: dict[str, Any]) -> str:
    return f"{row['check']}-{row.get('says', row.get('why', ''))}".replace("/", "-")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """The scenarios of the table, played by the reference client."""
    names = dict.fromkeys(row["scenario"] for row in (*MUTANTS, *HARMLESS))
    folder = tmp_path_factory.mktemp("recordings")
    return record(PROTOCOL, ROLE, names, folder, (sys.executable, str(REFERENCE)))


def recording(recordings: dict[str, Trace], name: str) -> Trace:
    if name not in recordings:
        pytest.skip(f"{name} could not be recorded: there is no libopus")
    return recordings[name]


@pytest.mark.parametrize("row", MUTANTS, ids=name_of)
def test_mutant_is_caught(row: dict[str, Any], recordings: dict[str, Trace]) -> None:
    good = recording(recordings, row["scenario"])
    before = verdicts(good, CHECKS, row["check"])
    assert before, "the check sees nothing in the good trace"
    assert all(finding.ok for finding in before), before

    after = verdicts(mutated(good, row["mutate"]), CHECKS, row["check"])

    said = [finding.message for finding in after if not finding.ok]
    assert said, "the check lets the mutant pass"
    assert any(row["says"] in message for message in said), said


@pytest.mark.parametrize("row", HARMLESS, ids=name_of)
def test_harmless_difference_passes(row: dict[str, Any], recordings: dict[str, Trace]) -> None:
    good = recording(recordings, row["scenario"])

    found = verdicts(mutated(good, row["mutate"]), CHECKS, row["check"])

    assert found, "the check sees nothing any more"
    assert all(finding.ok for finding in found), found


def test_every_check_has_a_mutant() -> None:
    assert {item.id for item in CHECKS} - {row["check"] for row in MUTANTS} == set()


def scenarios(topic: str) -> dict[str, Scenario]:
    """The scenarios of a topic by name."""
    found = [s for s in discover([PROTOCOL], [ROLE]) if isinstance(s, Scenario)]
    return {s.id.rpartition("/")[2]: s for s in found if s.topic == topic}


def vectors(name: str) -> list[dict[str, Any]]:
    document = yaml.load((VECTORS / f"{name}.yaml").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = document["vectors"]
    return rows


def test_every_classification_vector_is_played() -> None:
    place = {
        "session_token": "token",
        "websocket_connect": "upgrade",
        "websocket_handshake": "handshake",
        "websocket_runtime": "runtime",
    }
    played = scenarios("classification")
    inputs = {_input(s.id, s.plan or s.steps, s.expect["error"]) for s in played.values()}
    for vector in vectors("classification"):
        scenario = played.get(f"{place[vector['phase']]}-{vector['id']}")
        if scenario is not None:
            expected = scenario.expect["error"]
            assert (expected["code"], expected["row"]) == (vector["code"], vector["row"])
            assert set(expected.get("also", [])) == set(vector.get("also", []))
        else:  # another vector has the same input
            same = [
                other
                for other in vectors("classification")
                if other["id"] != vector["id"]
                and all(
                    other.get(key) == vector.get(key)
                    for key in ("phase", "http_status", "body", "server_code", "text", "code")
                )
            ]
            assert same, vector["id"]
    assert len(inputs) == len(played)


def _input(name: str, where: Any, error: dict[str, Any]) -> str:
    return f"{name.rpartition('/')[2].partition('-')[0]} {where} {error['code']}"


def test_every_handshake_vector_is_played() -> None:
    played = scenarios("handshake")
    for vector in vectors("handshake"):
        scenario = played.get(vector["id"]) or played[f"violated-{vector['id']}"]
        outcome = scenario.expect.get("error", scenario.expect)
        wanted = {k: v for k, v in vector["outcome"].items() if not k.startswith("text")}
        assert {key: outcome.get(key) for key in wanted} == wanted


def test_every_body_vector_is_played() -> None:
    played = scenarios("errors")
    for vector in vectors("token_bodies"):
        if "upgrade" not in vector:
            continue
        token, upgrade = played[f"body-{vector['id']}"].expect["errors"]
        quirk = "quirk" in vector.get("flags", [])
        for wanted, expected in ((vector["token"], token), (vector["upgrade"], upgrade)):
            for member in ("code", "title", "detail"):
                accepted = expected[f"server_{member}"]
                choices = accepted if isinstance(accepted, list) else [accepted]
                assert wanted["details"].get(member) in choices
                assert len(choices) == 1 or quirk
