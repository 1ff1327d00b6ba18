"""Turns over HTTP: the stream, its keepalives, and how it may end."""

from __future__ import annotations

import base64

import pytest

from tests.mock_servers.aiavatar.conftest import events_of, kinds, tone

HELLO = {"type": "start", "session_id": "s", "user_id": "u", "text": "Hello"}
SLOW = [{"when": {}, "answer": ["One. ", {"wait": 40}, "Two."]}]


async def test_a_turn(open_platform):
    async with open_platform(dialogue=[{"answer": "[face:joy]Hello! How are you?"}]) as (
        platform,
        client,
    ):
        async with client.post("/chat", HELLO) as reply:
            assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert reply.headers["Cache-Control"] == "no-store"
            data = await reply.read()
        assert b"\r\n\r\n" in data
        events = events_of(data)
        assert kinds(events) == ["start", "chunk", "chunk", "final"]
        assert {(event["session_id"], event["user_id"]) for event in events} == {("s", "u")}
        (context,) = {event["context_id"] for event in events}
        assert context
        assert events[0]["metadata"] == {"request_text": "Hello"}
        assert events[1]["avatar_control_request"]["face_name"] == "joy"
        assert base64.b64decode(events[1]["audio_data"]).startswith(b"RIFF")
        assert events[-1]["text"] == "[face:joy]Hello! How are you?"
        assert [r.problems for r in platform.journal.records if r.problems] == []


async def test_any_type_will_do_and_text_wins(open_platform):
    async with open_platform(dialogue=[{"transcript": "heard"}, {"when": {}, "answer": "Hm."}]) as (
        _,
        client,
    ):
        audio = base64.b64encode(tone(0.1)).decode()
        events = await client.chat(type="invoke", text="said", audio_data=audio)
        assert events[0]["metadata"] == {"request_text": "said"}
        events = await client.chat(audio_data=audio)
        assert events[0]["metadata"] == {"request_text": "heard"}


async def test_nothing_said_and_nothing_heard(open_platform):
    async with open_platform(dialogue=[{"transcript": ""}, {"when": {}, "answer": "Hm."}]) as (
        _,
        client,
    ):
        events = await client.chat()
        assert kinds(events) == ["start", "final"]
        assert (events[0]["metadata"], events[1]["text"]) == ({"request_text": ""}, "")
        assert await client.chat(audio_data=base64.b64encode(tone(0.1)).decode()) == []


async def test_audio_that_is_none_is_an_error_event(open_platform):
    async with open_platform() as (_, client):
        (event,) = await client.chat(audio_data="A")
        assert event["type"] == "error"
        assert event["metadata"]["error"]


async def test_comments_keep_it_alive(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        reply = await client.post("/chat", HELLO)
        await platform.advance(14.9)
        assert not platform.journal.where(lambda r: r.kind == "ping")
        await platform.advance(0.2)
        await platform.advance(15)
        assert len(platform.journal.where(lambda r: r.kind == "ping")) == 2
        assert platform.session().describe()["state"] == "ANSWERING"
        await platform.advance(15)
        data = await reply.read()
        assert data.count(b": ping - ") == 2
        assert kinds(events_of(data)) == ["start", "chunk", "chunk", "final"]
        await platform.advance(100)
        assert data.count(b": ping - ") == 2


async def test_a_newer_turn_ends_the_stream_with_part_of_the_answer(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        older = await client.post("/chat", HELLO)
        newer = await client.post("/chat", HELLO)
        other = await client.post("/chat", {**HELLO, "session_id": "other"})
        await platform.advance(50)
        events = events_of(await older.read())
        assert kinds(events) == ["start", "chunk", "final"]
        assert events[-1]["text"] == "One. "
        for reply in (newer, other):
            assert kinds(events_of(await reply.read())) == ["start", "chunk", "chunk", "final"]


async def test_a_client_that_goes_away_ends_the_turn(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        reply = await client.post("/chat", HELLO)
        assert "s" in platform.active
        reply.close()
        await platform.journal.wait_for(lambda r: r.kind == "reset" and r.sender == "client")
        await platform.journal.wait_for(lambda r: r.name == "session_ended")
        assert platform.active == {}


async def test_a_plan_may_play_the_turn(open_platform):
    start = {"message": "start", "data": {"session_id": "$session_id", "context_id": "mine"}}
    plan = [
        {
            "on": "open",
            "endpoint": "chat",
            "nth": 1,
            "do": [
                {"comment": "hello"},
                {"send": start},
                {"send": {"message": "chunk", "data": {"text": "A", "context_id": "$context_id"}}},
                {"error": "stream_superseded"},
            ],
        }
    ]
    async with open_platform(plan=plan) as (_, client):
        events = await client.chat(text="Hi")
        assert kinds(events) == ["start", "chunk", "final"]
        assert events[1]["context_id"] == "mine"
        assert events[2]["text"] == "A"
        again = await client.chat(text="Hello", context_id="mine")
        assert again[0]["context_id"] == "mine"


async def test_a_plan_that_says_nothing_of_a_context(open_platform):
    start = {"message": "start", "data": {"context_id": "$context_id"}}
    plan = [{"on": "open", "endpoint": "chat", "nth": 1, "do": [{"send": start}, {"close": {}}]}]
    async with open_platform(plan=plan) as (_, client):
        (event,) = await client.chat(text="Hi")
        again = await client.chat(text="Hi", context_id=event["context_id"])
        assert again[0]["context_id"] == event["context_id"]


async def test_messages_of_a_stream_are_impossible(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        reply = await client.post("/chat", HELLO)
        for react in (platform.session().default_message, platform.session().observe_message):
            with pytest.raises(AssertionError, match="brings no message in"):
                react("x")
        reply.close()
