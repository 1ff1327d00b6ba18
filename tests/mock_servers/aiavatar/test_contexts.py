from __future__ import annotations

import itertools

import pytest

from mock_servers.aiavatar import contexts
from mock_servers.aiavatar.contexts import Conversations

HISTORY = 3600.0


@pytest.fixture
def conversations():
    numbers = itertools.count(1)
    return Conversations(lambda: f"c{next(numbers)}", HISTORY)


def test_a_conversation_exists_once_a_turn_has_ended(conversations):
    first = conversations.begin(None, "s", 0.0)
    assert first.id == "c1"
    assert conversations.find("c1") is None
    first.last_turn_at = 1.0
    assert conversations.find("c1") is first
    assert conversations.begin("c1", "s", 2.0) is first
    assert conversations.find(None) is None


def test_an_unknown_one_is_replaced(conversations):
    assert conversations.begin("nowhere", "s", 0.0).id == "c1"


def test_an_interrupted_first_turn_does_not_start_the_script_anew(conversations):
    first = conversations.begin(None, "s", 0.0)
    first.progress.turns = 3
    second = conversations.begin("c1", "s", 1.0)
    assert second.id == "c2"
    assert second.progress is first.progress


def test_what_was_heard_before_a_context_belongs_to_it(conversations):
    progress = conversations.progress(None, "s")
    assert conversations.progress(None, "s") is progress
    assert conversations.progress(None, "other") is not progress
    begun = conversations.begin(None, "s", 0.0)
    assert begun.progress is progress
    assert conversations.progress("c1", "s") is progress
    assert conversations.progress(None, "s") is not progress


def test_what_was_said_is_forgotten_after_an_hour_and_the_id_stays(conversations):
    first = conversations.adopt("mine", 0.0)
    progress = first.progress
    assert conversations.begin("mine", "s", HISTORY).progress is progress
    assert conversations.begin("mine", "s", HISTORY + 1).progress is not progress
    assert conversations.adopt("mine", 9.0) is first


def test_there_is_a_limit(conversations, monkeypatch):
    monkeypatch.setattr(contexts, "_REMEMBERED", 2)
    for name in ("a", "b", "c"):
        conversations.adopt(name, 0.0)
    assert conversations.find("a") is None
    assert conversations.find("c") is not None
    conversations.clear()
    assert conversations.find("c") is None
