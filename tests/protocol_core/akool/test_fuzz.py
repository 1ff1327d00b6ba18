"""Whatever arrives, in whatever order: a client's session never raises for it."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol_core.akool import events as e
from protocol_core.akool.errors import SendRefused
from tests.protocol_core.akool.client_side import (
    AGORA,
    BOTH,
    CONNECTED,
    PARAMETERS,
    PONG,
    ack,
    dialled,
    error,
)
from tests.protocol_core.akool.instance import envelope

FRAMES = [
    CONNECTED,
    AGORA,
    PONG,
    error(),
    error(4001),
    ack("nobody"),
    ack("last"),
    ack("last", status="failed"),
    envelope("weather", "w"),
    {"type": 7},
    "no json",
    b"\x00",
]
STEPS = st.one_of(
    st.sampled_from(FRAMES).map(lambda frame: ("receive", frame)),
    st.sampled_from(["parameters", "interrupt", "audio", "leave"]).map(lambda act: (act, None)),
    st.sampled_from([0.5, 6.0, 31.0]).map(lambda seconds: ("wait", seconds)),
    st.sampled_from([None, 1000, 4003]).map(lambda code: ("close", code)),
)


class Run:
    """One session, told whatever comes; requests are counted."""

    def __init__(self, revision):
        self.session = dialled(revision, reconnect=True, missed_pongs=2)
        self.now = 0.0
        self.open = {}
        self.refusals = set()

    def step(self, act, what):
        session = self.session
        if act == "receive":
            text = what if isinstance(what, str | bytes) else json.dumps(what)
            if isinstance(text, str) and self.open:
                text = text.replace("last", [*self.open][-1])
            self.note(session.receive(text, self.now))
        elif act == "wait":
            self.now += what
            events = session.timeout(self.now)
            self.note(events)
            if any(isinstance(event, e.DialDue) for event in events):
                session.upgrade_request(self.now)
                session.opened(self.now)
        elif act == "close":
            self.note(session.closed(what, "", self.now))
        elif act == "leave":
            self.note(session.leave(self.now))
        else:
            self.send(act)
        session.data_to_send()
        assert session.deadline() is None or session.deadline() >= 0

    def send(self, act):
        try:
            if act == "audio":
                self.session.send_audio(b"abc", self.now)
            elif act == "parameters":
                self.open[self.session.set_parameters(PARAMETERS, self.now).key] = act
            else:
                self.open[self.session.interrupt(self.now).key] = act
        except SendRefused as refusal:
            self.refusals.add(refusal.code)

    def note(self, events):
        for event in events:
            if isinstance(event, e.RequestDone | e.RequestFailed):
                self.open.pop(event.key, None)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BOTH), st.lists(STEPS, max_size=25))
def test_no_order_of_events_breaks_a_session(revision, steps):
    run = Run(revision)
    for act, what in steps:
        run.step(act, what)
    run.note(run.session.leave(run.now))
    run.note(run.session.closed(None, "", run.now))
    assert run.open == {}  # every request has come to its end
    assert run.refusals <= {"NOT_CONNECTED", "NOT_READY", "UNSUPPORTED"}
