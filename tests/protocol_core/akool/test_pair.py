"""A client's and an instance's session, joined in memory."""

from __future__ import annotations

import random

import pytest

from protocol_core.akool import events as e
from protocol_core.akool import platform_events as p
from protocol_core.akool.client import ClientSession
from protocol_core.akool.server import ServerSession
from tests.protocol_core.akool.client_side import PARAMETERS, config, listing, reply
from tests.protocol_core.akool.instance import DOCUMENTED


class Pair:
    """Both ends of one connection; what one sends the other receives at once."""

    def __init__(self, revision):
        self.client = ClientSession(config(), revision=revision, rng=random.Random(1))
        self.server = ServerSession(revision=revision)
        self.heard = []
        self.told = []
        self.client.begin()
        body = listing(1, revision=self.client.revision)
        self.client.receive_discovery_response(reply(body))
        self.client.upgrade_request(0.0)
        self.server.open(0.0)
        first = self.client.opened(0.0)
        if not self.client.revision.documented:
            self.to_client(self.server.accept(0.0))
        self.to_server(first)

    def to_server(self, messages):
        for message in messages:
            for event in self.server.receive(message, 0.0):
                self.heard.append(event)
                if isinstance(event, p.AuthReceived):
                    self.to_client(self.server.accept(0.0))
                if isinstance(event, p.InterruptReceived | p.LeaveReceived):
                    self.to_client(self.server.acknowledge(event.mid, 0.0))
                if isinstance(event, p.ParametersReceived):
                    if event.mid:
                        self.to_client(self.server.acknowledge(event.mid, 0.0))
                    self.to_client(self.server.joined(event.parameters.channel_id, 0.0))
            self.to_client(self.server.data_to_send())

    def to_client(self, messages):
        for message in messages:
            self.told += self.client.receive(message, 0.0)

    def kinds(self):
        return [type(event) for event in self.told if not isinstance(event, e.MessageReceived)]


@pytest.mark.parametrize("revision", ["0.1.8", "0.1.9", DOCUMENTED])
def test_a_whole_session(revision):
    pair = Pair(revision)
    assert pair.kinds() == [e.Connected]
    assert pair.client.state == pair.server.state == "OPEN"
    pair.to_server(pair.client.set_parameters(PARAMETERS, 0.0).messages)
    assert pair.kinds() == [e.Connected, e.AgoraConnected, e.RequestDone]
    assert pair.client.is_ready
    pair.to_server(pair.client.send_audio(b"\x01\x00\x02\x00", 0.0))
    assert isinstance(pair.heard[-1], p.AudioReceived)
    if revision != DOCUMENTED:
        pair.to_server(pair.client.interrupt(0.0).messages)
        assert pair.kinds()[-1] is e.RequestDone
    pair.client.leave(0.0)
    pair.to_server(pair.client.data_to_send())
    assert pair.client.close_to_send() == (1000, "")
    pair.client.closed(1000, "", 0.0)
    pair.server.closed(1000, "", 0.0)
    assert pair.client.state == pair.server.state == "CLOSED"
