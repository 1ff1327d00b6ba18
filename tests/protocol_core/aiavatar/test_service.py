from __future__ import annotations

import json

import pytest

from avatar_protocols import schemas
from protocol_core import multipart
from protocol_core.aiavatar.codec import Request
from protocol_core.aiavatar.service import Refusal, Service, SynthesizeOrder
from protocol_core.http import HttpRequest
from tests.protocol_core.aiavatar.support import REVISION, vectors

OPEN = Service(REVISION)
KEYED = Service(REVISION, api_key="key-1")
SHIPPED = Service(REVISION, api_key="key-1", key_last=True)
AUTHORIZED = {"Authorization": "Bearer key-1"}
GOOD = b'{"type":"start","session_id":"s","text":"Hi"}'


def post(body, **headers):
    data = body if isinstance(body, bytes) else body.encode()
    return HttpRequest(method="POST", url="/", headers=headers, body=data)


def form(*parts):
    body = multipart.build(list(parts), "edge")
    return HttpRequest(
        method="POST", url="/", headers={"content-type": multipart.content_type("edge")}, body=body
    )


def audio(content, filename="voice.pcm"):
    return multipart.Part(name="audio", content=content, filename=filename)


def status_of(service, found):
    return service.refused(found).status if isinstance(found, Refusal) else 200


# --- /chat ---------------------------------------------------------------------------------------


@vectors("requests", lambda row: row["schema"] == "chat-request")
def test_turns_are_served_or_refused_with_the_status_of_the_tables(vector):
    assert status_of(OPEN, OPEN.chat(post(vector["text"]))) == vector["status"]


def test_a_turn_is_read():
    found = OPEN.chat(post(GOOD))
    assert isinstance(found, Request)
    assert (found.session_id, found.text) == ("s", "Hi")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ('{"session_id":"s"}', ["body", "type"]),
        ('{"type":7,"session_id":"s"}', ["body", "type"]),
        ('{"type":"start","session_id":"s","files":7}', ["body", "files"]),
        ("{", ["body", 0]),
        ("[]", ["body", "text"]),
    ],
)
def test_the_member_at_fault_is_named(body, loc):
    reply = OPEN.refused(OPEN.chat(post(body)))
    assert reply.status == 422
    assert reply.json()["detail"][0]["loc"] == loc
    validator = schemas.validator("aiavatar", "0.7", "validation-reply")
    assert schemas.problems(validator, reply.json()) == []


# --- the key -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer key-1"},
        {"authorization": "bearer key-1"},
        {"AUTHORIZATION": "BEARER key-1"},
    ],
)
def test_the_right_key_in_any_case_of_the_scheme(headers):
    assert isinstance(KEYED.chat(post(GOOD, **headers)), Request)


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer KEY-1", "Basic key-1", "key-1", "Bearer  key-1"]
)
def test_any_other_key_is_refused(value):
    for call in (KEYED.chat, KEYED.transcribe, KEYED.synthesize):
        found = call(post(GOOD, Authorization=value))
        assert found == Refusal(error="key_refused")
    assert KEYED.refused(found).json() == {"detail": REVISION.constants.Text.INVALID_KEY}


def test_the_key_comes_first_unless_it_is_to_come_as_in_the_package():
    for body in (b"{", b'{"type":"start"}'):
        assert KEYED.chat(post(body)) == Refusal(error="key_refused")
        assert SHIPPED.chat(post(body)) == OPEN.chat(post(body))
    assert SHIPPED.chat(post(GOOD)) == Refusal(error="key_refused")
    assert isinstance(SHIPPED.chat(post(GOOD, **AUTHORIZED)), Request)
    assert SHIPPED.synthesize(post('{"text":""}')) == Refusal(error="key_refused")
    assert SHIPPED.transcribe(form(audio(b""))) == Refusal(error="key_refused")
    assert SHIPPED.transcribe(form()) == Refusal(error="audio_missing")


# --- /transcribe ---------------------------------------------------------------------------------


def test_audio_is_taken_from_the_form():
    assert OPEN.transcribe(form(audio(b"\1\2"))) == b"\1\2"


@pytest.mark.parametrize(
    ("request_", "error", "status"),
    [
        (form(audio(b"")), "audio_empty", 400),
        (form(audio(b"x", filename=None)), "audio_missing", 422),
        (form(multipart.Part(name="other", content=b"x", filename="x")), "audio_missing", 422),
        (post(b"{}"), "audio_missing", 422),
    ],
)
def test_other_forms_are_refused(request_, error, status):
    found = OPEN.transcribe(request_)
    assert found == Refusal(error=error)
    assert status_of(OPEN, found) == status


def test_a_transcript_is_json():
    reply = OPEN.transcribed("Hello")
    assert (reply.status, reply.json()) == (200, {"text": "Hello"})
    assert reply.headers == {"Content-Type": "application/json"}


# --- /synthesize ---------------------------------------------------------------------------------


def test_an_order_is_read():
    found = OPEN.synthesize(post('{"text":"Hi","style_info":{"a":1},"language":"en","x":1}'))
    assert found == SynthesizeOrder(text="Hi", style_info={"a": 1}, language="en")


@pytest.mark.parametrize(
    ("body", "error", "status"),
    [
        ('{"text":""}', "text_empty", 400),
        ("{}", "text_missing", 422),
        ('{"text":7}', "member_mistyped", 422),
        ("{", "body_not_json", 422),
    ],
)
def test_other_orders_are_refused(body, error, status):
    found = OPEN.synthesize(post(body))
    assert found.error == error
    assert status_of(OPEN, found) == status


def test_speech_is_an_attachment():
    reply = OPEN.synthesized(b"RIFF")
    assert (reply.status, reply.body) == (200, b"RIFF")
    assert reply.headers == {
        "Content-Type": "audio/wav",
        "Content-Disposition": "attachment; filename=voice.wav",
    }


def test_headers_of_a_stream():
    assert OPEN.stream_headers() == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }


def test_refusals_are_rows_of_the_catalogue():
    for name, row in REVISION.errors.CATALOGUE.items():
        if row.http is not None and row.http.json is not None:
            reply = OPEN.refused(Refusal(error=name))
            assert (reply.status, json.loads(reply.body)) == (row.http.status, row.http.json)
