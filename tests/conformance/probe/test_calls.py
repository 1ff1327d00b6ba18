from __future__ import annotations

import pytest

from conformance.probe.calls import CallLog, json_body, merged
from mock_servers.codec import Codec, Decoded
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions
from protocol_core.http import HttpRequest, HttpResponse


class Plain(Codec):
    """Shows which body of which endpoint it was given."""

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        raise NotImplementedError

    def encode(self, name: str, data: dict[str, object]) -> bytes | str:
        raise NotImplementedError

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        return Decoded(name=endpoint, data={"body": body.decode(), "response": response})


@pytest.fixture
def journal() -> Journal:
    return Journal(lambda: 0.0, Redactor(SecretPositions()), Limits())


@pytest.mark.parametrize(
    ("url", "target"),
    [("http://h/a/b?c=1", "/a/b?c=1"), ("http://h:80", "/"), ("http://h/?c", "/?c")],
)
def test_a_request_is_written_down(journal: Journal, url: str, target: str) -> None:
    request = HttpRequest(method="POST", url=url, headers={"A": "1"}, body=b"hi")
    CallLog(journal, Plain()).asked("chat", request, 3)
    (record,) = journal.records
    assert (record.kind, record.sender, record.name) == ("http_request", "client", "chat")
    assert (record.connection, record.method, record.target) == (3, "POST", target)
    assert record.headers == {"a": "1"}
    assert record.raw == "hi"
    assert record.data == {"body": "hi", "response": False}


def test_an_answer_is_written_down(journal: Journal) -> None:
    CallLog(journal, Plain()).answered("chat", HttpResponse(status=404, body=b"no"))
    (record,) = journal.records
    assert (record.kind, record.sender, record.name) == ("http_response", "server", "chat")
    assert (record.connection, record.status, record.raw) == (None, 404, "no")
    assert record.data == {"body": "no", "response": True}


def test_bodies() -> None:
    assert json_body({}, {"a": 1}) == b'{"a":1}'
    assert json_body({"json": [1]}, {}) == b"[1]"
    assert json_body({"json": None}, {}) == b"null"
    assert json_body({"text": "x"}, {}) == b"x"
    assert json_body({"body": "AQI="}, {}) == b"\x01\x02"


def test_headers_can_be_changed_and_removed() -> None:
    assert merged({"A": "1", "B": "2"}, {"A": None, "B": "3", "C": "4"}) == {"B": "3", "C": "4"}
