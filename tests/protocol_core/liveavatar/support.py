"""Golden vectors, which stand in ``tests/vectors/liveavatar``, and sessions in a given state."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import yaml

from protocol_core.http import HttpResponse
from protocol_core.liveavatar.client import ClientSession
from protocol_core.liveavatar.config import ClientConfig
from protocol_core.liveavatar.revision import load as load_revision
from protocol_core.liveavatar.server import ServerConfig, ServerSession

VECTORS = Path(__file__).parents[2] / "vectors" / "liveavatar"
REVISION = load_revision("0.2")
URL = "wss://agent.example/v1?secret=s3cr3t"
DATA = {
    "sessionId": "session-1",
    "sfuUrl": "wss://sfu.example",
    "userToken": "user-token-1",
    "agentWsUrl": URL,
}
INIT = {"event": "session.init", "data": {"sessionId": "session-1", "userId": "user-1"}}


@cache
def load(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


def vectors(topic, chosen=lambda _: True):
    """A parametrisation with those vectors of a topic that are chosen."""
    rows = [row for row in load(topic) if chosen(row)]
    assert rows, f"no such vectors in {topic}"
    return pytest.mark.parametrize("vector", rows, ids=[row["id"] for row in rows])


def reply(body, status=200):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, body=raw)


def config(**changes):
    return ClientConfig(**{"api_key": "key", "avatar_id": "avatar"} | changes)


def started(**changes):
    """An agent that may dial."""
    session = ClientSession(config(**changes))
    session.receive_start_response(reply({"code": 0, "message": "success", "data": DATA}))
    return session


def dialled(**changes):
    """An agent whose socket is open."""
    session = started(**changes)
    assert session.opened(0.0) == []
    return session


def opened(**changes):
    """An agent whose session is open."""
    session = dialled(**changes)
    give(session, INIT)
    session.data_to_send()
    return session


def platform(**changes):
    """A platform's session before its first socket."""
    settings = {"session_id": "session-1", "user_id": "user-1", "epoch": 1_000_000.0}
    return ServerSession(ServerConfig(**settings | changes))


def ready(**changes):
    """A platform's session that the agent has answered."""
    session = platform(**changes)
    session.open(0.0)
    give(session, {"event": "session.ready"})
    return session


def give(session, message, now=0.0):
    """Let a session receive a document, a text or bytes."""
    data = message if isinstance(message, (str, bytes)) else json.dumps(message)
    return session.receive(data, now)


def parsed(messages):
    """Texts as documents, frames as they are."""
    return [json.loads(item) if isinstance(item, str) else item for item in messages]


def names(messages):
    """Event names, and "frame" for bytes."""
    return [item["event"] if isinstance(item, dict) else "frame" for item in parsed(messages)]


def frame(**changes):
    """An audio frame of one sample."""
    return REVISION.frames.AudioFrame(**{"samples": 1, "payload": b"ab"} | changes)
