"""Events are frozen, and name facts."""

from __future__ import annotations

import pytest

from protocol_core.akool import platform_events as p


def test_every_event_is_exported_and_documented():
    kinds = {kind.__name__ for kind in p.PlatformEvent.__subclasses__()}
    assert kinds < set(p.__all__)
    assert all(kind.__doc__ for kind in p.PlatformEvent.__subclasses__())


def test_events_are_frozen():
    event = p.PingReceived(mid="m")
    with pytest.raises(AttributeError):
        event.mid = "n"
