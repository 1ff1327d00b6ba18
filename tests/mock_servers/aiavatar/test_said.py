from __future__ import annotations

from mock_servers.aiavatar.said import Said
from protocol_core.aiavatar.revision import load


def test_the_partial_text_is_that_of_the_interrupted_turn():
    said = Said(load("0.7"))
    assert said.partial == ""
    said.note("start", None)
    said.note("chunk", "One. ")
    said.note("chunk", None)
    said.note("chunk", "Two.")
    assert said.partial == "One. Two."
    said.note("start", None)
    said.note("chunk", "Three.")
    assert said.partial == "One. Two."
    said.note("final", "Three.")
    said.note("start", None)
    said.note("tool_call", None)
    assert said.partial == ""
