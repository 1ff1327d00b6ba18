"""Request ids, and the server's view of requests."""

import random
import re
from datetime import UTC, datetime

import pytest

from avatar_protocols.avatarkit.v0_1_7.constants import RequestId
from protocol_core.avatarkit import requests
from protocol_core.avatarkit.requests import Requests, mint_request_id
from protocol_core.errors import LocalProtocolError


def test_ids_have_the_documented_form():
    moment = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    req_id = mint_request_id(moment, random.Random(1))
    assert req_id.startswith("20250102030405_")
    assert re.fullmatch(RequestId.PATTERN, req_id)
    assert len(req_id) == RequestId.LENGTH
    assert req_id == mint_request_id(moment, random.Random(1))
    assert req_id != mint_request_id(moment, random.Random(2))


@pytest.fixture
def seen():
    return Requests()


def test_a_request_opens_and_ends(seen):
    assert seen.audio("a", end=False) is True
    assert seen.open_id == "a"
    assert seen.audio("a", end=True) is False
    assert seen.open_id == ""
    assert seen.spent("a") == "ended"
    assert seen.spent("b") == ""


def test_answers_end_once(seen):
    seen.audio("a", end=False)
    seen.answer("a", end=False)
    with pytest.raises(LocalProtocolError, match="audio has not ended"):
        seen.answer("a", end=True)
    seen.audio("a", end=True)
    seen.answer("a", end=False)
    seen.answer("a", end=True)
    with pytest.raises(LocalProtocolError, match="has had its last answer"):
        seen.answer("a", end=False)
    with pytest.raises(LocalProtocolError, match="no such request"):
        seen.answer("b", end=False)
    assert seen.spent("a") == "ended"


def test_an_interrupt_takes_effect_once(seen):
    seen.audio("a", end=True)
    seen.audio("b", end=False)
    assert seen.interrupt("a") is True
    assert seen.open_id == "b"
    assert seen.interrupt("b") is True
    assert seen.open_id == ""
    assert seen.interrupt("b") is False
    assert seen.interrupt("c") is False
    assert seen.spent("b") == "interrupted"
    with pytest.raises(LocalProtocolError, match="was interrupted"):
        seen.answer("b", end=False)


def test_the_memory_has_an_end(seen, monkeypatch):
    monkeypatch.setattr(requests, "REMEMBERED", 2)
    for req_id in "abc":
        seen.audio(req_id, end=True)
    assert [seen.spent(req_id) for req_id in "abc"] == ["", "ended", "ended"]


def test_clear_forgets(seen):
    seen.audio("a", end=False)
    seen.clear()
    assert seen.open_id == ""
    assert seen.audio("a", end=False) is True
