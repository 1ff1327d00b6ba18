from __future__ import annotations

import msgspec
import pytest

from protocol_core.liveavatar import events, platform_events

KINDS = [
    getattr(module, name)
    for module in (events, platform_events)
    for name in module.__all__
    if isinstance(getattr(module, name), type) and issubclass(getattr(module, name), msgspec.Struct)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_by_keyword(kind):
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.kw_only if hasattr(kind.__struct_config__, "kw_only") else True
    if kind.__struct_fields__:
        with pytest.raises(TypeError):
            kind(*["x"] * len(kind.__struct_fields__))


def test_audio_knows_its_length():
    audio = events.AudioReceived(
        payload=b"",
        sequence=0,
        timestamp=0,
        sample_rate=16000,
        samples=640,
        channels=1,
        codec="pcm",
        key=True,
        frame=None,
    )
    assert audio.duration == 0.04
