"""Sessions on the WebSocket: opening, hearing, leaving, and what is wrong."""

from __future__ import annotations

import pytest

from tests.mock_servers.aiavatar.conftest import kinds, silence, tone

TALK = [
    {"transcript": "Hello", "answer": "Hi!"},
    {"transcript": "Bye", "answer": "See you."},
    {"when": {}, "answer": "Hm."},
]
SLOW = [
    {"when": {"text": "quick"}, "answer": "Yes."},
    {"when": {}, "answer": ["One. ", {"wait": 9}, "Two."]},
]


async def test_a_session(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        connected = await client.open(user_id="u", context_id="c", metadata={"a": 1})
        assert (connected["type"], connected["session_id"]) == ("connected", "s")
        assert (connected["user_id"], connected["context_id"]) == ("u", "c")
        await client.send("invoke", user_id="u", text="Hello")
        events = await client.turn()
        assert kinds(events) == ["stop", "start", "chunk", "final"]
        assert events[0]["user_id"] is None
        assert events[1]["metadata"] == {"request_text": "Hello"}
        await client.send("stop")
        assert await client.end() == 1000
        assert [r.problems for r in platform.journal.records if r.problems] == []


async def test_what_is_said_is_heard_and_the_conversation_kept(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        await client.open(user_id="u")
        contexts, heard = [], []
        for _ in range(2):
            await client.speak(tone(0.6) + silence(0.6))
            events = await client.turn()
            assert kinds(events) == ["stop", "start", "chunk", "final"]
            contexts.append(events[1]["context_id"])
            heard.append(events[1]["metadata"]["request_text"])
        assert heard == ["Hello", "Bye"]
        assert contexts[0] == contexts[1]
        assert events[1]["user_id"] == "u"
        assert platform.session().describe()["context_id"] == contexts[0]


async def test_an_invoke_keeps_no_conversation(open_platform):
    async with open_platform(dialogue=TALK) as (_, client):
        await client.open()
        await client.send("invoke", text="Hello")
        first = (await client.turn())[1]["context_id"]
        await client.send("invoke", text="Hello")
        second = (await client.turn())[1]["context_id"]
        await client.send("invoke", text="Hello", context_id=first)
        assert (await client.turn())[1]["context_id"] == first != second


async def test_nothing_recognised_is_silence(open_platform):
    async with open_platform(dialogue=[{"transcript": ""}, *TALK]) as (platform, client):
        await client.open()
        await client.speak(tone(0.6) + silence(0.6))
        await client.settle()
        assert not platform.journal.where(lambda r: r.name == "stop")
        await client.speak(tone(0.6) + silence(0.6))
        assert (await client.turn())[1]["metadata"] == {"request_text": "Hello"}


async def test_silence_on_the_clock(open_platform):
    async with open_platform(dialogue=TALK, listen_on="clock") as (platform, client):
        await client.open()
        await client.speak(tone(0.6))
        await client.settle()
        await platform.advance(0.4)
        assert not platform.journal.where(lambda r: r.name == "stop")
        await platform.advance(0.2)
        assert kinds(await client.turn()) == ["stop", "start", "chunk", "final"]


async def test_the_detector_can_be_set(open_platform):
    options = {
        "silence": 0.1,
        "min_speech": 0.05,
        "max_recording": 20.0,
        "volume_db_threshold": -40.0,
    }
    async with open_platform(dialogue=TALK, sample_rate=8000, **options) as (platform, client):
        await client.open()
        await client.speak(tone(0.1, 8000) + silence(0.2, 8000))
        assert kinds(await client.turn())[-1] == "final"
        assert platform.session().describe()["volume_db_threshold"] == -40.0
        await client.send("config", metadata={"volume_db_threshold": -60})
        await client.settle()
        assert platform.session().describe()["volume_db_threshold"] == -60.0


async def test_barge_in_by_voice(open_platform):
    async with open_platform(dialogue=[{"transcript": "x"}, *SLOW]) as (platform, client):
        await client.open()
        await client.send("invoke", text="a story")
        assert kinds([await client.receive() for _ in range(3)]) == ["stop", "start", "chunk"]
        await client.speak(tone(0.6) + silence(0.6))
        newer = await client.turn()
        assert kinds(newer) == ["stop", "start", "final"]
        await platform.advance(10)
        late = await client.receive()
        assert (late["type"], late["text"]) == ("final", "One. ")


async def test_a_second_invoke_interrupts_the_first(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        await client.open()
        await client.send("invoke", text="slow")
        assert kinds([await client.receive() for _ in range(3)]) == ["stop", "start", "chunk"]
        await client.send("invoke", text="quick")
        assert kinds(await client.turn()) == ["stop", "start", "chunk", "final"]
        await platform.advance(10)
        assert (await client.receive())["text"] == "One. "


async def test_an_invoke_may_block_the_reader(open_platform):
    async with open_platform(dialogue=SLOW, blocking_invoke=True) as (platform, client):
        await client.open()
        await client.send("invoke", text="slow")
        await client.send("invoke", text="quick")
        await client.settle()
        await platform.advance(10)
        assert kinds(await client.turn()) == ["stop", "start", "chunk", "chunk", "final"]
        assert kinds(await client.turn()) == ["stop", "start", "chunk", "final"]


async def test_the_person_may_be_made_to_speak(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        await client.open()
        await platform.act({"speak": {"text": "Bye"}})
        assert (await client.turn())[1]["metadata"] == {"request_text": "Bye"}
        await platform.act({"speak": {}})
        assert (await client.turn())[1]["metadata"] == {"request_text": "Hello"}
        await platform.act({"speak": {"text": ""}})
        await client.settle()


async def test_pcm(open_platform):
    async with open_platform(pcm_chunk_bytes=1000, speech_rate=8000, dialogue=TALK) as (_, client):
        await client.open()
        await client.send("invoke", text="Hello")
        descriptor, *pieces, final = (await client.turn())[2:]
        form = {"sample_rate": 8000, "channels": 1, "sample_width": 2}
        assert descriptor["metadata"] == {"is_first_chunk": True, "pcm_format": form}
        assert descriptor["audio_data"] is None
        assert all(piece["metadata"] == {"pcm_format": form} for piece in pieces)
        assert len(pieces) > 1
        assert final["type"] == "final"


@pytest.mark.parametrize(("options", "pings"), [({}, 3), ({"ping_interval": 0}, 0)])
async def test_pings(open_platform, options, pings):
    async with open_platform(**options) as (platform, client):
        await client.open()
        await platform.advance(61)
        await client.settle()
        assert (
            len(platform.journal.where(lambda r: (r.kind, r.sender) == ("ping", "server"))) == pings
        )
        await platform.act({"close": {}})
        await platform.advance(61)


# -- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [("{", 1007), ("{}", 1007), (b"\0", 1003), ('{"type":"config","session_id":"s"}', 1007)],
)
async def test_malformed_messages(open_platform, message, code):
    async with open_platform() as (platform, client):
        await client.open()
        await (client.ws.send_bytes if isinstance(message, bytes) else client.ws.send_str)(message)
        assert await client.end() == code
        assert platform.journal.where(lambda r: r.kind == "note" and "malformed" in r.reason)
    async with open_platform(malformed="drop") as (platform, client):
        await client.open()
        await (client.ws.send_bytes if isinstance(message, bytes) else client.ws.send_str)(message)
        assert await client.end() is None


async def test_a_missing_session_id(open_platform):
    async with open_platform() as (_, client):
        await client.connect()
        await client.send("start", session_id=None)
        final = await client.receive()
        assert (final["type"], final["session_id"]) == ("final", None)
        assert "session_id is required" in final["metadata"]["error"]
        assert await client.end() == 1000


async def test_a_message_before_start(open_platform):
    async with open_platform() as (_, client):
        await client.connect()
        await client.send("invoke", text="Hi")
        assert (await client.receive())["metadata"]["error"]
        assert await client.end() == 1000


async def test_the_last_start_owns_the_session(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        await client.open()
        older = client.ws
        await client.open()
        assert (await older.receive(timeout=5)).data == 1000
        await client.send("invoke", text="Hello")
        assert kinds(await client.turn())[-1] == "final"
        await client.send("start", session_id="another")
        assert (await client.receive())["session_id"] == "another"
        assert [session.id for session in platform.sessions] == ["another"]


async def test_the_conversation_outlives_the_socket(open_platform):
    async with open_platform(dialogue=TALK) as (platform, client):
        await client.open()
        await client.speak(tone(0.6) + silence(0.6))
        context = (await client.turn())[1]["context_id"]
        await client.speak(tone(0.6))
        await platform.act({"reset": True})
        assert await client.end() is None
        await client.open(context_id=context)
        await client.speak(silence(1.0))
        await client.speak(tone(0.6) + silence(0.6))
        events = await client.turn()
        assert events[1]["context_id"] == context
        assert events[1]["metadata"] == {"request_text": "Bye"}


async def test_a_turn_ends_with_its_socket(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        await client.open()
        await client.send("invoke", text="slow")
        for _ in range(3):
            await client.receive()
        await client.ws.close()
        await platform.journal.wait_for(lambda r: r.name == "session_ended")
        assert platform.active == {}


# -- plans -----------------------------------------------------------------------------------------


async def test_a_plan_may_answer_instead(open_platform):
    start = {"message": "start", "data": {"session_id": "$session_id", "context_id": "$context_id"}}
    plan = [
        {"on": "open", "endpoint": "websocket", "do": [{"delay": 1}]},
        {"on": "message", "message": "invoke", "nth": 1, "do": [{"send": start}]},
        {"on": "message", "message": "stop", "do": []},
    ]
    async with open_platform(plan=plan, dialogue=TALK) as (platform, client):
        await client.connect()
        await client.send("start")
        await platform.advance(1)
        assert (await client.receive())["type"] == "connected"
        await client.send("invoke", text="Hello")
        announced = await client.receive()
        assert (announced["type"], announced["session_id"]) == ("start", "s")
        await client.send("stop")
        await client.settle()
        assert not platform.journal.where(lambda r: r.kind == "close")
    async with open_platform(plan=plan[1:2], dialogue=TALK) as (platform, client):
        await client.open()
        await client.send("invoke", text="Hello")
        context = (await client.receive())["context_id"]
        await client.send("invoke", text="Hello", context_id=context)
        assert (await client.turn())[1]["context_id"] == context
