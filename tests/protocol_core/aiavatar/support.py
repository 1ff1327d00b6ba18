"""Golden vectors, which stand in ``tests/vectors/aiavatar``, and what many tests need."""

from __future__ import annotations

import json
import math
from array import array
from functools import cache
from pathlib import Path

import pytest
import yaml

from protocol_core.aiavatar.codec import Codec
from protocol_core.aiavatar.config import ClientConfig
from protocol_core.aiavatar.revision import load as load_revision

VECTORS = Path(__file__).parents[2] / "vectors" / "aiavatar"
REVISION = load_revision("0.7")
CODEC = Codec(REVISION)
RATE = 16000


@cache
def load(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


def vectors(topic, chosen=lambda _: True):
    """A parametrisation with those vectors of 0.7 of a topic that are chosen."""
    rows = [row for row in load(topic) if row.get("revision", "0.7") == "0.7" and chosen(row)]
    assert rows, f"no such vectors in {topic}"
    return pytest.mark.parametrize("vector", rows, ids=[row["id"] for row in rows])


def config(**changes):
    return ClientConfig(**{"session_id": "session-1"} | changes)


def event(kind, **members):
    """The text of an event, with every member of the model."""
    model = dict.fromkeys(
        ("user_id", "text", "voice_text", "language", "avatar_control_request", "audio_data")
    )
    base = {"session_id": "session-1", "context_id": "context-1", "metadata": {}}
    return json.dumps({"type": kind, **model, **base, **members})


def response(kind, **members):
    """The same event, as a client decodes it."""
    return CODEC.decode_event(event(kind, **members))


def chunk(text, **members):
    return response("chunk", text=text, voice_text=text, **members)


def start(asked="Hello", **members):
    return response("start", metadata={"request_text": asked}, **members)


def final(text):
    return response("final", text=text, voice_text=text)


def tone(seconds, peak=8000):
    """PCM with a voice in it."""
    count = round(seconds * RATE)
    return array("h", (round(peak * math.sin(n / 5)) for n in range(count))).tobytes()


def silence(seconds):
    return bytes(2 * round(seconds * RATE))
