"""How the VideoSDK adapter maps the SDK's names to the contract's, and its stand-in for a meeting.

The rooms are those of the mock platform, reached by the room socket as in a scenario.
"""

from __future__ import annotations

import asyncio
import base64
import json

import jwt
import pytest

from mock_servers import mock

AVATAR = "avatar_x"


def encoded(data):
    return base64.b64encode(data).decode()


class Other:
    """Another participant of a room, who keeps what is said."""

    def __init__(self, meeting):
        self.meeting, self.heard, self._news = meeting, [], asyncio.Event()
        meeting.add_event_listener(self)
        meeting.join()

    def handle_event(self, action, data):
        if action == "data":
            self.heard.append(data)
            self._news.set()

    async def shown(self, count=1):
        """What the stub has told of itself, once there is so much of it."""
        while len(self.heard) < count:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), timeout=20)
        assert len(self.heard) == count
        return [json.loads(data["payload"]) for data in self.heard]


@pytest.fixture
async def platform():
    async with mock("videosdk", pace=False, seed=1, worker="absent") as made:
        yield made


@pytest.fixture
def meet(platform):
    """Makes participants of the platform's rooms."""

    def join(participant_id=None, room_id=None):
        token = platform.token(participant_id) if participant_id else None
        return Other(platform.meeting(room_id=room_id, token=token))

    return join


@pytest.fixture
async def agent(talk_to, platform):
    talk = await talk_to("videosdk")

    async def open_room(**options):
        urls = {**platform.urls, "dispatcher": None}
        return await talk.ask(
            "open",
            urls=urls,
            credentials=platform.credentials,
            options={"participant_id": AVATAR, **options},
        )

    talk.open_room = open_room
    return talk


@pytest.fixture
async def worker(talk_to, platform):
    talk = await talk_to("videosdk")

    async def serve(room="demo-room", participant_id=AVATAR, **options):
        credentials = {"token": platform.token(participant_id), "participant_id": participant_id}
        urls = {"room": platform.urls["room"]}
        return await talk.ask(
            "serve", urls=urls, credentials=credentials, room=room, options=options
        )

    talk.serve = serve
    return talk


# --- the agent -----------------------------------------------------------------------------------


async def test_what_open_answers(agent, platform):
    kind, result = await agent.open_room()
    known = {"participant_id": AVATAR, "room_id": "demo-room"}
    assert (kind, result) == ("done", {**known, "attached": True})
    assert agent.events("opened") == [known]
    (join,) = platform.journal.where(kind="join")
    claims = join.data["token"]["claims"]
    assert join.sender == "client"
    assert claims["permissions"] == ["allow_join"]
    assert claims["exp"] - claims["iat"] == 3600
    assert "participantId" not in claims


async def test_the_agent_may_have_an_id_of_its_own(agent, platform):
    await agent.open_room(agent_id="agent_7")
    (join,) = platform.journal.where(kind="join")
    assert join.participant == "agent_7"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, {"participantId": AVATAR, "ttl": 3600}),
        ({"ttl": 60}, {"participantId": AVATAR, "ttl": 60}),
    ],
)
async def test_the_avatars_token_is_minted_by_the_sdk(agent, platform, meet, options, told):
    await agent.open_room(**options)
    other = meet(AVATAR)
    await other.meeting.send("hello")
    (shown,) = await other.shown()
    claims = jwt.decode(shown["token"], platform.options.secret, algorithms=["HS256"])
    assert claims == {"apikey": platform.options.api_key, **told}


async def test_given_credentials_are_passed_on(agent, meet):
    given = {"participant_id": "avatar_y", "token": "given"}
    _, result = await agent.open_room(credentials=given)
    assert result["participant_id"] == "avatar_y"
    other = meet(AVATAR)
    await other.meeting.send("hello")
    assert (await other.shown())[0]["token"] == "given"


@pytest.mark.parametrize("option", ["create_room", "strict_sender"])
async def test_what_the_sdk_does_not_have(agent, option):
    kind, reason = await agent.open_room(**{option: True})
    assert (kind, option in reason) == ("unsupported", True)


@pytest.mark.parametrize(
    "command", ["join", "send_audio", "end_turn", "interrupt", "lose_channel", "leave", "close"]
)
async def test_without_a_session_nothing_can_be_done(agent, command):
    assert (await agent.ask(command, audio=""))[0] == "unsupported"


async def test_the_room_may_come_later_and_again(agent, platform):
    _, result = await agent.open_room(join=False)
    assert result["attached"] is False
    assert agent.events("opened") == []
    for _ in range(2):
        assert await agent.ask("join") == ("done", {"attached": True})
    assert await agent.ask("leave") == ("done", None)
    kinds = [record.kind for record in platform.journal.records if record.kind in {"join", "leave"}]
    assert kinds == ["join", "leave", "join", "leave"]
    assert len(agent.events("opened")) == 2


async def test_the_same_handle_goes_on(agent, platform):
    await agent.open_room()
    assert (await agent.open_room(same_client=True))[0] == "done"
    await agent.ask("leave")
    assert platform.room("demo-room").room.participants == []


async def test_what_is_sent(agent, meet):
    other = meet(AVATAR)
    await agent.open_room()
    assert await agent.ask("send_audio", audio=encoded(b"\1\2\3\4")) == ("done", None)
    assert await agent.ask("end_turn") == ("done", None)
    assert await agent.ask("interrupt") == ("done", None)
    told = [(data["payload"], data["reliability"]) for data in other.heard]
    assert told == [
        (b"\1\2\3\4", "UNRELIABLE"),
        ('{"type": "segment_end"}', "RELIABLE"),
        (b"INTERRUPT", "RELIABLE"),
    ]


@pytest.mark.parametrize(
    ("command", "params"),
    [
        ("send_audio", {"audio": "", "uninterruptible": True}),
        ("send_audio", {"audio": "A"}),
        ("end_turn", {"outcome": "cancelled"}),
        ("lose_channel", {"error": "nonsense"}),
        ("send_text", {"text": "hi"}),
        ("act", {"action": {"worker_leaves": True}}),
        ("act", {}),
    ],
)
async def test_what_cannot_be_asked_of_the_sdk(agent, command, params):
    await agent.open_room()
    assert (await agent.ask(command, **params))[0] == "unsupported"


async def test_what_is_heard(agent, meet):
    other = meet(AVATAR)
    await agent.open_room(agent_id="agent_7")
    await other.meeting.send("hello", {"reliability": "RELIABLE"})
    await other.meeting.send(b"\0\xff", {"reliability": "RELIABLE"})
    shown = await other.shown(2)
    assert [each["payload"] for each in shown] == ["'hello'", r"b'\x00\xff'"]
    assert {each["from"] for each in shown} == {AVATAR}
    assert all(each["timestamp"] > 1_600_000_000_000 for each in shown)


async def test_what_escapes_from_the_sdk_is_told(agent, meet):
    other = meet(AVATAR)
    await agent.open_room()
    await other.meeting.send("raise")
    await other.meeting.send("hello")
    assert len(await other.shown()) == 1  # the room goes on
    assert agent.events("fault") == [{"where": "listener", "type": "KeyError", "message": "'data'"}]


TRANSPORT = {  # what the room is asked to fail with: what the SDK gets
    "send_too_large": ("ValueError", "Payload too large"),
    "send_wrong_type": ("TypeError", "Invalid payload type"),
    "send_not_connected": ("ConnectionError", "Network is not available"),
    "send_no_producer": ("ValueError", "Data producer"),
    "send_failed": ("RuntimeError", ""),
}


@pytest.mark.parametrize("name", TRANSPORT)
async def test_a_send_fails_as_the_vendors_transport_would(agent, platform, name):
    await agent.open_room()
    kind, message = TRANSPORT[name]
    await platform.act({"fail_sends": {"error": name, "who": "agent"}})
    answer, error = await agent.ask("interrupt")
    assert (answer, error["kind"], error["type"]) == ("error", "local", kind)
    assert message in error["message"]


@pytest.mark.parametrize("name", TRANSPORT)
async def test_a_channel_can_be_lost_at_the_nth_send(agent, meet, name):
    other = meet(AVATAR)
    await agent.open_room()
    assert await agent.ask("lose_channel", error=name, nth=2) == ("done", None)
    assert (await agent.ask("interrupt"))[0] == "done"
    kind, message = TRANSPORT[name]
    answer, error = await agent.ask("interrupt")
    assert (answer, error["type"]) == ("error", kind)
    assert message in error["message"]
    assert (await agent.ask("interrupt"))[0] == "done"
    assert len(other.heard) == 2


async def test_a_payload_of_another_type_is_refused_before_it_is_sent(agent, meet):
    other = meet(AVATAR)
    await agent.open_room()
    _, error = await agent.ask("send_audio", audio=encoded(b"odd"))
    assert (error["type"], "list" in error["message"]) == ("TypeError", True)
    assert other.heard == []


async def test_a_room_that_breaks_off(agent, platform):
    await agent.open_room()
    await platform.act({"reset": True})
    assert (await agent.ask("settle"))[0] == "done"
    _, error = await agent.ask("interrupt")
    assert (error["type"], "Network" in error["message"]) == ("ConnectionError", True)
    assert await agent.ask("close") == ("done", None)


OPENING = {  # the dispatcher: the record
    "refused": {
        "code": "DISPATCH_REFUSED",
        "phase": "dispatch",
        "kind": "transport",
        "http_status": 403,
        "raw_body": "no",
        "type": "HTTPStatusError",
        "message": "bad",
    },
    "unreachable": {
        "code": "DISPATCH_UNREACHABLE",
        "phase": "dispatch",
        "kind": "transport",
        "type": "HTTPError",
        "message": "nobody there",
    },
    "slow": {
        "code": "DISPATCH_UNREACHABLE",
        "phase": "dispatch",
        "kind": "timeout",
        "type": "TimeoutException",
        "message": "too slow",
    },
    "no-url": {
        "code": "DISPATCH_UNREACHABLE",
        "phase": "dispatch",
        "kind": "transport",
        "type": "InvalidURL",
        "message": "that is none",
    },
    "odd": {"kind": "local", "type": "ValueError", "message": "something else"},
}


@pytest.mark.parametrize("behaviour", OPENING)
async def test_errors_of_the_dispatcher(agent, behaviour):
    assert await agent.open(behaviour) == ("error", OPENING[behaviour])


async def test_a_room_that_nobody_knows_is_a_local_error(agent):
    _, error = await agent.open("echo", room_id=None)
    told = (error["code"], error["phase"], error["kind"])
    assert told == ("ROOM_ID_UNSET", "dispatch", "local")


async def test_a_join_that_is_refused(agent, platform):
    await platform.act({"deny_joins": {"error": "join_token_expired", "who": "agent"}})
    kind, error = await agent.open_room()
    assert (kind, error["code"], error["phase"]) == ("error", "JOIN_REFUSED", "join")
    assert (error["kind"], error["http_status"]) == ("transport", 401)
    assert "error" in json.loads(error["raw_body"])


async def test_close(agent, platform):
    await agent.open_room()
    assert await agent.ask("close") == ("done", None)
    assert agent.events("closed") == [{}]
    assert platform.room("demo-room").room.participants == []


# --- the worker ----------------------------------------------------------------------------------


async def test_a_worker_joins_and_publishes_its_tracks(worker, platform):
    assert await worker.serve() == ("done", {"urls": {}, "credentials": {}})
    (join,) = platform.journal.where(kind="join")
    assert (join.sender, join.participant) == ("server", AVATAR)
    tracks = platform.journal.where(kind="track")
    assert [(track.name, track.data["state"]) for track in tracks] == [
        ("audio", "published"),
        ("video", "published"),
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"options": {"strict_sender": "me"}},
        {"options": {"nonsense": 1}},
        {"urls": {}},
        {"room": None},
        {"credentials": {"token": "t"}},
    ],
)
async def test_what_cannot_be_served(worker, platform, params):
    told = {
        "urls": {"room": platform.urls["room"]},
        "credentials": {"token": platform.token(AVATAR), "participant_id": AVATAR},
        "room": "demo-room",
        **params,
    }
    assert (await worker.ask("serve", **told))[0] == "unsupported"


async def test_a_worker_that_is_not_let_in(worker, platform):
    await platform.act({"deny_joins": {"error": "join_token_expired", "who": "worker"}})
    kind, error = await worker.serve()
    assert (kind, error["code"]) == ("error", "JOIN_REFUSED")
    assert await worker.ask("reset") == ("done", {"pending": []})


async def test_what_a_worker_hears(worker, meet):
    await worker.serve()
    other = meet()
    await other.meeting.send(b"\1\0" * 480)
    await other.meeting.send('{"type": "segment_end"}')
    assert await other.shown() == [{"pieces": [0.02]}]
    assert worker.events("frame") == [{"bytes": 960, "audio": encoded(b"\1\0" * 480)}]
    assert worker.events("segment_end") == [{}]


async def test_an_interrupt_empties_the_renderer(worker, meet):
    await worker.serve(pace=True)
    other = meet()
    for _ in range(8):
        await other.meeting.send(b"\1\0" * 7200)  # 0.3 s
    await worker.ask("settle")
    await other.meeting.send(b"INTERRUPT")
    await other.meeting.send('{"type": "segment_end"}')
    (shown,) = await other.shown()
    assert sum(shown["pieces"]) < 8 * 0.3
    assert worker.events("reset") == [{}]
    assert len(worker.events("frame")) == 8


async def test_a_renderer_that_keeps_time_takes_it_from_the_moved_clock(worker, meet):
    await worker.serve(pace=True)
    other = meet()
    await other.meeting.send(b"\1\0" * 720)  # 0.03 s
    await other.meeting.send(b"")
    await other.meeting.send('{"type": "segment_end"}')
    await worker.ask("settle")
    await worker.ask("advance", seconds=0.04)
    assert await other.shown() == [{"pieces": [0.02, 0.01, 0.0]}]


async def test_a_worker_that_leaves_stays_in_the_room(worker, platform, meet):
    await worker.serve()
    assert await worker.ask("act", action={"worker_leaves": True}) == ("done", None)
    assert worker.events("closed") == [{"pending": []}]
    other = meet()
    assert AVATAR in other.meeting.participants
    await other.meeting.send(b"\1\0")
    await worker.ask("settle")
    assert worker.events("frame") == []
    await worker.ask("act", action={"worker_leaves": True})  # there is nothing left to close
    assert worker.events("closed") == [{"pending": []}] * 2
    await worker.ask("close")
    assert AVATAR not in other.meeting.participants
    assert platform.room("demo-room").room.participants


async def test_what_a_worker_leaves_running_is_named(worker):
    await worker.serve(room="endless")
    await worker.ask("act", action={"worker_leaves": True})
    assert worker.events("closed") == [{"pending": ["AvatarServer._forward"]}]
    assert await worker.ask("reset") == ("done", {"pending": ["AvatarServer._forward"]})


async def test_a_worker_moves_to_another_room(worker, platform, meet):
    await worker.serve()
    assert await worker.ask("act", action={"worker_moves": "elsewhere"}) == ("done", None)
    here, there = meet(), meet(room_id="elsewhere")
    assert AVATAR in here.meeting.participants  # the old room is left at the end
    await here.meeting.send(b"\1\0")
    await there.meeting.send(b"\2\0")
    await worker.ask("settle")
    assert worker.events("frame") == [{"bytes": 2, "audio": encoded(b"\2\0")}]
    await worker.ask("reset")
    assert here.meeting.participants == there.meeting.participants == {}
    assert platform.room("elsewhere")


@pytest.mark.parametrize(
    "action", [{}, {"worker_dances": True}, {"worker_leaves": True, "worker_moves": "x"}]
)
async def test_other_actions(worker, action):
    await worker.serve()
    assert (await worker.ask("act", action=action))[0] == "unsupported"


async def test_a_worker_is_no_agent(worker):
    await worker.serve()
    assert (await worker.ask("interrupt"))[0] == "unsupported"


async def test_reset_leaves_nothing_behind(agent, platform):
    await agent.open_room(agent_id="one")
    await agent.open_room(agent_id="two")
    assert len(platform.room("demo-room").room.participants) == 2
    assert await agent.ask("reset") == ("done", {"pending": []})
    assert platform.room("demo-room").room.participants == []
    assert (await agent.ask("interrupt"))[0] == "unsupported"
    assert agent.events("closed") == []
