from __future__ import annotations

import msgspec
import pytest

from protocol_core.videosdk import events as e


def test_events_are_frozen():
    event = e.AckReceived(playback_position=1.0, interrupted=False)
    with pytest.raises(AttributeError):
        event.segment = 2
    assert (event.segment, event.sender) == (None, "")


def test_every_event_is_one():
    named = [getattr(e, name) for name in e.__all__ if name not in {"Event", "Reason"}]
    assert all(issubclass(kind, e.Event) and issubclass(kind, msgspec.Struct) for kind in named)
