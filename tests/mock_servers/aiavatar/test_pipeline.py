"""From a request to a turn: the wakeword, merging, contexts."""

from __future__ import annotations

import base64

from mock_servers.aiavatar.pipeline import TurnRequest
from protocol_core.aiavatar.codec import Request
from tests.mock_servers.aiavatar.conftest import kinds, tone

TALK = [{"transcript": "mumble"}, {"when": {}, "answer": "Hm."}]


def test_what_a_request_asks_for():
    turn = TurnRequest.from_request(Request(type="start", session_id="s", text="", files=[]))
    assert (turn.text, turn.audio, turn.broken, turn.files) == (None, False, False, False)
    audio = base64.b64encode(b"\1\0").decode()
    turn = TurnRequest.from_request(Request(type="start", audio_data=audio, files=[{"a": "b"}]))
    assert (turn.session_id, turn.audio, turn.files) == ("", True, True)
    turn = TurnRequest.from_request(Request(type="start", audio_data="A", text="Hi"))
    assert (turn.broken, turn.text) == (True, "Hi")


async def test_contexts_are_made_kept_and_replaced(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        first = (await client.chat(text="a"))[0]["context_id"]
        kept = (await client.chat(text="b", context_id=first))[0]["context_id"]
        replaced = (await client.chat(text="c", context_id="unknown"))[0]["context_id"]
        assert first == kept != replaced != "unknown"
        await platform.journal.wait_for(lambda r: r.name == "session_ended", 3)
        platform.reset()
        assert (await client.chat(text="d", context_id=first))[0]["context_id"] != first


async def test_text_beside_broken_audio_is_served(open_platform):
    async with open_platform(dialogue=TALK) as (_, client):
        assert kinds(await client.chat(text="Hi", audio_data="A")) == ["start", "chunk", "final"]


async def test_an_empty_turn_asks_no_model(open_platform):
    async with open_platform(dialogue=[{"answer": "One."}]) as (_, client):
        empty = await client.chat()
        assert kinds(empty) == ["start", "final"]
        again = await client.chat(text="Hi", context_id=empty[0]["context_id"])
        assert again[-1]["text"] == "One."


async def test_nobody_is_awake_without_the_wakeword(open_platform):
    async with open_platform(dialogue=TALK, wakewords=["Hello", "Computer"]) as (platform, client):
        events = await client.chat(text="Good day")
        assert kinds(events) == ["start", "final"]
        assert events[0]["metadata"] == {"request_text": None}
        assert (events[0]["context_id"], events[1]["text"]) == (None, "")
        awake = await client.chat(text="Hello there")
        context = awake[0]["context_id"]
        assert kinds(awake) == ["start", "chunk", "final"]
        await platform.advance(59)
        assert kinds(await client.chat(text="And?", context_id=context)) == [
            "start",
            "chunk",
            "final",
        ]
        await platform.advance(61)
        asleep = await client.chat(text="And?", context_id=context)
        assert kinds(asleep) == ["start", "final"]
        assert asleep[0]["context_id"] == context


async def test_the_wakeword_holds_as_long_as_it_is_set_to(open_platform):
    options = {"wakewords": ["Hello"], "wakeword_timeout": 5.0}
    async with open_platform(dialogue=TALK, **options) as (platform, client):
        context = (await client.chat(text="Hello"))[0]["context_id"]
        await platform.advance(6)
        assert kinds(await client.chat(text="And?", context_id=context)) == ["start", "final"]


async def test_who_is_answering_is_awake(open_platform):
    script = [
        {"when": {"text": "Hello"}, "answer": ["One. ", {"wait": 9}, "Two."]},
        {"when": {}, "answer": "Hm."},
    ]
    async with open_platform(dialogue=script, wakewords=["Hello"]) as (platform, client):
        await client.open()
        await client.send("invoke", text="Hello")
        for _ in range(3):
            await client.receive()
        await client.send("invoke", text="What?")
        assert kinds(await client.turn()) == ["stop", "start", "chunk", "final"]
        await platform.advance(10)


async def test_asleep_on_the_socket(open_platform):
    async with open_platform(dialogue=TALK, wakewords=["Hello"]) as (_, client):
        await client.open()
        await client.send("invoke", text="What?")
        assert kinds(await client.turn()) == ["stop", "start", "final"]


async def test_requests_shortly_after_one_another_are_merged(open_platform):
    picture = [{"type": "image", "url": "https://example.com/x.png"}]
    script = [{"when": {"files": True}, "answer": "A picture."}, {"when": {}, "answer": "Hm."}]
    async with open_platform(dialogue=script, merge_within=3.0) as (platform, client):
        await client.chat(text="One", files=picture)
        await platform.advance(2)
        merged = await client.chat(text="Two")
        assert merged[0]["metadata"] == {"request_text": "One\nTwo"}
        assert merged[-1]["text"] == "A picture."
        await platform.advance(4)
        alone = await client.chat(text="Three")
        assert alone[0]["metadata"] == {"request_text": "Three"}
        other = await client.chat(text="Four", session_id="other")
        assert other[0]["metadata"] == {"request_text": "Four"}
        await platform.journal.wait_for(lambda r: r.name == "session_ended", 4)
        platform.reset()
        assert (await client.chat(text="Five"))[0]["metadata"] == {"request_text": "Five"}


async def test_audio_is_heard_where_there_is_no_text(open_platform):
    async with open_platform(dialogue=TALK) as (_, client):
        await client.open()
        await client.send("invoke", audio_data=base64.b64encode(tone(0.2)).decode())
        events = await client.turn()
        assert events[1]["metadata"] == {"request_text": "mumble"}
        await client.send("invoke", audio_data="A")
        assert (await client.receive())["type"] == "error"
