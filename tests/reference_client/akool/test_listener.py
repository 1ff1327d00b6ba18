from __future__ import annotations

import pytest

from protocol_core.akool import events as e
from protocol_core.akool.errors import ConnectionLostError
from reference_client.akool.listener import Listener, report

LOST = ConnectionLostError("lost", code="CONNECTION_LOST", phase="session")


class Recorder(Listener):
    def on_connected(self, session_id):
        return ("connected", session_id)

    def on_disconnected(self, code, reason):
        return ("disconnected", code, reason)

    def on_reconnecting(self, delay, error):
        return ("reconnecting", delay, error)

    def on_message(self, message):
        return ("message", message)


def told(event):
    calls = []
    report(Recorder(), event, lambda callback, *args: calls.append(callback(*args)))
    return calls


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        (e.Connected(session_id="s"), [("connected", "s")]),
        (e.MessageReceived(name="x", message=[1]), [("message", [1])]),
        (e.Closed(code=1000, reason="r", opened=True), [("disconnected", 1000, "r")]),
        (e.Closed(code=1000, reason="r", opened=False), []),
        (e.AttemptFailed(attempt=1, error=LOST, delay=2.0), [("reconnecting", 2.0, LOST)]),
        (e.AgoraConnected(channel_id="c"), [None]),
        (e.ErrorRaised(error=LOST), [None]),
        (e.Ignored(reason=e.Reason.UNKNOWN), [None]),
        (e.DialDue(), []),
        (e.GivenUp(error=LOST), []),
    ],
)
def test_who_is_called(event, calls):
    assert told(event) == calls
