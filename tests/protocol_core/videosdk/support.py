"""Golden vectors, which stand in ``tests/vectors/videosdk``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from protocol_core.videosdk.revision import load as load_revision

VECTORS = Path(__file__).parents[2] / "vectors" / "videosdk"
REVISION = load_revision("1.0")


@cache
def load(topic):
    return yaml.safe_load((VECTORS / f"{topic}.yaml").read_text())["vectors"]


def vectors(topic, chosen=lambda _: True):
    """A parametrisation with those vectors of a topic that are chosen."""
    rows = [row for row in load(topic) if chosen(row)]
    assert rows, f"no such vectors in {topic}"
    return pytest.mark.parametrize("vector", rows, ids=[row["id"] for row in rows])


def payload(vector):
    """What arrives in a vector of ``payloads``."""
    return vector["text"] if vector["kind"] == "text" else bytes.fromhex(vector["hex"])
