from __future__ import annotations

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import performance as p
from reference_client.aiavatar import Listener, Speech
from reference_client.aiavatar.listener import report
from tests.reference_client.aiavatar.support import Recorder

RESPONSE = e.Response(type="x", session_id="session-1", context_id="context-1")
TOOL = e.ToolCalled(
    call_id="1", name="t", arguments="{}", data=None, is_final=True, started=True, response=RESPONSE
)
IGNORED = e.Ignored(reason=e.Reason.NOT_JSON)


@pytest.mark.parametrize(
    ("event", "call"),
    [
        (e.Connected(response=RESPONSE), ("on_connected", "session-1", "context-1")),
        (
            e.TurnStarted(context_id="c", request_text="Hello", response=RESPONSE),
            ("on_start", "c", "Hello"),
        ),
        (e.ChunkReceived(response=RESPONSE, first=True), ("on_chunk", RESPONSE)),
        (TOOL, ("on_tool_call", TOOL)),
        (
            e.TurnFinished(text="a", voice_text="b", response=RESPONSE),
            ("on_final", "a", "b"),
        ),
        (e.TurnSuperseded(text="a", response=None), ("on_superseded", "a")),
        (e.NothingHeard(), ("on_nothing_heard",)),
        (e.PlaybackStopped(response=RESPONSE), ("on_stop", "context-1")),
        (p.Flushed(dropped=2, playing=True), ("on_flush", 2, True)),
        (p.FaceChanged(name="joy", duration=4.0), ("on_face", "joy", 4.0)),
        (p.AnimationChanged(name="idling"), ("on_animation", "idling", None)),
        (e.Closed(code=1000, reason="bye", opened=True, lost=False), ("on_closed", 1000, "bye")),
        (IGNORED, ("on_ignored", IGNORED)),
    ],
)
def test_each_event_has_its_callback(event, call):
    recorder = Recorder()
    report(recorder, event, lambda callback, *args: callback(*args))
    assert recorder.calls == [call]


def test_some_events_have_none():
    recorder = Recorder()
    report(recorder, e.VisionRequested(source="camera", response=RESPONSE), pytest.fail)
    assert recorder.calls == []


async def test_a_plain_listener_does_nothing():
    listener = Listener()
    assert await listener.play(Speech(audio=b"")) is None
    assert listener.on_vision("camera") is None
    for name in (name for name in dir(listener) if name.startswith("on_")):
        assert callable(getattr(listener, name))
