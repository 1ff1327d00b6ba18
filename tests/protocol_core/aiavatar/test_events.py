from __future__ import annotations

import enum

import msgspec
import pytest

from protocol_core.aiavatar import events

KINDS = [
    kind
    for kind in (getattr(events, name) for name in events.__all__)
    if not issubclass(kind, enum.Enum)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_by_keyword(kind):
    assert issubclass(kind, msgspec.Struct)
    assert kind.__struct_config__.frozen
    if kind.__struct_fields__:
        with pytest.raises(TypeError):
            kind(*["x"] * len(kind.__struct_fields__))


def test_all_but_records_are_events():
    records = [it.__name__ for it in KINDS if not issubclass(it, events.Event)]
    assert records == ["AvatarControl", "PcmFormat", "Response"]
