from __future__ import annotations

import inspect

import pytest

from protocol_core.videosdk import events as e
from protocol_core.videosdk import worker_events as w
from reference_client.videosdk.listener import AgentListener, WorkerListener, report


def heard(listener, event):
    calls = []
    report(listener, event, lambda callback, *arguments: calls.append((callback, arguments)))
    return [(callback.__name__, arguments) for callback, arguments in calls]


def test_members_become_arguments():
    event = e.ParticipantJoined(participant_id="a", counterpart=True)
    assert heard(AgentListener(), event) == [("on_participant_joined", ("a", True))]
    ack = e.AckReceived(playback_position=1.0, interrupted=False)
    assert heard(AgentListener(), ack) == [("on_ack", (ack,))]
    assert heard(WorkerListener(), w.SegmentEndAccepted()) == [("on_segment_end", ())]


def test_some_events_have_no_callback():
    assert heard(AgentListener(), e.CooledDown()) == []


@pytest.mark.parametrize("kind", [AgentListener, WorkerListener])
def test_callbacks_do_nothing_by_themselves(kind):
    for name, callback in inspect.getmembers(kind(), inspect.ismethod):
        parameters = inspect.signature(callback).parameters
        assert name.startswith("on_")
        assert callback(*[None] * len(parameters)) is None
