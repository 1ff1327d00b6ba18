from __future__ import annotations

from mock_servers.exchange import json_response, text_response


def test_answers_say_what_they_are():
    assert json_response({"a": 1}, 201).body == b'{"a":1}'
    assert json_response({}).headers["Content-Type"] == "application/json"
    answer = text_response("ä", 400, {"X-A": "b"})
    assert (answer.status, answer.body) == (400, "ä".encode())
    assert answer.headers["X-A"] == "b"
