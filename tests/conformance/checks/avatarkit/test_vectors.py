"""Every golden vector of a client's errors is played by a scenario that expects what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conformance import yaml
from conformance.scenario import Scenario, discover

PROTOCOL, ROLE = "avatarkit", "client"
VECTORS = Path(__file__).parents[3] / "vectors" / PROTOCOL


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
