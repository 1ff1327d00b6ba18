from __future__ import annotations

import math

import pytest

from protocol_core.aiavatar.config import ClientConfig, settle
from protocol_core.errors import ConfigurationError


def test_the_defaults_are_those_of_the_documents():
    settings = settle(ClientConfig())
    assert settings.http + settings.chat_path == "http://localhost:8000/chat"
    assert settings.websocket + settings.websocket_path == "ws://localhost:8000/ws"
    assert (settings.timeout, settings.sample_rate) == (10.0, 16000)
    assert (settings.volume_db_threshold, settings.silence) == (-50.0, 0.5)
    assert (settings.min_speech, settings.max_recording) == (0.2, 10.0)
    assert settings.cancel_echo is True
    assert settings.faces == {"neutral", "joy", "angry", "sorrow", "fun"}
    assert "idling" in settings.animations


def test_what_is_given_wins():
    config = ClientConfig(http="https://host/base/", cancel_echo=False, faces=("shy",), timeout=3)
    settings = settle(config, "0.7.10")
    assert settings.http == "https://host/base"
    assert settings.cancel_echo is False
    assert {"shy", "joy"} <= settings.faces
    assert settings.timeout == 3


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("http", "localhost"),
        ("http", "ws://localhost"),
        ("websocket", "http://localhost"),
        ("session_id", ""),
        ("api_key", "a\nb"),
        ("api_key", "schlüssel"),
        ("timeout", 0),
        ("timeout", math.inf),
        ("silence", -1),
        ("sample_rate", 0),
    ],
)
def test_refuses_what_cannot_work(setting, value):
    with pytest.raises(ConfigurationError) as caught:
        settle(ClientConfig(**{setting: value}))
    assert caught.value.setting == setting


def test_refuses_what_has_another_type():
    with pytest.raises(ConfigurationError) as caught:
        settle(ClientConfig(timeout="soon"))
    assert caught.value.setting == "config"


def test_shows_no_key():
    assert "hidden" not in repr(ClientConfig(api_key="hidden"))
