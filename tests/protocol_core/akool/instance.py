"""An instance's session in a given state, and what it is told."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import yaml

from protocol_core.akool.server import ServerConfig, ServerSession

VECTORS = Path(__file__).parents[2] / "vectors" / "akool"
DOCUMENTED = "0.1.8-documented"


@cache
def load(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


def vectors(topic, chosen=lambda _: True):
    """A parametrisation with those vectors of a topic that are chosen."""
    rows = [row for row in load(topic) if chosen(row)]
    assert rows, f"no such vectors in {topic}"
    return pytest.mark.parametrize("vector", rows, ids=[row["id"] for row in rows])


def envelope(kind, mid, **payload):
    return {"v": 2, "type": kind, "mid": mid, "pld": payload}


def set_params(mid="m-params", *, mode=3, uid="12345"):
    return envelope(
        "command",
        mid,
        cmd="set-params",
        data={"vid": "v", "lang": "de", "mode": mode, "bgurl": "b"},
        metadata={
            "agora_data": {"appid": "app", "channel_id": "room", "token": "secret", "uid": uid}
        },
    )


PING = envelope("ping", "m-ping")
CHAT = envelope("chat", "m-chat", audio="AQACAA==")
INTERRUPT = envelope("command", "m-interrupt", cmd="interrupt")
LEAVE = envelope("event", "m-leave", event="leave_channel", reason="client_disconnect")
AUTH = {"type": "auth", "token": "key", "avatar_id": "avatar"}
AGORA_PARAMS = {
    "type": "agora_params",
    "data": {"channel": "room", "userId": 12345, "rtcToken": "secret"},
}
AUDIO_DATA = {"type": "audio_data", "data": "AQACAA=="}
BARE_PING = {"type": "ping"}


def opened(revision=None, **config):
    """A session whose socket is open."""
    session = ServerSession(ServerConfig(**config), revision=revision)
    session.open(0.0)
    return session


def accepted(revision=None, **config):
    """A session that has greeted its client."""
    session = opened(revision, **config)
    if revision == DOCUMENTED:
        give(session, AUTH)
    session.accept(0.0)
    return session


def configuring(**config):
    """A session whose parameters are pending."""
    session = accepted(**config)
    give(session, set_params())
    return session


def ready(revision=None, **config):
    """A session whose channel is joined."""
    session = accepted(revision, **config)
    if revision == DOCUMENTED:
        give(session, AGORA_PARAMS)
    else:
        give(session, set_params())
        session.acknowledge("m-params", 0.0)
    session.joined("room", 0.0)
    return session


def give(session, message, now=0.0):
    """Let a session receive a document, a text or bytes."""
    data = message if isinstance(message, (str, bytes)) else json.dumps(message)
    return session.receive(data, now)


def parsed(messages):
    return [json.loads(item) for item in messages]


def names(messages):
    """What was sent: types, and statuses of system messages."""
    return [item["pld"].get("status", item["type"]) for item in parsed(messages)]


def sent(session):
    """What the session has answered by itself: types, and texts of errors."""
    return [
        item["pld"].get("error_message", item["type"]) for item in parsed(session.data_to_send())
    ]
