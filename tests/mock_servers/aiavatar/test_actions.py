from __future__ import annotations

import pytest

from mock_servers.actions import Vocabulary
from mock_servers.aiavatar.actions import ACTIONS, Speak
from protocol_core.errors import ConfigurationError

VOCABULARY = Vocabulary(actions=ACTIONS)


def test_speak_takes_a_text_or_the_next_transcript():
    assert VOCABULARY.action({"speak": {"text": "Hi"}}, "here", "message").value == Speak(text="Hi")
    assert VOCABULARY.action({"speak": {}}, "here", None).value == Speak()
    with pytest.raises(ConfigurationError):
        VOCABULARY.action({"speak": {"words": "Hi"}}, "here", "message")
    with pytest.raises(ConfigurationError):
        VOCABULARY.action({"speak": {}}, "here", "http")
