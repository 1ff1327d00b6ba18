from __future__ import annotations

import pytest

from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar.config import settle
from tests.protocol_core.liveavatar.support import config


def test_the_defaults_of_the_documents():
    settings = settle(config())
    assert settings.base_url == "https://facemarket.ai/vih/dispatcher"
    assert settings.timeout == 30
    assert (settings.developer_asr, settings.developer_tts) == (True, False)
    assert settings.reconnect is False
    assert (settings.reconnect_base_delay, settings.reconnect_max_delay) == (1, 60)
    assert settings.jitter_patience == 0.2
    assert settings.sandbox is False


def test_what_is_given_wins():
    settings = settle(
        config(base_url="http://x/", timeout=1, developer_asr=False, reconnect=True, sandbox=True)
    )
    assert settings.base_url == "http://x"
    assert (settings.timeout, settings.developer_asr, settings.reconnect) == (1, False, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": " "},
        {"avatar_id": ""},
        {"avatar_id": None},
        {"api_key": "a\nb"},
        {"base_url": "ftp://x"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"reconnect_base_delay": -1},
        {"reconnect_max_delay": 0.5},
        {"jitter_patience": float("inf")},
    ],
)
def test_refuses_what_cannot_work(wrong):
    with pytest.raises(ConfigurationError) as caught:
        settle(config(**wrong))
    assert caught.value.setting in wrong


@pytest.mark.parametrize(
    "wrong", [{"api_key": 5}, {"base_url": 5}, {"timeout": "x"}, {"sandbox": "x"}, {"voice_id": 5}]
)
def test_refuses_what_is_of_another_type(wrong):
    with pytest.raises(ConfigurationError, match=rf"config: .*\$\.{next(iter(wrong))}"):
        settle(config(**wrong))


def test_the_key_is_not_shown():
    assert "key" not in repr(config(api_key="key")).replace("api_key", "")
