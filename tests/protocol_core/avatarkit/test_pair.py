"""A client and a server that talk to each other in any order: neither ever finds a fault."""

from collections import deque

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol_core.avatarkit import ServerSession
from protocol_core.avatarkit.events import (
    AnimationReceived,
    AudioDiscarded,
    AudioReceived,
    ErrorReported,
    InterruptReceived,
    SessionConfigured,
)
from protocol_core.errors import LocalProtocolError
from tests.protocol_core.avatarkit.support import client

OPEN = {"READY", "STREAMING"}


class Pair(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.client = client("CONNECTING")
        self.server = ServerSession(connection_id="conn-1", idle_limit=None)
        self.server.open(0.0)
        self.upstream = deque(self.client.opened(0.0))
        self.downstream = deque()
        self.sent, self.heard = {}, {}
        self.answerable, self.stopped, self.final = [], set(), set()

    @precondition(lambda self: self.upstream)
    @rule()
    def the_server_hears(self):
        for event in self.server.receive(self.upstream.popleft(), 0.0):
            match event:
                case SessionConfigured():
                    self.downstream += self.server.confirm(0.0)
                case AudioReceived(req_id=req_id, audio=audio, first=first):
                    assert first is (req_id not in self.heard)
                    self.heard[req_id] = self.heard.get(req_id, b"") + audio
                    if first:
                        self.answerable.append(req_id)
                case InterruptReceived(req_id=req_id, effective=True):
                    self.answerable.remove(req_id)
                case InterruptReceived(req_id=req_id):
                    assert req_id not in self.answerable or req_id in self.final
                case AudioDiscarded(req_id=req_id):
                    pytest.fail(f"audio after the end of {req_id}")
                case _:
                    pytest.fail(f"the server found a fault: {event}")
        assert self.server.data_to_send() == []

    @precondition(lambda self: self.downstream)
    @rule()
    def the_client_hears(self):
        for event in self.client.receive(self.downstream.popleft(), 0.0):
            match event:
                case AnimationReceived(req_id=req_id):
                    assert req_id in self.sent
                case ErrorReported(error=error):
                    assert error.code == "upstreamError"

    @precondition(lambda self: self.client.state in OPEN)
    @rule(samples=st.integers(0, 3), end=st.booleans())
    def the_client_speaks(self, samples, end):
        audio = bytes(range(2 * samples))
        outgoing = self.client.send_audio(audio, end=end)
        self.sent[outgoing.req_id] = self.sent.get(outgoing.req_id, b"") + audio
        self.upstream += outgoing.messages

    @precondition(lambda self: self.client.latest_request)
    @rule()
    def the_client_interrupts(self):
        outgoing = self.client.interrupt()
        self.stopped.add(outgoing.req_id)
        self.upstream += outgoing.messages

    @precondition(lambda self: self.answerable)
    @rule(end=st.booleans(), data=st.data())
    def the_server_answers(self, end, data):
        req_id = data.draw(st.sampled_from(self.answerable))
        try:
            messages = self.server.send_animation(req_id, end=end)
        except LocalProtocolError:
            assert req_id in self.final or (end and self.server.open_request == req_id)
            return
        self.downstream += messages
        if end:
            self.final.add(req_id)

    @precondition(lambda self: self.server.state in OPEN)
    @rule()
    def the_server_fails_a_little(self):
        self.downstream += self.server.send_error("upstream_failed")

    @invariant()
    def the_states_agree_when_nothing_is_on_its_way(self):
        if not self.upstream and not self.downstream:
            assert self.client.state == self.server.state
            assert self.heard == self.sent

    def teardown(self):
        self.client.closed(1000, "", 0.0)
        self.server.closed(1000, "", 0.0)


Pair.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_client_and_server = Pair.TestCase
