from __future__ import annotations

import pytest

from avatar_protocols import schemas
from mock_servers.actions import COMMON, ActionSpec, Close, Reply, Send, Vocabulary
from protocol_core.errors import ConfigurationError


@pytest.fixture
def vocabulary():
    return Vocabulary(
        actions={"shout": ActionSpec(str, frozenset({"message"}))},
        errors={"expired": frozenset({"upgrade"})},
        messages=["HELLO"],
        endpoints=["start"],
    )


@pytest.mark.parametrize(
    ("item", "point", "value"),
    [
        ({"respond": {"status": 404, "json": {"a": 1}}}, "http", Reply(status=404, json={"a": 1})),
        ({"respond": {"body": "AAE="}}, "http", Reply(body="AAE=")),
        ({"reject": {"status": 401}}, "upgrade", Reply(status=401)),
        ({"error": "expired"}, "upgrade", "expired"),
        ({"send": {"message": "HELLO"}}, "message", Send(message="HELLO")),
        ({"send_text": "x"}, "open", "x"),
        ({"send_binary": "00 ff"}, "message", "00 ff"),
        ({"close": None}, "message", Close()),
        ({"close": {"code": 4000, "reason": "r"}}, "message", Close(code=4000, reason="r")),
        ({"close": {"code": None}}, "message", Close(code=None)),
        ({"ping": True}, "message", True),
        ({"withhold_pong": True}, "message", True),
        ({"reset": True}, "http", True),
        ({"delay": 2}, "message", 2.0),
        ({"advance": 1.5}, None, 1.5),
        ({"shout": "x"}, "message", "x"),
    ],
)
def test_actions_are_checked_and_typed(vocabulary, item, point, value):
    action = vocabulary.action(item, "here", point)
    assert (action.name, action.value) == (next(iter(item)), value)


@pytest.mark.parametrize(
    ("item", "point", "complaint"),
    [
        ("close", None, "exactly one key"),
        ({"close": {}, "ping": True}, None, "exactly one key"),
        ({"closse": {}}, None, "no such action.*did you mean close"),
        ({"zzz": {}}, None, "known: advance, close"),
        ({"close": {}}, "http", "cannot happen on: http"),
        ({"respond": {}}, "message", "only on http, upgrade"),
        ({"respond": {"status": 99}}, "http", ">= 200"),
        ({"respond": {"text": "a", "json": 1}}, "http", "give one of"),
        ({"respond": {"body": "%"}}, "http", "base64|Only base64"),
        ({"respond": {"colour": 1}}, "http", "unknown field `colour`"),
        ({"respond": {"headers": {"A": "x\r\nB: y"}}}, "http", "headers"),
        ({"respond": {"headers": {"A\n": "x"}}}, "http", "headers"),
        ({"advance": float("inf")}, "message", "<= "),
        ({"error": "expird"}, "upgrade", "did you mean expired"),
        ({"error": "expired"}, "message", "this error cannot happen on: message"),
        ({"send": {"message": "HELO"}}, "message", "did you mean HELLO"),
        ({"send_binary": "xyz"}, "message", "not hexadecimal"),
        ({"delay": -1}, "message", ">= 0"),
        ({"reset": False}, "message", "Invalid enum value|not"),
        ({"close": {"code": 999}}, "message", ">= 1000"),
    ],
)
def test_mistakes_are_named_with_their_place(vocabulary, item, point, complaint):
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        vocabulary.action(item, "plan[3].do[1]", point)
    assert caught.value.setting.startswith("plan[3].do[1]")


def test_every_action_of_the_schema_is_known():
    described = schemas.meta("plan")["$defs"]["Action"]["properties"]
    assert set(described) <= set(COMMON)


def test_every_common_action_says_where_it_makes_sense():
    assert all(spec.points for spec in COMMON.values())
