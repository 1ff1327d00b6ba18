from __future__ import annotations

import asyncio
import json

import pytest

from protocol_core.errors import ConfigurationError, LocalProtocolError
from protocol_core.videosdk.errors import DispatchError, JoinError, RoomCreationError
from reference_client.videosdk import AgentConfig, AvatarAgent, connect
from tests.reference_client.videosdk.support import ACCOUNT, ACK, END, AgentEar, FakeMeeting


def config(peer, **settings):
    given = {"room_id": "abcd", "dispatcher_url": f"{peer.url}/dispatcher", **ACCOUNT}
    return AgentConfig(**given | settings)


async def quiet():
    for _ in range(20):
        await asyncio.sleep(0)


class Attached:
    """An agent in a meeting in memory."""

    def __init__(self, clock, **settings):
        self.ear = AgentEar()
        self.meeting = FakeMeeting()
        self.agent = AvatarAgent(
            AgentConfig(room_id="abcd", participant_id="avatar_1", **settings),
            self.ear,
            clock=clock,
        )


@pytest.fixture
async def attached(clock):
    made = Attached(clock)
    async with made.agent as agent:
        await agent.dispatch()
        agent.attach(made.meeting, ["user"])
        yield made


# --- the way into the room ----------------------------------------------------------------------


async def test_start_asks_and_joins(peer, clock):
    ear = AgentEar()
    async with AvatarAgent(config(peer), ear, room_url=peer.rooms, clock=clock) as agent:
        await agent.start()
        assert agent.is_attached
        assert peer.calls[0]["participant_id"] == agent.participant_id
        ((room, identity, token),) = peer.joins
        assert (room, identity[:6]) == ("abcd", "agent_")
        assert token.count(".") == 2
        await agent.settle()
        assert ear.of("on_attached") == [(agent.participant_id, "abcd")]
    await peer.until(lambda p: p.left)
    assert not agent.is_attached


async def test_a_room_is_made_first(peer, clock):
    settings = {"room_id": None, "create_room": True, "signaling_base_url": f"{peer.url}/signaling"}
    async with connect(
        config(peer, agent_id="me", **settings), room_url=peer.rooms, clock=clock
    ) as agent:
        assert agent.room_id == "new-room"
        assert peer.calls[1]["room_name"] == "new-room"
        assert peer.joins[0][:2] == ("new-room", "me")


async def test_no_room_is_made(peer, clock):
    peer.room_reply = (401, {"message": "no"})
    settings = {"room_id": None, "create_room": True, "signaling_base_url": f"{peer.url}/signaling"}
    async with AvatarAgent(config(peer, **settings), clock=clock) as agent:
        with pytest.raises(RoomCreationError):
            await agent.dispatch()
    settings["signaling_base_url"] = "http://127.0.0.1:1"
    async with AvatarAgent(config(peer, **settings), clock=clock) as agent:
        with pytest.raises(RoomCreationError) as caught:
            await agent.dispatch()
    assert caught.value.kind == "transport"


@pytest.mark.parametrize("status", [301, 400, 503])
async def test_a_refused_start_joins_nothing(peer, clock, status):
    peer.dispatch_status = status
    async with AvatarAgent(config(peer), room_url=peer.rooms, clock=clock) as agent:
        with pytest.raises(DispatchError) as caught:
            await agent.start()
    assert (caught.value.code, caught.value.http_status) == ("DISPATCH_REFUSED", status)
    assert peer.joins == []
    assert len(peer.calls) == 1


async def test_the_dispatcher_has_five_seconds(peer, clock):
    peer.dispatch_status = None
    async with AvatarAgent(config(peer), clock=clock) as agent:
        starting = asyncio.create_task(agent.dispatch())
        await peer.until(lambda p: p.calls)
        clock.advance(5.0)
        with pytest.raises(DispatchError) as caught:
            await starting
    assert (caught.value.code, caught.value.kind) == ("DISPATCH_UNREACHABLE", "timeout")


async def test_a_cancelled_start_may_be_repeated(peer, clock):
    peer.dispatch_status = None
    async with AvatarAgent(config(peer), clock=clock) as agent:
        starting = asyncio.create_task(agent.dispatch())
        await peer.until(lambda p: p.calls)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        peer.dispatch_status = 204
        await agent.dispatch()


async def test_a_refused_join_is_raised(peer, clock):
    peer.refuse = 401
    async with AvatarAgent(config(peer), room_url=peer.rooms, clock=clock) as agent:
        with pytest.raises(JoinError):
            await agent.start()
        assert not agent.is_attached


async def test_without_a_room_to_dial(peer, clock):
    async with AvatarAgent(AgentConfig(room_id="abcd"), clock=clock) as agent:
        await agent.dispatch()
        with pytest.raises(ConfigurationError, match="room_url"):
            await agent.join()
    async with AvatarAgent(AgentConfig(), room_url=peer.rooms, clock=clock) as agent:
        await agent.dispatch()
        with pytest.raises(ConfigurationError, match="room_id"):
            await agent.join()


async def test_joining_before_asking_leaves_nobody_behind(peer, clock):
    async with AvatarAgent(config(peer), room_url=peer.rooms, clock=clock) as agent:
        with pytest.raises(LocalProtocolError):
            await agent.join()
        await peer.until(lambda p: p.left)


# --- speech -------------------------------------------------------------------------------------


async def test_a_turn_ends_itself(attached):
    async with attached.agent.turn() as turn:
        assert await turn.say(b"\1" * 20001)
        assert not turn.over
    assert turn.over
    chunks = [len(p) for p in attached.meeting.payloads()[:2]]
    assert chunks == [15000, 5002]
    assert json.loads(attached.meeting.payloads()[2]) == json.loads(END)
    assert [mode for _, mode in attached.meeting.sent] == ["UNRELIABLE", "UNRELIABLE", "RELIABLE"]
    with pytest.raises(LocalProtocolError, match="over"):
        await turn.say(b"\1\2")


async def test_a_turn_that_fails_just_stops(attached):
    async def speak():
        async with attached.agent.turn() as turn:
            await turn.say(b"\1\2")
            raise RuntimeError("tts")

    with pytest.raises(RuntimeError, match="tts"):
        await speak()
    assert attached.meeting.payloads() == [b"\1\2"]


async def test_speech_waits_for_the_cooldown(attached, clock):
    agent = attached.agent
    assert await agent.interrupt()
    turn = agent.begin_turn()
    saying = asyncio.create_task(turn.say(b"\1\2"))
    await quiet()
    assert attached.meeting.payloads() == [b"INTERRUPT"]
    clock.advance(0.2)
    await agent.interrupt()  # of the new turn, before it was heard
    await quiet()
    assert saying.done()
    assert not await saying
    assert turn.interrupted
    second = agent.begin_turn()
    saying = asyncio.create_task(second.say(b"\3\4"))
    await quiet()
    clock.advance(0.29)
    await quiet()
    assert not saying.done()
    clock.advance(0.01)
    assert await saying
    assert attached.meeting.payloads()[-1] == b"\3\4"


@pytest.mark.parametrize("end", ["close", "loss", "turn"])
async def test_nobody_waits_for_a_cooldown_that_does_not_matter(attached, end):
    agent, meeting = attached.agent, attached.meeting
    await agent.interrupt()
    turn = agent.begin_turn()
    saying = asyncio.create_task(turn.say(b"\1\2"))
    await quiet()
    if end == "close":
        await agent.close()
    elif end == "loss":
        meeting.emit("meeting-left")
    else:
        await turn.end(completed=False)
    assert not await saying


async def test_a_protected_utterance_is_not_interrupted(attached):
    async with attached.agent.turn(interruptible=False) as turn:
        await turn.say(b"\1\2")
        assert not await attached.agent.interrupt()
    assert b"INTERRUPT" not in attached.meeting.payloads()


async def test_a_lost_channel_is_told_and_nothing_raises(attached, caplog):
    agent, meeting, ear = attached.agent, attached.meeting, attached.ear
    meeting.fails = ValueError("Data producer not initialized.")
    async with agent.turn() as turn:
        assert not await turn.say(b"\1" * 40000)
    assert not await agent.interrupt()
    await agent.settle()
    ((error,),) = ear.of("on_detached")
    assert error.code == "NO_PRODUCER"
    assert "NO_PRODUCER" in caplog.text
    assert (meeting.sent, meeting.listeners) == ([], [])
    meeting.fails = None
    agent.attach(meeting)  # the same handle again (VSD-LIFE-006)
    assert len(meeting.listeners) == 1
    async with agent.turn() as turn:
        assert await turn.say(b"\1\2")


async def test_joining_again_leaves_the_old_room(peer, clock):
    async with connect(config(peer, agent_id="me"), room_url=peer.rooms, clock=clock) as agent:
        peer.errors = [("NO_PRODUCER", "Data producer not initialized.")]
        turn = agent.begin_turn()
        assert not await turn.say(b"\1\2")
        await agent.join()
        assert await turn.say(b"\3\4")
        assert peer.payloads() == [b"\3\4"]
        await agent.leave()
        assert not agent.is_attached
        await peer.until(lambda p: len(p.left) == 2)


# --- what arrives -------------------------------------------------------------------------------


async def test_what_the_application_hears(attached):
    agent, meeting, ear = attached.agent, attached.meeting, attached.ear
    meeting.says(ACK)
    meeting.says("[1]")
    meeting.emit("participant-joined", type("P", (), {"id": "avatar_1"}))
    meeting.emit("participant-left", type("P", (), {"id": "avatar_1"}))
    await agent.settle()
    assert ear.of("on_participant_joined") == [("user", False), ("avatar_1", True)]
    assert ear.of("on_participant_left") == [("avatar_1", True)]
    ((ack,),) = ear.of("on_ack")
    assert ack.playback_position == 0.1
    ((ignored,),) = ear.of("on_ignored")
    assert ignored.code == "ACK_UNREADABLE"


async def test_closing_is_repeatable_and_deaf(attached):
    agent, meeting, ear = attached.agent, attached.meeting, attached.ear
    await agent.close()
    await agent.close()
    meeting.says(ACK)
    assert meeting.listeners == []
    assert ear.of("on_ack") == []
    assert not await agent.begin_turn().say(b"\1\2")


async def test_a_meeting_that_has_dropped_its_listeners(attached):
    attached.meeting.listeners.clear()
    await attached.agent.close()


async def test_a_close_that_is_cancelled_leaves_nothing(peer, clock):
    agent = AvatarAgent(config(peer), room_url=peer.rooms, clock=clock)
    await agent.start()
    closing = asyncio.create_task(agent.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert "callbacks" not in {task.get_name() for task in asyncio.all_tasks()}
