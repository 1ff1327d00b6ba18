from __future__ import annotations

import msgspec
import pytest

from protocol_core.liveavatar import platform_events
from protocol_core.liveavatar.events import Event

KINDS = [getattr(platform_events, name) for name in platform_events.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_by_keyword(kind):
    assert issubclass(kind, msgspec.Struct)
    assert kind.__struct_config__.frozen
    if kind.__struct_fields__:
        with pytest.raises(TypeError):
            kind(*["x"] * len(kind.__struct_fields__))


def test_all_but_records_are_events():
    assert [kind.__name__ for kind in KINDS if not issubclass(kind, Event)] == ["AudioConfig"]
