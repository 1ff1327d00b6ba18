"""A client's session in a given state, and what a server tells it."""

from __future__ import annotations

import json
import random

from protocol_core.akool.client import ClientSession
from protocol_core.akool.config import ClientConfig
from protocol_core.akool.parameters import Parameters
from protocol_core.akool.revision import load
from protocol_core.http import HttpResponse
from tests.protocol_core.akool.instance import DOCUMENTED, envelope

V2 = load("0.1.8")
DIRECT = load("0.1.9")
README = load(DOCUMENTED)
BOTH = (V2, README)

CONNECTED = envelope("system", "s-1", status="websocket_connected")
AGORA = envelope("system", "s-2", status="agora_connected", channel_id="room")
PONG = envelope("pong", "p-1")
PARAMETERS = Parameters(app_id="app", channel="room", token="secret", uid="12345")


def ack(mid, **payload):
    return envelope("ack", "a-1", original_mid=mid, **payload)


def error(number=4000, text="no"):
    return envelope("error", "e-1", error_code=number, error_message=text)


def reply(body, status=200):
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return HttpResponse(status=status, body=raw)


def listing(*ports, revision=V2):
    """A discovery body with an instance on each port."""
    if revision.documented:
        services = [{"host": "h", "port": port, "status": "active"} for port in ports]
        return {"success": True, "data": {"services": services}}
    usable = {"ip": "h", "avatar_id": "a", "status": "available", "healthy": True}
    instances = [{**usable, "port": port, "index": index} for index, port in enumerate(ports)]
    return {"code": 1000, "data": {"instances": instances}}


def config(**changes):
    given = {"api_key": "key", "avatar_id": "a", "discovery_url": "http://d.example"}
    return ClientConfig(**given | changes)


def fresh(revision=V2, **changes):
    """A session that has begun to connect."""
    session = ClientSession(config(**changes), revision=revision, rng=random.Random(7))
    session.begin()
    return session


def located(revision=V2, ports=(1, 2, 3), **changes):
    """A session that knows instances."""
    session = fresh(revision, **changes)
    session.receive_discovery_response(reply(listing(*ports, revision=revision)))
    return session


def dialled(revision=V2, now=0.0, **changes):
    """A session whose socket is open; its first frames are drained."""
    session = located(revision, **changes)
    session.upgrade_request(now)
    session.opened(now)
    return session


def opened(revision=V2, **changes):
    """A session that the server has confirmed."""
    session = dialled(revision, **changes)
    give(session, CONNECTED)
    return session


def ready(revision=V2, **changes):
    """A session whose parameters are set."""
    session = opened(revision, **changes)
    order = session.set_parameters(PARAMETERS, 0.0)
    if not revision.documented:
        give(session, ack(order.key, status="success"))
    give(session, AGORA)
    assert session.is_ready
    return session


def give(session, message, now=0.0):
    """Let a session receive a document, a text or bytes."""
    data = message if isinstance(message, (str, bytes)) else json.dumps(message)
    return session.receive(data, now)


def of(events, kind):
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def the(events, kind):
    """The one event of a kind."""
    (event,) = of(events, kind)
    return event


def names(messages):
    """What each text says it is."""
    documents = [json.loads(item) for item in messages]
    return [item["type"] for item in documents]
