from __future__ import annotations

import json

import pytest

from avatar_protocols.tables import HttpReply, WireError
from mock_servers.catalogue import catalogue_reply, points_of


@pytest.mark.parametrize(
    ("at", "point"),
    [
        ("rest", "http"),
        ("upgrade", "upgrade"),
        ("handshake", "open"),
        ("runtime", "message"),
        ("close", "message"),
    ],
)
def test_a_row_fits_its_moments(at, point):
    assert point in points_of(WireError(name="x", at=at))


def test_json_is_filled_in():
    reply = HttpReply(status=418, json={"a": ["$who"]}, headers={"X-A": "b"})
    answer = catalogue_reply(WireError(name="x", at="rest", http=reply), {"who": "me"})
    assert (answer.status, json.loads(answer.body)) == (418, {"a": ["me"]})
    assert answer.headers == {"Content-Type": "application/json", "X-A": "b"}
    assert reply.json == {"a": ["$who"]}


def test_text_is_sent_as_it_is():
    answer = catalogue_reply(WireError(name="x", at="rest", http=HttpReply(status=400)), {})
    assert (answer.status, answer.body) == (400, b"")


def test_a_row_without_an_answer():
    assert catalogue_reply(WireError(name="x", at="rest", abort=True), {}) is None
