from __future__ import annotations

import msgspec
import pytest

from protocol_core.aiavatar import server_events
from protocol_core.aiavatar.events import Event

KINDS = [getattr(server_events, name) for name in server_events.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_by_keyword(kind):
    assert issubclass(kind, Event)
    assert kind.__struct_config__.frozen
    assert issubclass(kind, msgspec.Struct)
    if kind.__struct_fields__:
        with pytest.raises(TypeError):
            kind(*["x"] * len(kind.__struct_fields__))
