"""Agent and platform joined in memory: whatever both do, they stay in step."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from protocol_core.liveavatar import events as e
from protocol_core.liveavatar import platform_events as p
from tests.protocol_core.liveavatar.support import frame, platform, started

TURNS = st.sampled_from(["r1", "r2", "r3"])


class Pair(RuleBasedStateMachine):
    responses = Bundle("responses")

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.agent = started(reconnect=True)
        self.platform = platform(idle_after=120.0)
        self.ids = (f"x{number}" for number in itertools.count())
        self.to_agent, self.to_platform = [], []
        self.state_seqs, self.said, self.heard = [], {}, {}
        self.dial()

    # Both directions; the order within each is kept.

    def dial(self):
        self.to_agent, self.to_platform = [], []
        self.agent.opened(self.now)
        self.to_agent += self.platform.open(self.now)
        self.flow()

    def flow(self):
        while self.to_agent or self.to_platform:
            if self.to_agent:
                self.take(self.agent.receive(self.to_agent.pop(0), self.now))
                self.to_platform += self.agent.data_to_send()
            else:
                for event in self.platform.receive(self.to_platform.pop(0), self.now):
                    if isinstance(event, p.ResponseDone):
                        self.heard[event.response_id] = event.text
                    # Audio that the conversation has moved on from is the only thing dropped.
                    reason = getattr(event, "reason", e.Reason.OUT_OF_TURN)
                    assert reason is e.Reason.OUT_OF_TURN
                self.to_agent += self.platform.data_to_send()

    def take(self, events):
        for event in events:
            assert not isinstance(event, e.Ignored)
            if isinstance(event, e.StateChanged):
                assert event.known
                self.state_seqs.append(event.seq)

    def agent_sends(self, messages):
        self.to_platform += messages
        self.flow()

    def platform_sends(self, messages):
        self.to_agent += messages
        self.flow()

    # What the agent does.

    @rule(target=responses, turn=TURNS, start=st.booleans(), pieces=st.lists(st.text(max_size=3)))
    def respond(self, turn, start, pieces):
        response_id = next(self.ids)
        if start or not pieces:
            self.agent_sends(self.agent.send_response_start(turn, response_id, speed=1.2))
        for piece in pieces:
            self.agent_sends(self.agent.send_response_chunk(turn, response_id, piece, timestamp=0))
        self.said[response_id] = "".join(pieces)
        return turn, response_id

    @rule(response=responses)
    def finish(self, response):
        turn, response_id = response
        if response_id in self.agent.open_responses:
            self.agent_sends(self.agent.send_response_done(turn, response_id))
            assert self.heard[response_id] == self.said[response_id]

    @rule(response=responses)
    def cancel(self, response):
        if response[1] in self.agent.open_responses:
            self.agent_sends(self.agent.send_response_cancel(response[1]))

    @rule(turn=TURNS, count=st.integers(0, 5))
    @precondition(lambda self: self.agent.bracket is None)
    def speak(self, turn, count):
        response_id = next(self.ids)
        self.agent_sends(self.agent.send_response_audio_start(turn, response_id))
        for number in range(count):
            made = frame(sequence=number, timestamp=number, samples=16, payload=bytes(32))
            self.agent_sends(self.agent.send_audio_frame(made))
        if self.agent.bracket is not None and count % 2:
            self.agent_sends(self.agent.send_response_audio_finish(turn, response_id))

    @rule()
    @precondition(lambda self: self.agent.bracket is not None)
    def end_bracket(self):
        bracket = self.agent.bracket
        if bracket.response_id is None:
            self.agent_sends(self.agent.send_prompt_audio_finish())
        else:
            self.agent_sends(
                self.agent.send_response_audio_finish(bracket.request_id, bracket.response_id)
            )

    @rule()
    @precondition(lambda self: self.agent.bracket is None)
    def prompt_audio(self):
        self.agent_sends(self.agent.send_prompt_audio_start())

    @rule(result=st.booleans())
    def utter(self, result):
        turn = next(self.ids)
        self.agent_sends(self.agent.send_voice_start(turn))
        self.agent_sends(self.agent.send_asr_partial(turn, "he"))
        self.agent_sends(self.agent.send_voice_finish(turn))
        if result:
            self.agent_sends(self.agent.send_asr_final(turn, "hello"))

    @rule(turn=st.none() | TURNS)
    def interrupt(self, turn):
        self.agent_sends(self.agent.send_interrupt(turn))

    @rule()
    def prompt(self):
        self.agent_sends(self.agent.send_prompt("hello?"))

    # What the platform does.

    @rule(turn=TURNS)
    def text(self, turn):
        self.platform_sends(self.platform.send_text(turn, "hi", self.now))

    @rule(
        trigger=st.sampled_from(
            ["rendered", "playout_finished", "prompt_prepared", "nothing_to_say"]
        )
    )
    def render(self, trigger):
        self.platform.happened(trigger, self.now)
        self.platform_sends(self.platform.data_to_send())

    @rule(seconds=st.floats(0, 200))
    def wait(self, seconds):
        self.now += seconds
        self.platform.timeout(self.now)
        self.take(self.agent.timeout(self.now))
        self.platform_sends(self.platform.data_to_send())

    @rule()
    def lose_the_socket(self):
        self.platform.closed(None, "", self.now)
        events = self.agent.closed(None, "", self.now)
        assert isinstance(events[-1], e.ReconnectScheduled)
        self.now = self.agent.deadline()
        assert any(isinstance(item, e.ReconnectDue) for item in self.agent.timeout(self.now))
        self.dial()

    # What always holds.

    @invariant()
    def both_are_open(self):
        assert self.agent.is_open
        assert self.platform.is_ready
        assert self.agent.state == self.platform.connection_state == "OPEN"

    @invariant()
    def brackets_agree(self):
        assert self.agent.bracket == self.platform.bracket

    @invariant()
    def states_count_up(self):
        steps = itertools.pairwise(self.state_seqs)
        assert all(after == before + 1 for before, after in steps)


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
