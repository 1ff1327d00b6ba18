from __future__ import annotations

import pytest

from mock_servers.bodies import explain_body, raw_body
from mock_servers.codec import Codec, Decoded
from protocol_core import multipart
from protocol_core.multipart import Part

JSON = {"Content-Type": "application/json"}
FORM = {"content-type": multipart.content_type("b")}
WAV = {"CONTENT-TYPE": "audio/wav"}


class Plain(Codec):
    def decode(self, message, sender):
        raise NotImplementedError

    def encode(self, name, data):
        raise NotImplementedError

    def document(self, endpoint, body, *, response):
        return Decoded(name=endpoint, data={"body": body.decode(), "response": response})


def form(*parts):
    return multipart.build(parts, "b")


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b"", ""),
        ({}, b"\xff", "\ufffd"),
        (JSON, b"{}", "{}"),
        ({"Content-Type": "application/octet-stream"}, b"x", "x"),
        (WAV, b"RIFF", b"RIFF"),
        (FORM, form(Part(name="a", content=b"x")), form(Part(name="a", content=b"x")).decode()),
        (FORM, b"no form", "no form"),
    ],
)
def test_bodies_as_they_are_kept(headers, body, expected):
    assert raw_body(headers, body) == expected


def test_a_form_with_a_file_is_kept_as_bytes():
    body = form(Part(name="a", content=b"text", filename=""))
    assert raw_body(FORM, body) == body


@pytest.mark.parametrize("headers", [{}, JSON])
def test_what_else_there_is_explains_the_codec(headers):
    explained = explain_body(Plain(), "call", headers, b"{}", response=True)
    assert explained == Decoded(name="call", data={"body": "{}", "response": True})


@pytest.mark.parametrize("headers", [FORM, WAV])
def test_an_absent_body_explains_the_codec(headers):
    assert explain_body(Plain(), "call", headers, b"", response=False).data == {
        "body": "",
        "response": False,
    }


def test_binary_bodies_are_told_by_type_and_size():
    explained = explain_body(Plain(), "speak", WAV, b"RIFF", response=True)
    assert explained.data == {"content_type": "audio/wav", "bytes": 4}
    assert explained.views == (explained.data,)


def test_forms_are_told_field_by_field():
    body = form(
        Part(name="audio", content=b"\0\1", filename="a.wav", content_type="audio/wav"),
        Part(name="session_id", content=b"s1"),
    )
    explained = explain_body(Plain(), "transcribe", FORM, body, response=False)
    assert explained.data == {
        "audio": {"filename": "a.wav", "content_type": "audio/wav", "bytes": 2},
        "session_id": "s1",
    }
    assert (explained.name, explained.problems) == ("transcribe", [])
    assert explained.views == (explained.data,)


def test_a_form_that_is_none():
    explained = explain_body(Plain(), "transcribe", FORM, b"nonsense", response=False)
    assert explained.data == {}
    assert explained.problems == ["not a form: no closing boundary 'b'"]
