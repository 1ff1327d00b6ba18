"""Client and server joined in memory: whatever both do, they agree on what was said."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import server_events as s
from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.server import ServerSession
from protocol_core.aiavatar.socket import SocketSession
from tests.protocol_core.aiavatar.support import REVISION, config, silence, tone

TEXTS = st.sampled_from(["Hello", "[face:joy]Fine.", "[vision:camera]Let me see.", ""])


class Pair(RuleBasedStateMachine):
    """Answers of the server are played by hand; a newer one makes the older one late."""

    def __init__(self):
        super().__init__()
        self.client = SocketSession(config(user_id="u"))
        self.contexts = (f"c{number}" for number in itertools.count())
        self.texts = (f"{number}. " for number in itertools.count())
        self.current = None
        self.late = []
        self.sent, self.heard = [], []
        self.dial()

    def dial(self):
        self.client.upgrade_request()
        self.server = ServerSession()
        self.server.open(0.0)
        self.to_server(self.client.opened(0.0))

    def to_server(self, messages):
        asked = []
        for message in messages:
            for event in self.server.receive(message, 0.0):
                assert not isinstance(event, s.Malformed | s.Refused | e.Ignored)
                asked.append(event)
        self.to_client(self.server.data_to_send())
        if any(isinstance(event, s.TurnAsked | s.UtteranceHeard) for event in asked):
            self.begin()
        over = self.server.close_to_send()
        if over is not None:
            self.end(*over)

    def to_client(self, messages):
        for message in messages:
            for event in self.client.receive(message, 0.0):
                assert not isinstance(event, e.Ignored), event
                if isinstance(event, e.TurnFinished | e.VisionRequested):
                    self.heard.append(event.response.text)
                assert not isinstance(event, e.SessionFailed)

    def begin(self):
        if self.current is not None:
            self.late.append(self.current)
        answer = Answer(
            REVISION, session_id="session-1", user_id="u", context_id=next(self.contexts)
        )
        self.current = answer
        for event in (answer.stop(), answer.start("asked")):
            self.to_client(self.server.send(event))
        assert self.client.context_id == answer.context_id

    def end(self, code, reason):
        self.client.closed(code, reason, 0.0)
        self.server.closed(code, reason, 0.0)
        self.current, self.late = None, []

    @property
    def open(self):
        return self.server.is_ready

    @precondition(lambda self: self.open)
    @rule(text=TEXTS)
    def invoke(self, text):
        self.to_server(self.client.invoke(text=f"ask {text}"))

    @precondition(lambda self: self.open)
    @rule(seconds=st.sampled_from([0.05, 0.5]))
    def speak(self, seconds):
        self.to_server(self.client.audio(tone(seconds) + silence(0.7)))

    @precondition(lambda self: self.open)
    @rule(threshold=st.sampled_from([-60.0, 0.0]))
    def configure(self, threshold):
        self.to_server(self.client.configure(volume_db_threshold=threshold))

    @precondition(lambda self: self.current is not None)
    @rule(text=TEXTS)
    def chunk(self, text):
        for event in self.current.chunk(next(self.texts) + text):
            self.to_client(self.server.send(event))

    @precondition(lambda self: self.current is not None)
    @rule(fails=st.booleans())
    def finish(self, fails):
        answer, self.current = self.current, None
        if fails:
            self.to_client(self.server.send(answer.error()))
            return
        self.sent.append(answer.text)
        self.to_client(self.server.send(answer.final()))

    @precondition(lambda self: self.late)
    @rule()
    def finish_late(self):
        answer = self.late.pop(0)
        before = len(self.heard)
        self.to_client(self.server.send(answer.final(), late=True))
        if answer.text and self.current is not None:
            assert len(self.heard) == before

    @precondition(lambda self: self.open)
    @rule()
    def leave(self):
        self.to_server(self.client.stop(0.0))

    @precondition(lambda self: self.open)
    @rule()
    def lose(self):
        self.end(None, "")

    @precondition(lambda self: not self.open)
    @rule()
    def come_back(self):
        self.dial()

    @invariant()
    def what_was_finished_was_heard(self):
        assert [text for text in self.sent if text] == [text for text in self.heard if text]


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
