from __future__ import annotations

from conformance.probe.base import json_body, merged


def test_bodies() -> None:
    assert json_body({}, {"a": 1}) == b'{"a":1}'
    assert json_body({"json": [1]}, {}) == b"[1]"
    assert json_body({"json": None}, {}) == b"null"
    assert json_body({"text": "x"}, {}) == b"x"
    assert json_body({"body": "AQI="}, {}) == b"\x01\x02"


def test_headers_can_be_changed_and_removed() -> None:
    assert merged({"A": "1", "B": "2"}, {"A": None, "B": "3", "C": "4"}) == {"B": "3", "C": "4"}
