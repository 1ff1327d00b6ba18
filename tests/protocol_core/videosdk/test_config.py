from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError
from protocol_core.videosdk.config import AgentConfig, check


def test_nothing_is_needed_at_first():
    check(AgentConfig())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"api_key": " "}, "api_key"),
        ({"secret": "a\nb"}, "secret"),
        ({"room_id": ""}, "room_id"),
        ({"dispatcher_url": "dispatcher.example"}, "dispatcher_url"),
        ({"ttl": 0}, "ttl"),
        ({"sample_rate": -1}, "sample_rate"),
        ({"avatar_token": "a.b.c"}, "participant_id"),
        ({"ttl": "long"}, "config"),
    ],
)
def test_what_cannot_work_is_refused(settings, named):
    with pytest.raises(ConfigurationError) as caught:
        check(AgentConfig(**settings))
    assert caught.value.setting == named


def test_the_vendors_environment():
    environment = {
        "VIDEOSDK_API_KEY": "key",
        "VIDEOSDK_SECRET_KEY": "s3cret",
        "VIDEOSDK_AUTH_TOKEN": "t0ken",
        "VIDEOSDK_ROOM_ID": "abcd",
    }
    config = AgentConfig.from_environment(environment, room_id="efgh", ttl=None)
    assert (config.api_key, config.secret, config.token) == ("key", "s3cret", "t0ken")
    assert (config.room_id, config.ttl) == ("efgh", None)
    assert AgentConfig.from_environment({}) == AgentConfig()


def test_secrets_are_not_shown():
    shown = repr(AgentConfig(secret="s3cret", token="t0ken", avatar_token="t1ken", room_id="abcd"))
    assert "abcd" in shown
    assert not any(word in shown for word in ("s3cret", "t0ken", "t1ken"))
