"""One turn at work: its steps, on the clock."""

from __future__ import annotations

import json
from itertools import pairwise

from tests.mock_servers.aiavatar.conftest import kinds


async def ask(client, text="go"):
    await client.open()
    await client.send("invoke", text=text)
    return [await client.receive() for _ in range(2)]


async def test_waits_pass_on_the_clock(open_platform):
    script = [{"answer": [{"wait": 2}, "One.", {"wait": 3}, {"wait": 1}, "Two.", {"wait": 5}]}]
    async with open_platform(dialogue=script) as (platform, client):
        assert kinds(await ask(client)) == ["stop", "start"]
        await client.settle()
        asked = platform.journal.where(lambda r: r.name == "start")[-1:]
        await platform.advance(20)
        assert kinds(await client.turn()) == ["chunk", "chunk", "final"]
        sent = asked + platform.journal.where(lambda r: r.name in {"chunk", "final"})
        assert [round(b.time - a.time) for a, b in pairwise(sent)] == [2, 4, 5]


async def test_chunks_take_their_time_on_a_platform_that_paces(open_platform):
    script = [{"answer": ["One.", "Two."]}]
    async with open_platform(dialogue=script, pace=True, chunk_interval=0.5) as (platform, client):
        await ask(client)
        await client.settle()
        assert not platform.journal.where(lambda r: r.name == "chunk")
        await platform.advance(0.5)
        assert (await client.receive())["text"] == "One."
        await platform.advance(0.5)
        assert kinds(await client.turn()) == ["chunk", "final"]


async def test_a_tool_reports_evenly(open_platform):
    tool = {
        "name": "look",
        "arguments": {"at": "月"},
        "progress": [{"a": 1}, {"b": 2}],
        "result": {"c": 3},
        "seconds": 3,
    }
    async with open_platform(dialogue=[{"answer": ["Wait.", {"tool": tool}, "Done."]}]) as (
        platform,
        client,
    ):
        await ask(client)
        await platform.advance(10)
        events = await client.turn()
        assert kinds(events) == ["chunk", *["tool_call"] * 4, "chunk", "final"]
        calls = [event["metadata"]["tool_call"] for event in events[1:5]]
        assert len({call["id"] for call in calls}) == 1
        assert {(call["name"], call["arguments"]) for call in calls} == {
            ("look", json.dumps({"at": "月"}, ensure_ascii=False))
        }
        assert [call["result"] for call in calls] == [
            {"data": {}, "is_final": True},
            {"data": {"a": 1}, "is_final": False},
            {"data": {"b": 2}, "is_final": False},
            {"data": {"c": 3}, "is_final": True},
        ]
        sent = platform.journal.where(lambda r: r.name == "tool_call")
        assert [round(b.time - a.time) for a, b in pairwise(sent)] == [1, 1, 1]


async def test_a_tool_may_have_an_id(open_platform):
    async with open_platform(dialogue=[{"answer": [{"tool": {"name": "x", "id": "call-7"}}]}]) as (
        _,
        client,
    ):
        await ask(client)
        events = await client.turn()
        assert [event["metadata"]["tool_call"]["id"] for event in events[:2]] == ["call-7"] * 2


async def test_a_turn_may_fail(open_platform):
    script = [
        {"times": 1, "when": {}, "answer": ["One.", {"fail": True}, "Two."]},
        {"answer": "Fine."},
    ]
    async with open_platform(dialogue=script) as (platform, client):
        asked = await ask(client)
        events = await client.turn()
        assert kinds(events) == ["chunk", "error"]
        assert platform.active == {}
        await client.send("invoke", text="again", context_id=asked[1]["context_id"])
        again = await client.turn()
        assert kinds(again) == ["stop", "start", "chunk", "final"]
        # The turn that failed left no conversation behind, yet the script goes on.
        assert again[1]["context_id"] != asked[1]["context_id"]
        assert again[2]["text"] == "Fine."


async def test_speech_and_language(open_platform):
    script = [{"answer": [{"say": "One.", "speech": 0, "language": "ja-JP"}, "[face:joy]"]}]
    async with open_platform(dialogue=script) as (_, client):
        await ask(client)
        one, tag, final = await client.turn()
        assert (one["audio_data"], one["language"]) == ("", "ja-JP")
        assert (tag["audio_data"], tag["voice_text"]) == ("", "")
        assert final["voice_text"] == "One."


async def test_vision(open_platform):
    script = [
        {"when": {"files": True}, "answer": "Nice."},
        {"answer": "[vision:camera]Let me see."},
    ]
    async with open_platform(dialogue=script) as (_, client):
        await ask(client)
        events = await client.turn()
        assert kinds(events) == ["chunk", "vision"]
        assert events[1]["metadata"] == {"source": "camera"}
        picture = {"type": "image", "url": "data:image/png;base64,AA=="}
        await client.send("invoke", files=[picture], context_id=events[1]["context_id"])
        assert (await client.turn())[-1]["text"] == "Nice."


async def test_an_interrupted_tool_ends_the_turn(open_platform):
    script = [
        {"when": {"text": "quick"}, "answer": "Yes."},
        {"when": {}, "answer": [{"tool": {"name": "x", "seconds": 5}}, "Done."]},
    ]
    async with open_platform(dialogue=script) as (platform, client):
        await ask(client)
        assert (await client.receive())["type"] == "tool_call"
        await client.send("invoke", text="quick")
        await client.turn()
        await platform.advance(10)
        late = await client.receive()
        assert (late["type"], late["text"]) == ("final", "")
