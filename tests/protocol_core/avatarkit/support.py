"""Golden vectors, which stand in ``tests/vectors/avatarkit``, and sessions in a given state."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import pytest
import yaml

from protocol_core.avatarkit import ClientSession, ServerSession, SessionConfig
from protocol_core.http import HttpResponse

VECTORS = Path(__file__).parents[2] / "vectors" / "avatarkit"
TOKEN = HttpResponse(status=200, body=b'{"sessionToken": "tok"}')


@cache
def load(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


def vectors(topic, **wanted):
    """A parametrisation with the vectors of a topic whose fields have these values."""
    chosen = [
        row for row in load(topic) if all(row.get(name) == value for name, value in wanted.items())
    ]
    assert chosen, f"no such vectors in {topic}"
    return pytest.mark.parametrize("vector", chosen, ids=[row["id"] for row in chosen])


def config(**changes):
    settings = {
        "api_key": "key",
        "console_url": "https://console/v1",
        "expire_at": 600.9,
        "app_id": "app",
        "avatar_id": "avatar",
        "ingress_url": "wss://ingress/v2",
    }
    return SessionConfig(**settings | changes)


class CountingEncoder:
    """Stands in for libopus: 20 ms packets that say what they were made of."""

    def __init__(self, size=3):
        self.calls = []
        self.size = size

    def encode(self, pcm_data, frame_size):
        self.calls.append((pcm_data, frame_size))
        return b"\x08" + bytes([len(self.calls) % 256]) * (self.size - 1)


def client(state="NEW", *, opus=None, confirm_limit=10.0, **changes):
    """A client session that has come as far as ``state``."""
    numbers = itertools.count(1)
    session = ClientSession(
        config(**changes),
        mint=lambda: f"req-{next(numbers)}",
        make_encoder=None if opus is None else lambda *_: opus,
        make_serial=lambda: 0x01020304,
        confirm_limit=confirm_limit,
    )
    steps = {
        "TOKEN": lambda: session.receive_token_response(TOKEN),
        "CONNECTING": session.upgrade_request,
        "HANDSHAKE": lambda: session.opened(0.0),
        "READY": lambda: session.receive(CONFIRM, 0.0),
        "STREAMING": lambda: session.send_audio(b"\0\0"),
        "CLOSED": lambda: session.closed(1000, "", 0.0),
    }
    for name, step in steps.items():
        if session.state == state:
            break
        if name != "STREAMING" or state == "STREAMING":
            step()
    assert session.state == state
    return session


CONFIRM = bytes.fromhex("08021a080a06636f6e6e2d31")


def server(state="READY", *, configure=None, **options):
    """A server session that has come as far as ``state``."""
    session = ServerSession(connection_id="conn-1", **options)
    session.open(0.0)
    if state == "CONFIGURING":
        return session
    session.receive(bytes.fromhex("0801120308807d") if configure is None else configure, 0.0)
    if state == "READY":
        assert session.confirm(0.0) == [CONFIRM]
    assert session.state == state
    return session
