from __future__ import annotations

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.errors import TurnError
from protocol_core.aiavatar.reading import Reader, turn_error
from tests.protocol_core.aiavatar.support import REVISION, chunk, event, final, response, start


@pytest.fixture
def reader():
    return Reader(REVISION)


def call(**members):
    given = {"id": "call-1", "name": "look_up", "arguments": "{}"}
    return response("tool_call", metadata={"tool_call": {**given, **members}})


def test_reads_the_events_of_turns(reader):
    assert reader.types == {"start", "chunk", "tool_call", "final", "vision"}


def test_start_says_what_was_understood(reader):
    found = reader.read(start("Hello"))
    assert (found.context_id, found.request_text) == ("context-1", "Hello")
    asleep = reader.read(start(None, context_id=None))
    assert (asleep.context_id, asleep.request_text) == (None, None)
    assert reader.read(start(context_id="")).context_id is None


@pytest.mark.parametrize(("told", "first"), [({"is_first_chunk": True}, True), ({}, None)])
def test_a_chunk_may_be_marked_as_the_first(reader, told, first):
    assert reader.read(chunk("Hello.", metadata=told)).first is first


def test_the_first_event_of_a_tool_call_is_its_start(reader):
    events = [
        reader.read(call(result={"data": {}, "is_final": True})),
        reader.read(call(result={"data": {"done": 1}, "is_final": False})),
        reader.read(call(result={"data": {"found": 2}, "is_final": True})),
    ]
    assert [it.started for it in events] == [True, False, False]
    assert [it.is_final for it in events] == [True, False, True]
    assert events[2].data == {"found": 2}
    assert (events[0].call_id, events[0].name, events[0].arguments) == ("call-1", "look_up", "{}")
    reader.read(start())
    assert reader.read(call()).started


def test_a_tool_call_may_lack_everything(reader):
    found = reader.read(response("tool_call", metadata=None))
    assert (found.call_id, found.name, found.arguments) == (None, "", "")
    assert (found.data, found.is_final) == (None, False)


def test_vision_names_its_source(reader):
    assert reader.read(response("vision", metadata={"source": "camera"})).source == "camera"
    assert reader.read(response("vision")).source == ""


def test_final_is_the_whole_answer(reader):
    found = reader.read(final("Hello."))
    assert (found.text, found.voice_text) == ("Hello.", "Hello.")
    assert reader.read(final(None)).text == ""


@pytest.mark.parametrize(
    ("metadata", "message", "detail"),
    [
        ({"error": "broken"}, "broken", "broken"),
        ({}, "Error in processing pipeline", ""),
        (None, "Error in processing pipeline", ""),
        ({"error": 5}, "Error in processing pipeline", ""),
    ],
)
def test_a_failure_has_the_words_of_the_server_or_the_default_ones(
    reader, metadata, message, detail
):
    found = reader.failure(response("error", metadata=metadata), phase="stream")
    assert (found.code, found.phase) == ("PIPELINE_ERROR", "stream")
    assert (found.message, found.detail) == (message, detail)


def test_a_failure_becomes_an_exception_that_holds_the_whole_response(reader):
    text = event("error", metadata={"error": "broken"})
    error = turn_error(
        REVISION, reader.failure(response("error", metadata={"error": "broken"}), phase="runtime")
    )
    assert isinstance(error, TurnError)
    assert error.raw_body == text
    assert (error.detail, error.requirement) == ("broken", "AIA-ERR-002")
    assert isinstance(reader.failure(response("error"), phase="stream"), e.TurnFailed)
