"""The room as a session: plans, scripted workers and bystanders."""

from __future__ import annotations

import pytest

from avatar_protocols.videosdk.v1_0.errors import CATALOGUE
from protocol_core.errors import ConfigurationError

from .conftest import END, PCM, UNRELIABLE, attend, kinds, open_meeting

DROP = {"on": "message", "message": "segment_end", "do": []}
IN_ROOM = [name for name, row in CATALOGUE.items() if row.at in {"runtime", "handshake"}]


async def test_a_plan_may_keep_a_message():
    async with open_meeting(worker="present", pace=False, plan=[DROP]) as (
        platform,
        meeting,
        listener,
    ):
        await meeting.send(PCM, UNRELIABLE)
        await meeting.send(END)
        assert listener.acks() == []
        assert len(platform.journal.messages("segment_end", sender="client")) == 1


async def test_a_plan_may_delay_and_everything_stays_in_order():
    plan = [{"on": "message", "nth": 1, "do": [{"delay": 1}], "then_default": True}]
    async with open_meeting(worker="absent", frozen=True, plan=plan) as (platform, meeting, _):
        _, heard = await attend(platform)
        await meeting.send("first")
        await meeting.send("second")
        await platform.advance(0.9)
        assert heard.payloads() == []
        await platform.advance(0.1)
        assert heard.payloads() == ["first", "second"]


async def test_a_plan_may_answer():
    data = {"playback_position": 7.0, "interrupted": False}
    reply = {"send": {"message": "stream_ended", "data": {"data": data}}}
    plan = [{"on": "message", "endpoint": "room", "where": {"bytes": 4800}, "do": [reply]}]
    async with open_meeting(worker="present", plan=plan) as (platform, meeting, listener):
        await meeting.send(PCM, UNRELIABLE)
        assert listener.acks() == [data]
        assert platform.session().worker.core.queued == 0
        assert platform.journal.messages("stream_ended")[0].reliability == "RELIABLE"


async def test_a_plan_may_let_one_send_fail():
    plan = [{"on": "message", "nth": 2, "do": [{"error": "send_no_producer"}]}]
    async with open_meeting(worker="absent", plan=plan) as (platform, meeting, _):
        await meeting.send("1")
        with pytest.raises(ValueError, match="Data producer not initialized"):
            await meeting.send("2")
        await meeting.send("3")
        assert [record.raw for record in platform.journal.messages()] == ["1", "3"]


async def test_a_plan_is_about_the_agent_only():
    async with open_meeting(worker="absent", plan=[{"on": "message", "do": []}]) as (
        platform,
        _,
        listener,
    ):
        other, _ = await attend(platform)
        await other.send("hi")
        assert listener.payloads() == ["hi"]


async def test_the_worker_says_what_it_is_told():
    async with open_meeting(worker="present") as (platform, _, listener):
        await platform.act([{"send_text": "[1]"}, {"send_binary": "00ff"}])
        await platform.act({"send": {"message": "news", "data": {"room": "$room_id"}}})
        assert listener.payloads() == [
            "[1]",
            b"\x00\xff",
            '{"type":"news","room":"demo-room"}',
        ]
        modes = [record.reliability for record in platform.journal.messages(sender="server")]
        assert modes == ["RELIABLE", "UNRELIABLE", "RELIABLE"]


async def test_without_a_worker_nobody_says_it():
    async with open_meeting(worker="absent") as (platform, _, _):
        for action in (
            {"send_text": "x"},
            {"worker_leaves": True},
            {"worker_moves": "another-room"},
            {"error": "worker_left"},
        ):
            with pytest.raises(ConfigurationError, match="no mock worker"):
                await platform.act(action)


async def test_a_worker_moves_to_another_room():
    async with open_meeting(worker="absent", worker_id="avatar_m") as (platform, meeting, _):
        told = []
        platform.listen(lambda name, _: told.append(name))
        await platform.act([{"worker_joins": True}, {"worker_moves": "another-room"}])
        last = platform.journal.where(kind="join")[-1]
        assert (last.participant, last.name) == ("avatar_m", "another-room")
        assert kinds(platform, "leave") == [("leave", "avatar_m")]
        await meeting.send(b"\1\2", {"reliability": "UNRELIABLE"})
        assert told == ["closed"]


async def test_a_strict_worker_hears_its_agent_only():
    async with open_meeting(worker="present", strict_sender="somebody-else") as (
        platform,
        meeting,
        _,
    ):
        told = []
        platform.listen(lambda name, _: told.append(name))
        await meeting.send(b"\1\2", {"reliability": "UNRELIABLE"})
        await platform.flush()
        assert told == []


async def test_bystanders_come_speak_and_go():
    async with open_meeting(worker="present") as (platform, _, listener):
        said = {"message": "stream_ended", "data": {"data": {}}, "participant_id": "user-7"}
        await platform.act({"participant_joins": {}})
        await platform.act({"participant_says": said})
        await platform.act({"participant_says": {**said, "reliability": "UNRELIABLE"}})
        await platform.act({"participant_says": {"binary": "ff", "participant_id": "user-7"}})
        await platform.act({"participant_leaves": {"participant_id": "user-7"}})
        assert len(listener.payloads()) == 3
        assert kinds(platform, "join", "leave")[2:] == [
            ("join", "participant-2"),
            ("join", "user-7"),
            ("leave", "user-7"),
        ]
        modes = [record.reliability for record in platform.journal.messages()]
        assert modes == ["RELIABLE", "UNRELIABLE", "UNRELIABLE"]
        with pytest.raises(ConfigurationError, match="nobody of that id"):
            await platform.act({"participant_leaves": {"participant_id": "user-7"}})


@pytest.mark.parametrize("name", IN_ROOM)
async def test_every_error_of_the_room_can_be_had(name):
    async with open_meeting(worker="present", pace=False) as (platform, meeting, listener):
        row = CATALOGUE[name]
        await platform.act({"error": name})
        if row.at == "handshake":
            platform.session().worker.leave()
            await platform.act({"worker_joins": True})
            assert platform.session().worker is None
        elif row.phase == "send":
            with pytest.raises((ValueError, TypeError, ConnectionError, RuntimeError)):
                await meeting.send("x")
            (note,) = platform.journal.where({"name": "send_failed"})
            assert note.data["code"] == row.code
        elif row.message is not None:
            (record,) = platform.journal.messages(sender="server")
            assert record.data["type"] == row.message["type"]
            assert len(listener.payloads()) == 1
        else:
            await meeting.send(PCM, UNRELIABLE)
            await meeting.send(END)
            assert listener.payloads() == []


async def test_errors_of_requests_need_a_request():
    async with open_meeting() as (platform, _, _):
        with pytest.raises(ConfigurationError, match="answer to an HTTP request"):
            await platform.act({"error": "dispatch_moved"})


@pytest.mark.parametrize("action", ["fail_sends", "deny_joins"])
async def test_rows_must_exist(action):
    async with open_meeting() as (platform, _, _):
        with pytest.raises(ConfigurationError, match="no such row"):
            await platform.act({action: {"error": "join_nothing"}})


async def test_a_room_describes_itself():
    async with open_meeting(worker="present") as (platform, meeting, _):
        described = platform.session().describe()
        worker = platform.options.worker_id
        assert described["participants"] == {
            worker: "server",
            meeting.local_participant.id: "client",
        }
        assert described["tracks"][worker] == ["audio", "video"]
        assert described["workers"] == {worker: "IDLE"}
        assert described["variables"] == {
            "room_id": "demo-room",
            "worker_id": worker,
            "agent_id": meeting.local_participant.id,
        }


async def test_what_nobody_calls_does_nothing():
    async with open_meeting() as (platform, _, _):
        session = platform.session()
        session.opened()
        session.observe_open()
        session.received("x")
        session.observe_message("x")
        session.on_sent("x", {})
        assert platform.journal.messages() == []
