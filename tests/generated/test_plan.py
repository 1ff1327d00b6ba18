"""The schema of plans and the mock platforms that carry them out must agree."""

from __future__ import annotations

import pytest

from avatar_protocols import schemas
from mock_servers.actions import COMMON


def test_every_action_is_in_the_schema() -> None:
    listed = schemas.meta("plan")["$defs"]["Action"]["properties"]
    assert set(listed) == set(COMMON)


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "open", "do": []},
        {"on": "http", "endpoint": "session_tokens", "nth": 2, "do": [{"error": "token_expired"}]},
        {"on": "upgrade", "do": [{"reject": {"status": 429, "text": "slow down"}}]},
        {"on": "message", "message": "AudioFrame", "where": {"key": True}, "do": [{"delay": 0.5}]},
        {"on": "message", "do": [{"close": {"code": None}}], "then_default": True},
    ],
)
def test_valid_rules(rule) -> None:
    assert schemas.problems(schemas.meta_validator("plan"), [rule]) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "noon", "do": []},
        {"on": "open"},
        {"do": []},
        {"on": "http", "message": "x", "do": []},
        {"on": "open", "do": [{}]},
        {"on": "open", "do": [{"ping": True, "reset": True}]},
        {"on": "open", "do": [{"reset": False}]},
        {"on": "open", "do": [{"delay": -1}]},
        {"on": "http", "do": [{"respond": {"json": {}, "text": ""}}]},
        {"on": "http", "do": [{"respond": {"body": "?"}}]},
        {"on": "message", "nth": 0, "do": []},
        {"on": "message", "sometimes": True, "do": []},
    ],
)
def test_invalid_rules(rule) -> None:
    assert not schemas.meta_validator("plan").is_valid([rule])
