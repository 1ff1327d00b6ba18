from __future__ import annotations

import io
import json
import wave

import pytest

from avatar_protocols import schemas
from protocol_core.aiavatar.answer import Answer, Speech
from protocol_core.aiavatar.codec import encode_audio
from tests.protocol_core.aiavatar.support import CODEC, REVISION, vectors

EVENTS = schemas.validator("aiavatar", "0.7", "events")
STREAM_EVENTS = schemas.validator("aiavatar", "0.7", "stream-events")
SPEECH = Speech(pcm=b"\1\0\2\0\3\0", sample_rate=16000)


@pytest.fixture
def answer():
    return Answer(REVISION, session_id="s", user_id="u", context_id="c")


def told(event):
    """The event's document, which is valid."""
    text = CODEC.encode(event)
    document = json.loads(text)
    assert schemas.problems(EVENTS, document) == []
    assert set(document) >= {"user_id", "text", "audio_data", "language", "metadata"}
    assert (document["session_id"], document["context_id"]) == ("s", "c")
    return document


def test_every_event_of_a_stream_is_valid_there(answer):
    tool = answer.tool_call("call-1", "look", '{"at":"moon"}', data={"seen": True})
    for event in (answer.start("Hi"), *answer.chunk("Yes"), tool, answer.final(), answer.error()):
        assert schemas.problems(STREAM_EVENTS, json.loads(CODEC.encode(event))) == []


def test_stop_names_no_user(answer):
    assert told(answer.stop())["user_id"] is None


def test_start_carries_the_text_of_the_request(answer):
    document = told(answer.start("Hi"))
    assert document["metadata"] == {"request_text": "Hi"}
    assert document["user_id"] == "u"
    assert told(answer.start(None))["metadata"] == {"request_text": None}


def test_chunks_speak_and_show(answer):
    (first,) = answer.chunk("[face:joy]Hello! ", SPEECH, language="en-US")
    document = told(first)
    assert (document["text"], document["voice_text"]) == ("[face:joy]Hello! ", "Hello!")
    assert document["language"] == "en-US"
    assert document["avatar_control_request"]["face_name"] == "joy"
    assert document["metadata"] == {"is_first_chunk": True}
    with wave.open(io.BytesIO(CODEC.decode_event(json.dumps(document)).audio)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        assert file.readframes(9) == SPEECH.pcm
    (second,) = answer.chunk("Bye.")
    assert told(second)["metadata"] == {"is_first_chunk": False}
    assert told(second)["audio_data"] == ""


def test_silence_has_no_descriptor_in_pcm_mode(answer):
    (only,) = answer.chunk("Hm.", None, pcm_bytes=4)
    assert told(only)["metadata"] == {"is_first_chunk": True}


@vectors("pcm")
def test_pcm_follows_its_descriptor(answer, vector):
    with wave.open(io.BytesIO(bytes.fromhex(vector["hex"]))) as file:
        speech = Speech(
            pcm=file.readframes(file.getnframes()),
            sample_rate=file.getframerate(),
            channels=file.getnchannels(),
            sample_width=file.getsampwidth(),
        )
    assert speech.wav() == bytes.fromhex(vector["hex"])
    events = answer.chunk("[face:joy]Hi", speech, pcm_bytes=vector["chunk_bytes"])
    descriptor, *pieces = map(told, events)
    assert descriptor["audio_data"] is None
    assert descriptor["metadata"] == {"is_first_chunk": True, "pcm_format": vector["pcm_format"]}
    assert [piece["audio_data"] for piece in pieces] == vector["chunks"]
    assert all(piece["metadata"] == {"pcm_format": vector["pcm_format"]} for piece in pieces)
    assert all(piece["text"] is None for piece in pieces)


def test_the_end_holds_the_whole_answer(answer):
    answer.chunk("[face:joy]Hello! ")
    answer.chunk("How are you?")
    document = told(answer.final())
    assert document["type"] == "final"
    assert document["text"] == answer.text == "[face:joy]Hello! How are you?"
    assert document["voice_text"] == answer.voice_text == "Hello! How are you?"
    assert document["metadata"] == {}


def test_an_answer_that_asks_for_a_picture_ends_in_vision(answer):
    answer.chunk("[vision:camera]Let me see.")
    document = told(answer.final())
    assert (document["type"], document["metadata"]) == ("vision", {"source": "camera"})


def test_tools_are_reported_in_the_form_of_0_7(answer):
    started = told(answer.tool_call("call-1", "look", "{}"))
    assert started["metadata"]["tool_call"]["result"] == {"data": {}, "is_final": True}
    progress = told(answer.tool_call("call-1", "look", "{}", data={"a": 1}, is_final=False))
    assert progress["metadata"]["tool_call"] == {
        "id": "call-1",
        "name": "look",
        "arguments": "{}",
        "result": {"data": {"a": 1}, "is_final": False},
    }


def test_failures_have_words(answer):
    usual = REVISION.constants.Text.PIPELINE_ERROR
    assert told(answer.error())["metadata"] == {"error": usual}
    assert told(answer.error("no model"))["metadata"] == {"error": "no model"}


def test_speech_is_base64(answer):
    (event,) = answer.chunk("Hi", SPEECH)
    assert told(event)["audio_data"] == encode_audio(SPEECH.wav())
