from __future__ import annotations

import json

import pytest

from protocol_core.aiavatar import rest
from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.errors import (
    AuthenticationError,
    InvalidResponseError,
    NotFoundError,
    RequestError,
    ResponseTimeout,
    SendRefused,
    ServerError,
    SessionIdRequired,
    TransportError,
)
from protocol_core.http import HttpResponse
from protocol_core.multipart import parse
from tests.protocol_core.aiavatar.support import REVISION, config


def calls(**changes):
    made = config(**changes)
    return rest.Calls(REVISION, made, settle(made))


def reply(body, status=200, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, body=raw, headers=headers)


def chat(content, **changes):
    request = calls(**changes).chat(
        content, session_id="session-1", user_id=None, context_id="context-1"
    )
    return request, json.loads(request.body)


# --- a turn --------------------------------------------------------------------------------------


def test_a_turn_says_who_speaks_and_what():
    request, body = chat(rest.content_of(REVISION, text="Hello"))
    assert (request.method, request.url) == ("POST", "http://localhost:8000/chat")
    assert request.headers == {"Content-Type": "application/json"}
    assert body["type"] == "start"
    assert (body["session_id"], body["context_id"]) == ("session-1", "context-1")
    assert (body["text"], body["audio_data"], body["files"]) == ("Hello", None, None)


def test_a_key_goes_along():
    request, _ = chat(rest.content_of(REVISION, text="Hello"), api_key="secret")
    assert request.headers["Authorization"] == "Bearer secret"


def test_audio_pictures_and_parameters():
    picture = {"type": "image", "url": "https://host/a.png"}
    content = rest.content_of(
        REVISION, audio=b"\1\0", files=[picture], system_prompt_params={"name": "A"}
    )
    _, body = chat(content, chat_path="/talk")
    assert body["audio_data"] == "AQA="
    assert body["files"] == [picture]
    assert body["system_prompt_params"] == {"name": "A"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": 5},
        {"audio": b""},
        {"audio": b"\0\0\0"},
        {"files": [{"type": "image", "url": "picture.png"}]},
        {"files": [{"type": "video", "url": "https://host/a"}]},
        {"files": [5]},
        {"files": 5},
        {"system_prompt_params": 5},
    ],
)
def test_refuses_what_must_not_be_sent(wrong):
    with pytest.raises(SendRefused) as caught:
        rest.content_of(REVISION, **wrong)
    assert caught.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("status", "media", "stream"),
    [
        (200, "text/event-stream; charset=utf-8", True),
        (200, "TEXT/EVENT-STREAM", True),
        (200, "application/json", False),
        (401, "text/event-stream", False),
    ],
)
def test_a_stream_is_told_by_status_and_type(status, media, stream):
    response = HttpResponse(status=status, headers={"content-type": media})
    assert rest.is_stream(REVISION, response) is stream


# --- the speech endpoints ------------------------------------------------------------------------


def test_transcribe_sends_a_form_with_plain_pcm():
    request = calls(api_key="secret").transcribe(b"\0\1" * 50, boundary="b0undary")
    assert request.url == "http://localhost:8000/transcribe"
    assert request.headers["Authorization"] == "Bearer secret"
    (part,) = parse(request.headers["Content-Type"], request.body)
    assert (part.name, part.content) == ("audio", b"\0\1" * 50)
    assert part.filename


def test_transcribe_refuses_nothing_and_half_a_sample():
    for audio in (b"", b"\0"):
        with pytest.raises(SendRefused):
            calls().transcribe(audio, boundary="b0undary")


@pytest.mark.parametrize(("body", "text"), [({"text": "Hello"}, "Hello"), ({"text": None}, "")])
def test_transcribe_answers_with_text(body, text):
    assert calls().transcribed(reply(body)) == text


@pytest.mark.parametrize("body", [b"oops", [], {"text": 5}])
def test_an_answer_without_text_is_none(body):
    with pytest.raises(InvalidResponseError):
        calls().transcribed(reply(body))


def test_a_missing_text_counts_as_nothing_recognised():
    assert calls().transcribed(reply({})) == ""


def test_synthesize_says_what_how_and_in_which_language():
    request = calls().synthesize("Hello", style_info={"mood": "calm"}, language="en")
    assert request.url == "http://localhost:8000/synthesize"
    body = json.loads(request.body)
    assert body == {"text": "Hello", "style_info": {"mood": "calm"}, "language": "en"}
    assert json.loads(calls().synthesize("Hello").body)["style_info"] is None


def test_synthesize_has_something_to_say():
    with pytest.raises(SendRefused):
        calls().synthesize("")


def test_synthesize_answers_with_audio():
    assert calls().synthesized(reply(b"RIFF")) == b"RIFF"
    with pytest.raises(InvalidResponseError):
        calls().synthesized(reply(b""))


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (
            401,
            {"detail": "Invalid or missing API Key"},
            AuthenticationError,
            "Invalid or missing API Key",
        ),
        (400, {"error": "session_id is required."}, SessionIdRequired, "session_id is required."),
        (400, {"error": "audio data is required."}, RequestError, "audio data is required."),
        (422, {"detail": [{"type": "missing"}]}, RequestError, ""),
        (404, {"detail": "Not Found"}, NotFoundError, "Not Found"),
        (500, b"Internal Server Error", ServerError, ""),
        (302, b"", InvalidResponseError, ""),
        (429, ["busy"], RequestError, ""),
    ],
)
def test_a_refusal_is_classified_with_its_words(status, body, kind, detail):
    error = rest.refusal(REVISION, reply(body, status))
    assert type(error) is kind
    assert (error.http_status, error.detail, error.phase) == (status, detail, "http")
    assert error.message == (detail or f"the server answered with HTTP {status}")


def test_calls_are_refused_likewise():
    with pytest.raises(ServerError):
        calls().synthesized(reply(b"", 503))
    with pytest.raises(AuthenticationError):
        calls().transcribed(reply({}, 401))


def test_no_answer_is_a_matter_of_time_or_of_the_network():
    late = rest.unanswered(REVISION, "slow", timed_out=True)
    assert (type(late), late.kind) == (ResponseTimeout, "timeout")
    gone = rest.unanswered(REVISION, "gone", timed_out=False)
    assert (type(gone), gone.kind) == (TransportError, "transport")
