"""What the platform does with an agent: handshake, turns, speech, idle time, ends."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from avatar_protocols.liveavatar.v0_2 import frames
from protocol_core.errors import ConfigurationError

SPEAKING = ["THINKING", "STAGING", "SPEAKING", "IDLE"]


def states_of(platform):
    return [
        (round(record.time - platform.session().opened_at, 2), record.data["data"]["state"])
        for record in platform.journal.messages("session.state")
    ]


# -- handshake -------------------------------------------------------------------------------------


async def test_session_init_comes_first_and_everything_else_after_session_ready(open_platform):
    async with open_platform() as (platform, agent):
        await agent.start()
        await agent.dial()
        await platform.act([{"say": {"text": "early"}}, {"image": {}}, {"idle": {}}])
        init = await agent.receive()
        assert init == {
            "event": "session.init",
            "data": {"sessionId": agent.session_id, "userId": "demo-user"},
        }
        await agent.send("response.done", requestId="r", responseId="x")
        await agent.seen(1, "response.done")
        assert [m.name for m in platform.journal.messages(sender="server")] == ["session.init"]
        await agent.send("session.ready")
        names = [(await agent.receive())["event"] for _ in range(2)]
        assert names == ["input.text", "session.state"]
        assert (await agent.ws.receive_bytes())[0] >> 6 == 2
        assert (await agent.receive())["event"] == "system.idleTrigger"
        assert (await agent.receive())["event"] == "scene.ready"


async def test_every_socket_gets_a_session_init(open_platform):
    async with open_platform() as (platform, agent):
        first = await agent.open()
        agent.ws._response.connection.transport.abort()
        await agent.gone()
        assert await agent.open() == first
        assert platform.session().connection.number == 2


async def test_a_new_socket_replaces_the_old_one(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        old = agent.ws
        await agent.open()
        closing = await old.receive()
        assert (closing.data, closing.extra) == (1008, "replaced")
        await platform.act({"say": {"text": "hello"}})
        assert (await agent.receive())["event"] == "input.text"


@pytest.mark.parametrize("after", [None, 3.0])
async def test_scene_ready_can_be_late_or_never(open_platform, after):
    async with open_platform(scene_ready_after=after, pace=True) as (platform, agent):
        await agent.open(scene=False)
        await agent.seen(1, "session.ready")
        await platform.advance(5)
        records = platform.journal.messages("scene.ready")
        assert [round(record.time, 1) for record in records] == ([] if after is None else [after])


# -- turns -----------------------------------------------------------------------------------------


async def test_typed_text_is_answered_by_speech(open_platform):
    async with open_platform(asr="platform") as (platform, agent):
        await agent.open()
        await platform.act({"say": {"text": "hello"}})
        text = await agent.receive()
        assert (text["event"], text["data"]) == ("input.text", {"text": "hello"})
        await agent.respond(text["requestId"], "x1", "Good ", "morning.")
        assert await agent.states(4) == SPEAKING
        assert platform.session().describe()["spoken"] == ["Good ", "morning."]
        records = platform.journal.messages("session.state")
        seqs = [record.data["seq"] for record in records]
        assert seqs == list(range(seqs[0], seqs[0] + 4))
        assert all(record.data["timestamp"] > 1_600_000_000_000 for record in records)


async def test_speech_takes_the_time_of_its_text(open_platform):
    options = {"pace": True, "render_latency": 0.5, "characters_per_second": 10}
    async with open_platform(asr="platform", **options) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "hello"}})
        await agent.seen(1, "session.ready")
        await agent.respond("$", "x0", done=False)
        turn = platform.session().variables["request_id"]
        await agent.respond(turn, "x1", "a" * 20, "b" * 10)
        await agent.seen(1, "response.done")
        await platform.advance(10)
        assert states_of(platform) == [
            (0.0, "THINKING"),
            (0.0, "STAGING"),
            (0.5, "SPEAKING"),
            (3.5, "IDLE"),
        ]


async def test_the_speed_of_the_audio_config_counts(open_platform):
    async with open_platform(pace=True, render_latency=0, characters_per_second=10) as (
        platform,
        agent,
    ):
        await agent.open(scene=False)
        config = {"speed": 2.0, "volume": 1.0}
        await agent.send("response.start", {"audioConfig": config}, requestId="r", responseId="x")
        await agent.respond("r", "x", "a" * 20)
        await agent.seen(1, "response.done")
        await platform.advance(5)
        assert states_of(platform)[-1] == (1.0, "IDLE")


async def test_a_response_without_text_is_no_speech(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act({"say": {"text": "hello"}})
        turn = (await agent.receive())["requestId"]
        await agent.respond(turn, "x1")
        assert await agent.states(2) == ["THINKING", "IDLE"]


async def test_new_input_clears_what_is_being_spoken(open_platform):
    async with open_platform(pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 150, done=False)
        await agent.seen(1, "response.chunk")
        await platform.advance(1)
        await platform.act({"say": {"text": "two", "request_id": "r2"}})
        assert platform.session().describe()["speech_seconds_left"] == 0
        await agent.chunk("r1", "x1", 1, "stale")
        await agent.respond("r2", "x2", "b" * 15)
        await agent.seen(1, "response.done")
        await platform.advance(5)
        assert [state for _, state in states_of(platform)] == [*SPEAKING[:3], *SPEAKING]


async def test_a_turn_may_have_several_responses(open_platform):
    async with open_platform(pace=True, render_latency=0, characters_per_second=10) as (
        platform,
        agent,
    ):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        for name in ("x1", "x2"):
            await agent.respond("r1", name, "a" * 10)
        await agent.seen(2, "response.done")
        await platform.advance(5)
        assert states_of(platform)[-2:] == [(0.0, "SPEAKING"), (2.0, "IDLE")]


@pytest.mark.parametrize(
    ("members", "stops"), [({}, True), ({"requestId": "r1"}, True), ({"requestId": "old"}, False)]
)
async def test_an_interrupt_stops_the_current_turn(open_platform, members, stops):
    async with open_platform(pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 150)
        await agent.seen(1, "response.done")
        await platform.advance(1)
        await agent.send("control.interrupt", **members)
        await agent.seen(1, "control.interrupt")
        state = platform.session().describe()["conversation"]
        assert state == ("IDLE" if stops else "SPEAKING")
        assert (platform.session().describe()["speech_seconds_left"] == 0) is stops


async def test_a_cancelled_response_is_not_spoken(open_platform):
    async with open_platform(pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 150, done=False)
        await agent.send("response.cancel", responseId="x1")
        await agent.seen(1, "response.cancel")
        assert platform.session().describe()["speech_seconds_left"] == 0
        assert platform.session().describe()["conversation"] == "IDLE"


async def test_playout_can_be_scripted(open_platform):
    async with open_platform(pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 15000)
        await agent.seen(1, "response.done")
        await platform.advance(1)
        await platform.act({"finish_playout": True})
        assert platform.session().describe()["conversation"] == "IDLE"


# -- speech input ----------------------------------------------------------------------------------


async def test_under_developer_asr_the_voice_goes_to_the_agent(open_platform):
    async with open_platform(asr="developer") as (platform, agent):
        await agent.open()
        await platform.act({"speak": {"seconds": 0.2}})
        received = [frames.AudioFrame.unpack(await agent.ws.receive_bytes()) for _ in range(5)]
        assert [frame.sequence for frame in received] == [0, 1, 2, 3, 4]
        assert [frame.timestamp for frame in received] == [0, 40, 80, 120, 160]
        assert [frame.key for frame in received] == [True, False, False, False, False]
        assert all(len(frame.payload) == 1280 for frame in received)
        assert any(received[0].payload)
        await agent.send("input.voice.start", requestId="u1")
        await agent.send("input.voice.finish", requestId="u1")
        await agent.send("input.asr.final", {"text": "hello"}, requestId="u1")
        await agent.respond("u1", "x1", "Hi")
        assert await agent.states(5) == ["LISTENING", *SPEAKING]


async def test_the_microphone_is_open_for_the_whole_session(open_platform):
    async with open_platform(asr="developer", pace=True) as (platform, agent):
        await agent.open(scene=False)
        await agent.seen(1, "session.ready")
        await platform.advance(1.01)
        await platform.act({"speak": {"seconds": 0.4}})
        await platform.advance(1)
        records = platform.journal.messages("AudioFrame")
        assert len(records) == 51
        times = [record.time for record in records]
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps == pytest.approx([0.04] * 50)
        assert {record.data["samples"] for record in records} == {640}
        loud = [record for record in records if "A" * 100 not in record.raw]
        assert len(loud) == 10


async def test_voice_barge_in_clears_what_is_being_spoken(open_platform):
    async with open_platform(asr="developer", pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 150)
        await agent.seen(1, "response.done")
        await platform.advance(1)
        await agent.send("input.voice.start", requestId="u1")
        await agent.seen(1, "input.voice.start")
        description = platform.session().describe()
        assert (description["conversation"], description["speech_seconds_left"]) == ("LISTENING", 0)


@pytest.mark.parametrize("text", ["what is this", ""])
async def test_under_platform_asr_the_text_arrives_when_the_speech_is_over(open_platform, text):
    async with open_platform(asr="platform", pace=True) as (platform, agent):
        await agent.open(scene=False)
        await agent.seen(1, "session.ready")
        await platform.act({"speak": {"seconds": 2, "text": text}})
        await platform.advance(5)
        assert states_of(platform) == [(0.0, "LISTENING"), (2.0, "THINKING" if text else "IDLE")]
        assert platform.journal.messages("AudioFrame") == []
        texts = platform.journal.messages("input.text")
        assert [record.data["data"]["text"] for record in texts] == ([text] if text else [])


async def test_only_a_platform_that_listens_interrupts(open_platform):
    async with open_platform(asr="platform") as (platform, agent):
        await agent.open()
        await platform.act({"interrupt": {"request_id": "r1"}})
        assert await agent.receive() == {"event": "control.interrupt", "requestId": "r1"}
    async with open_platform(asr="developer") as (platform, agent):
        await agent.open()
        with pytest.raises(ConfigurationError, match="LAC-INT-003"):
            await platform.act({"interrupt": {}})


# -- developer TTS ---------------------------------------------------------------------------------


async def test_the_agent_s_audio_is_spoken_for_as_long_as_it_is(open_platform):
    async with open_platform(pace=True, render_latency=0.1) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.send("response.audio.start", requestId="r1", responseId="x1")
        for index in range(25):
            await agent.frame(index, 40 * index, key=index == 0)
        await agent.send("response.audio.finish", requestId="r1", responseId="x1")
        await agent.seen(1, "response.audio.finish")
        await platform.advance(5)
        assert states_of(platform) == [
            (0.0, "THINKING"),
            (0.0, "STAGING"),
            (0.1, "SPEAKING"),
            (1.1, "IDLE"),
        ]


async def test_frames_outside_a_bracket_are_not_spoken(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await agent.frame()
        await agent.seen(1, "AudioFrame")
        assert platform.session().describe()["speech_seconds_left"] == 0
        assert platform.journal.messages("session.state") == []


# -- idle time and prompts -------------------------------------------------------------------------


async def test_idle_time_triggers_and_prompts_do_not_count_as_activity(open_platform):
    async with open_platform(idle_after=60) as (platform, agent):
        await agent.open()
        await platform.advance(60)
        trigger = await agent.receive()
        assert trigger["data"] == {"reason": "user_idle", "idleTimeMs": 60_000}
        await agent.send("system.prompt", {"text": "still there?"})
        assert await agent.states(4) == [
            "PROMPT_THINKING",
            "PROMPT_STAGING",
            "PROMPT_SPEAKING",
            "IDLE",
        ]
        await platform.advance(60)
        assert (await agent.receive())["data"]["idleTimeMs"] == 120_000
        await agent.send("response.audio.promptStart")
        await agent.frame(key=True)
        await agent.send("response.audio.promptFinish")
        assert await agent.states(3) == ["PROMPT_STAGING", "PROMPT_SPEAKING", "IDLE"]
        await platform.advance(60)
        assert (await agent.receive())["data"]["idleTimeMs"] == 180_000


async def test_idle_triggers_can_be_scripted_or_switched_off(open_platform):
    async with open_platform(idle_after=None) as (platform, agent):
        await agent.open()
        await platform.advance(1000)
        assert platform.journal.messages("system.idleTrigger") == []
        await platform.act({"idle": {"milliseconds": 5, "reason": "bored"}})
        assert (await agent.receive())["data"] == {"reason": "bored", "idleTimeMs": 5}


# -- ends ------------------------------------------------------------------------------------------


async def test_a_session_has_a_longest_duration(open_platform):
    async with open_platform(session_duration=100, closing_notice=2, idle_after=None) as (
        platform,
        agent,
    ):
        await agent.open()
        await platform.advance(100)
        assert await agent.receive() == {"event": "session.closing", "data": {"reason": "timeout"}}
        await platform.advance(1.9)
        assert platform.journal.where(kind="close") == []
        await platform.advance(0.1)
        assert (await agent.closing())[0] == 1000
        await agent.gone()
        assert await agent.refusal() == 403


async def test_the_end_can_be_scripted(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act({"closing": {"reason": "maintenance", "notice": 0}})
        assert (await agent.receive())["data"] == {"reason": "maintenance"}
        assert (await agent.closing())[0] == 1000


async def test_stop_closes_the_socket(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await agent.stop()
        assert (await agent.closing())[0] == 1000
        await agent.gone()
        assert platform.agents[agent.session_id].ended


async def test_a_lost_agent_leaves_an_idle_conversation(open_platform):
    async with open_platform(pace=True) as (platform, agent):
        await agent.open(scene=False)
        await platform.act({"say": {"text": "one", "request_id": "r1"}})
        await agent.respond("r1", "x1", "a" * 150, done=False)
        await agent.seen(1, "response.chunk")
        await agent.ws.close()
        await agent.gone()
        await agent.open(scene=False)
        assert platform.session().describe()["conversation"] == "IDLE"


# -- tolerance -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[1]",
        "5",
        '{"event": "vendor.custom", "data": {"x": 1}}',
        '{"event": "response.chunk"}',
        '{"event": "session.init", "data": {}}',
        '{"noevent": 1}',
        '{"event": "error", "data": {"code": "X", "message": "y"}}',
        '{"event": "session.ready", "more": 1}',
        b"",
        b"\x00",
        b"\xff" * 20,
        b"\x50\x00",
    ],
)
async def test_whatever_an_agent_sends_the_session_goes_on(open_platform, message):
    async with open_platform() as (platform, agent):
        await agent.open()
        await (agent.ws.send_str if isinstance(message, str) else agent.ws.send_bytes)(message)
        await platform.journal.wait_for({"kind": "message", "sender": "client"}, 2)
        await platform.act({"say": {"text": "hello"}})
        assert (await agent.receive())["event"] == "input.text"


async def test_images_are_sent_as_asked(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act(
            [{"image": {}}, {"image": {"format": "AVIF", "payload": "", "image_id": 9}}]
        )
        first = frames.ImageFrame.unpack(await agent.ws.receive_bytes())
        second = frames.ImageFrame.unpack(await agent.ws.receive_bytes())
        assert (first.image_id, first.format.name, len(first.payload)) == (1, "JPG", 512)
        assert (second.image_id, second.format.name, second.payload) == (9, "AVIF", b"")
        with pytest.raises(ConfigurationError, match="no such format"):
            await platform.act({"image": {"format": "BMP"}})


async def test_the_conversation_can_be_scripted(open_platform):
    async with open_platform() as (platform, agent):
        await agent.open()
        await platform.act(
            [{"happened": "platform_voice_start"}, {"happened": "speech_without_text"}]
        )
        assert await agent.states(2) == ["LISTENING", "IDLE"]
        for trigger in ("voice_start", "nonsense"):
            with pytest.raises(ConfigurationError, match="LAC-STATE-001"):
                await platform.act({"happened": trigger})


async def test_a_rule_takes_the_place_of_a_reaction(open_platform):
    plan = [{"on": "message", "message": "response.chunk", "where": {"text": "stop"}, "do": []}]
    async with open_platform(plan=plan) as (platform, agent):
        await agent.open()
        await agent.respond("r1", "x1", "stop", done=False)
        await agent.seen(1, "response.chunk")
        assert platform.session().spoken == []
        assert json.loads(platform.journal.messages("response.chunk")[0].raw)["seq"] == 0
