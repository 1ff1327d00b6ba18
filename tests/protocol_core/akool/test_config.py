from __future__ import annotations

import pytest

from protocol_core.akool.config import settle
from protocol_core.akool.errors import AuthenticationError
from protocol_core.errors import ConfigurationError
from tests.protocol_core.akool.client_side import BOTH, DIRECT, V2, config


def test_defaults_are_those_of_the_documents():
    settings = settle(config())
    assert (settings.environment, settings.max_attempts) == ("test", 3)
    assert (settings.connection_timeout, settings.discovery_timeout) == (30, 10)
    assert (settings.heartbeat_interval, settings.missed_pongs) == (30, None)
    assert (settings.retry_base_delay, settings.retry_max_delay) == (1, 8)
    assert (settings.server, settings.reconnect) == (None, False)


@pytest.mark.parametrize("revision", BOTH)
@pytest.mark.parametrize(
    ("changes", "requirement"),
    [
        ({"api_key": ""}, "AKO-AUTH-002"),
        ({"api_key": None}, "AKO-AUTH-002"),
        ({"avatar_id": "  "}, "AKO-AUTH-003"),
    ],
)
def test_nobody_is_refused_locally(revision, changes, requirement):
    with pytest.raises(AuthenticationError) as caught:
        settle(config(**changes), revision)
    error = caught.value
    assert (error.code, error.phase) == ("AUTHENTICATION_FAILED", "configuration")
    assert (error.kind, error.requirement, error.retry) == ("local", requirement, False)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"api_key": "a\nb"}, "api_key"),
        ({"avatar_id": 5}, "config"),
        ({"max_attempts": "three"}, "config"),
        ({"max_attempts": -1}, "max_attempts"),
        ({"missed_pongs": 0}, "missed_pongs"),
        ({"discovery_url": None}, "discovery_url"),
        ({"discovery_url": "ws://x"}, "discovery_url"),
        ({"environment": "staging"}, "environment"),
        ({"connection_timeout": 0}, "connection_timeout"),
        ({"discovery_timeout": float("inf")}, "discovery_timeout"),
        ({"heartbeat_interval": -1}, "heartbeat_interval"),
        ({"retry_base_delay": -1}, "retry_base_delay"),
        ({"retry_base_delay": 9}, "retry_max_delay"),
        ({"server_url": "host"}, "server_url"),
    ],
)
def test_settings_that_cannot_work(changes, setting):
    with pytest.raises(ConfigurationError) as caught:
        settle(config(**changes), V2)
    assert caught.value.setting == setting


def test_a_given_server_needs_no_discovery():
    settings = settle(config(server_url="host:81", discovery_url=None), DIRECT)
    assert (settings.server.host, settings.server.port) == ("host", 81)


def test_nothing_secret_is_shown():
    assert "key" not in repr(config())
