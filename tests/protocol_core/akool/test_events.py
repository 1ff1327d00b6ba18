from __future__ import annotations

import msgspec
import pytest

from protocol_core.akool import events as e
from protocol_core.akool.codec import Fault

KINDS = [item for name in e.__all__ if issubclass(item := getattr(e, name), e.Event)]


@pytest.mark.parametrize("kind", KINDS)
def test_events_are_frozen_and_keyword_only(kind):
    assert kind.__struct_config__.frozen
    with pytest.raises(TypeError):
        kind(object())


def test_every_fault_is_a_reason():
    assert {str(fault) for fault in Fault} <= {str(reason) for reason in e.Reason}


def test_facts_compare():
    assert e.AgoraConnected(channel_id="a") == e.AgoraConnected(channel_id="a")
    assert msgspec.structs.asdict(e.Connected(session_id="s")) == {
        "session_id": "s",
        "reconnected": False,
    }
