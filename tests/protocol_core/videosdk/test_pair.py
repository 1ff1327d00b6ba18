"""Agent and worker joined in memory: however the room carries, they stay in step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from protocol_core.videosdk.agent import AgentSession
from protocol_core.videosdk.config import AgentConfig
from protocol_core.videosdk.events import AckReceived
from protocol_core.videosdk.playout import Playout
from protocol_core.videosdk.worker import WorkerSession
from protocol_core.videosdk.worker_events import SegmentEnded
from tests.protocol_core.videosdk.support import REVISION

UNRELIABLE = REVISION.constants.Reliability.UNRELIABLE


class Pair(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.agent = AgentSession(AgentConfig(room_id="room", patient=False))
        self.agent.dispatch_request(0.0)
        self.agent.joined(["avatar"])
        self.worker = WorkerSession()
        self.worker.joined()
        self.playout = Playout(self.worker)
        self.turn = None
        self.acks = self.ended = 0
        self.rendered = self.sent = 0.0

    def carry(self, outgoing, *, arrives=True):
        if outgoing is None:
            return
        if outgoing.reliability == UNRELIABLE:
            self.sent += len(outgoing.payload) / REVISION.constants.Audio.BYTES_PER_SECOND
        if arrives:
            events = self.worker.receive(outgoing.payload, self.now, sender="agent")
            self.conclude([*events, *self.playout.follow(events, self.now)])

    def conclude(self, events):
        over = [event for event in events if isinstance(event, SegmentEnded)]
        self.ended += len(over)
        self.rendered += sum(event.playback_position for event in over)
        for outgoing in self.worker.data_to_send():
            (event,) = self.agent.receive(outgoing.payload, "avatar")
            assert isinstance(event, AckReceived)
            assert event.playback_position >= 0
            self.acks += 1

    @rule(size=st.integers(0, 40_000), arrives=st.booleans())
    def speak(self, size, arrives):
        if self.turn is None or self.turn.over or self.turn.interrupted:
            self.turn = self.agent.begin_turn()
        for chunk in self.agent.cut(b"\xff" * size):
            self.carry(self.agent.pcm(self.turn, chunk, self.now), arrives=arrives)

    @rule(completed=st.booleans())
    def end(self, completed):
        turn, self.turn = self.turn or self.agent.begin_turn(), None
        self.carry(self.agent.end_turn(turn, completed=completed))

    @rule()
    def interrupt(self):
        self.carry(self.agent.interrupt(self.now))

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds):
        target = self.now + seconds
        while (due := self.playout.deadline()) is not None and due <= target:
            self.now = max(self.now, due)
            self.conclude(self.playout.timeout(self.now))
        self.now = target
        self.agent.timeout(self.now)

    @invariant()
    def every_end_is_acknowledged_once(self):
        assert self.acks == self.ended

    @invariant()
    def nothing_is_rendered_that_was_not_sent(self):
        assert self.rendered <= self.sent + 1e-6

    @invariant()
    def the_worker_is_in_a_state_of_the_table(self):
        assert self.worker.state in REVISION.states.WORKER.states


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
