from __future__ import annotations

import msgspec
import pytest

from protocol_core.aiavatar.tags import Tags
from tests.protocol_core.aiavatar.support import REVISION, vectors


@pytest.fixture
def tags():
    return Tags(REVISION)


@vectors("control_tags")
def test_reads_tags(tags, vector):
    text = vector["text"]
    assert tags.voice(text) == vector["voice_text"]
    assert msgspec.to_builtins(tags.control(text)) == vector["avatar_control_request"]
    assert tags.vision(text) == vector.get("vision")
