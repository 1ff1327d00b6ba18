from __future__ import annotations

import pytest

from mock_servers.actions import COMMON, Vocabulary
from mock_servers.liveavatar.actions import ACTIONS
from mock_servers.liveavatar.session import LiveAvatarSession
from protocol_core.errors import ConfigurationError


def test_every_action_is_done_by_somebody():
    assert set(ACTIONS) == set(LiveAvatarSession.extra_actions)
    assert not set(ACTIONS) & set(COMMON)


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ({"say": {}}, "text"),
        ({"say": {"text": "x", "colour": 1}}, "colour"),
        ({"speak": {"seconds": -1}}, ">= 0"),
        ({"image": {"width": 70000}}, "65535"),
        ({"image": {"payload": "%"}}, "base64"),
        ({"closing": {"notice": -1}}, ">= 0"),
        ({"idle": {"milliseconds": -1}}, ">= 0"),
    ],
)
def test_mistakes_are_named(action, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Vocabulary(actions=ACTIONS).action(action, "here", "message")


@pytest.mark.parametrize("name", ["speak", "image", "interrupt", "idle", "closing"])
def test_most_values_have_a_default(name):
    assert Vocabulary(actions=ACTIONS).action({name: None}, "here", "message").value
