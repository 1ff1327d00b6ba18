from __future__ import annotations

import asyncio

import pytest

from protocol_core.videosdk.errors import JoinError
from reference_client.videosdk import room_socket
from reference_client.videosdk.room_socket import RoomSocket


class Ear:
    def __init__(self):
        self.heard = []
        self.gone = asyncio.Event()
        self.fails = False

    def handle_event(self, action, data):
        self.heard.append((action, data))
        if action == "meeting-left":
            self.gone.set()
        if self.fails:
            raise RuntimeError("no")

    def of(self, action):
        return [data for heard, data in self.heard if heard == action]


@pytest.fixture
async def pair(peer, clock):
    """Two participants; what the first one hears."""
    async with (
        await RoomSocket.join(peer.rooms, "abcd", "a.b.c", "one", clock=clock) as one,
        await RoomSocket.join(peer.rooms, "abcd", "a.b.c", "two", clock=clock) as two,
    ):
        ear = Ear()
        one.add_event_listener(ear)
        yield one, two, ear


async def heard(room, ear, action):
    while not ear.of(action):
        await room.ping(5.0)
    return ear.of(action)


async def test_who_is_there(peer, pair):
    one, two, _ = pair
    assert (one.id, one.participant_id, one.is_open) == ("abcd", "one", True)
    assert two.participants == {"one"}
    assert ("abcd", "two", "a.b.c") in peer.joins


async def test_payloads_keep_kind_and_mode(peer, pair):
    one, two, ear = pair
    await two.send(b"\0\0", {"reliability": "UNRELIABLE"})
    await two.send("hello")
    await one.ping(5.0)
    first, second = ear.of("data")
    assert (first["payload"], first["reliability"]) == (b"\0\0", "UNRELIABLE")
    assert (second["payload"], second["reliability"]) == ("hello", "RELIABLE")
    assert (first["from"], first["timestamp"]) == ("two", 1)
    assert peer.payloads() == [b"\0\0", "hello"]


@pytest.mark.parametrize(
    ("payload", "kind", "words"),
    [
        (bytearray(2), TypeError, "bytearray only string and bytes"),
        (None, TypeError, "NoneType"),
        (bytes(15361), ValueError, "Payload too large: 15361 bytes"),
        ("é" * 7681, ValueError, "15362 bytes"),
    ],
)
async def test_what_the_transport_refuses(peer, pair, payload, kind, words):
    with pytest.raises(kind, match=words):
        await pair[0].send(payload)
    assert peer.sent == []


async def test_what_fits_exactly_goes(peer, pair):
    await pair[0].send(bytes(15360))
    assert len(peer.payloads()[0]) == 15360


async def test_the_rooms_refusal_is_raised_where_it_was_sent(peer, pair):
    peer.errors = [("NO_PRODUCER", "Data producer not initialized."), None]
    with pytest.raises(ConnectionError, match="Data producer not initialized"):
        await pair[0].send("x")
    await pair[0].send("y")
    assert peer.payloads() == ["y"]


async def test_tracks(peer, pair):
    await pair[0].publish("audio")
    await pair[0].unpublish("audio")
    frames = [f for visit in peer.visits for f in visit.frames if f["type"] != "send"]
    assert [(f["type"], f["kind"]) for f in frames] == [
        ("publish", "audio"),
        ("unpublish", "audio"),
    ]


async def test_comings_and_goings(peer, pair, clock):
    one, _, ear = pair
    three = await RoomSocket.join(peer.rooms, "abcd", "a.b.c", "three", clock=clock)
    assert (await heard(one, ear, "participant-joined"))[-1].id == "three"
    assert "three" in one.participants
    await three.leave()
    await three.leave()
    assert (await heard(one, ear, "participant-left"))[-1].id == "three"
    assert "three" not in one.participants
    with pytest.raises(ConnectionError, match="Network is not available"):
        await three.send("x")


async def test_other_frames_of_the_room(peer, pair):
    one, _, ear = pair
    (visit,) = [visit for visit in peer.visits if visit.id == "one"]
    await visit.ws.send_str("no frame")
    await visit.tell(type="track", participant_id="two", kind="audio", state="published")
    await visit.tell(type="done", id=999)
    await visit.tell(type="error", id=999, code="SEND_FAILED", message="late")
    await visit.tell(type="error", code="INVALID_FRAME", message="what?")
    assert await heard(one, ear, "error") == [{"code": "INVALID_FRAME", "message": "what?"}]


async def test_a_failing_listener_disturbs_nobody(pair, caplog):
    one, two, ear = pair
    ear.fails = True
    await two.send("x")
    await two.send("y")
    await one.ping(5.0)
    assert [data["payload"] for data in ear.of("data")] == ["x", "y"]
    assert "a listener failed" in caplog.text
    one.remove_event_listener(ear)
    with pytest.raises(ValueError, match="list"):
        one.remove_event_listener(ear)


async def test_the_loss_of_the_room(peer, pair):
    one, _, ear = pair
    (visit,) = [visit for visit in peer.visits if visit.id == "one"]
    sending = asyncio.create_task(one.send("x"))
    await visit.ws.close()
    await ear.gone.wait()
    assert not one.is_open
    await asyncio.gather(sending, return_exceptions=True)
    with pytest.raises(ConnectionError):
        await one.send("y")
    with pytest.raises(ConnectionError):
        await one.ping(1.0)


async def test_frames_are_watched_and_readers_slowed(peer, clock):
    frames, drained = [], []

    async def drain():
        drained.append(len(frames))

    async with await RoomSocket.join(
        peer.rooms, "abcd", "t", "one", clock=clock, drain=drain, on_frame=frames.append
    ) as room:
        await room.send("x")
        await room.ping(5.0)
    assert type(frames[0]).__name__ == "Done"
    assert drained


@pytest.mark.parametrize("status", [401, 500])
async def test_a_refused_join(peer, clock, status):
    peer.refuse = status
    with pytest.raises(JoinError) as caught:
        await RoomSocket.join(peer.rooms, "abcd", "t", "one", clock=clock)
    error = caught.value
    assert (error.code, error.phase, error.http_status) == ("JOIN_REFUSED", "join", status)
    assert "no" in error.raw_body


async def test_nobody_answers(clock):
    with pytest.raises(JoinError) as caught:
        await RoomSocket.join("ws://127.0.0.1:1/rooms", "abcd", "t", "one", clock=clock)
    assert caught.value.kind == "transport"


@pytest.mark.parametrize("first", [{"type": "left"}, {"type": "what"}])
async def test_a_room_that_begins_otherwise(peer, clock, first):
    peer.first = first
    with pytest.raises(JoinError, match="no answer"):
        await RoomSocket.join(peer.rooms, "abcd", "t", "one", clock=clock)


async def test_a_room_that_says_nothing(peer, clock):
    peer.silent = True
    joining = asyncio.create_task(RoomSocket.join(peer.rooms, "ab/cd", "t", "one", clock=clock))
    await peer.until(lambda p: p.joins)
    assert peer.joins[0][0] == "ab/cd"
    clock.advance(30.0)
    with pytest.raises(JoinError) as caught:
        await joining
    assert caught.value.kind == "timeout"


async def test_a_room_that_answers_nothing_is_lost(peer, pair, monkeypatch):
    monkeypatch.setattr(room_socket, "ANSWER_LIMIT", 0.01)
    one, _, _ = pair
    peer.mute = True
    with pytest.raises(ConnectionError, match="Network"):
        await one.send("x")


async def test_frames_that_are_no_text(peer, pair):
    one, _, ear = pair
    (visit,) = [visit for visit in peer.visits if visit.id == "one"]
    await visit.ws.send_bytes(b'{"type": "left", "reason": "\xff"}')
    await visit.ws.send_str("[" * 100_000)
    await visit.tell(type="participant_joined", participant_id="three")
    assert await heard(one, ear, "participant-joined")
    assert one.is_open


async def test_a_fault_while_listening_leaves_nobody_waiting(peer, clock):
    def fault(_frame):
        raise RuntimeError("on purpose")

    async with await RoomSocket.join(
        peer.rooms, "abcd", "t", "one", clock=clock, on_frame=fault
    ) as room:
        with pytest.raises(ConnectionError):
            await room.send("x")


async def test_a_room_that_begins_with_no_text(peer, clock):
    peer.first_bytes = b'{"type": "joined", "room_id": "\xff"}'
    with pytest.raises(JoinError, match="no answer"):
        await RoomSocket.join(peer.rooms, "abcd", "t", "one", clock=clock)
