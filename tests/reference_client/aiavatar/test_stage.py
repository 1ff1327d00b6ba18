from __future__ import annotations

import asyncio

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.config import ClientConfig, settle
from protocol_core.aiavatar.revision import load
from reference_client.aiavatar.stage import Stage
from tests.reference_client.aiavatar.support import Recorder, clock, settle_until

REVISION = load()


@pytest.fixture
async def time():
    return clock()


@pytest.fixture
async def stage(time):
    made = Stage(REVISION, settle(ClientConfig()), Recorder(hold=True), time)
    yield made
    await made.close()


def chunk(text, audio=b"\0\0", **control):
    avatar = e.AvatarControl(**control) if control else None
    response = e.Response(type="chunk", text=text, voice_text=text, audio=audio, control=avatar)
    return e.ChunkReceived(response=response, first=None)


STOP = e.PlaybackStopped(response=e.Response(type="stop"))


async def test_one_sound_after_the_other(stage):
    listener = stage._listener
    for text in ("One.", "Two."):
        stage.report(chunk(text))
    assert (await listener.until("play"))[0] == "One."
    assert stage.playing
    listener.over.set()
    assert (await listener.until("play", 2))[0] == "Two."
    listener.over.set()
    await settle_until(lambda: not stage.busy)
    assert listener.names().count("play") == 2


async def test_stop_cuts_and_drops(stage):
    listener = stage._listener
    for text in ("One.", "Two.", "Three."):
        stage.report(chunk(text))
    await listener.until("play")
    stage.report(STOP)
    await listener.until("cut")
    await stage.callbacks.settle()
    assert listener.of("on_flush") == [(2, True)]
    assert listener.of("on_stop") == [(None,)]
    stage.report(chunk("Four."))
    assert (await listener.until("play", 2))[0] == "Four."


async def test_stop_where_nothing_plays_flushes_nothing(stage):
    stage.report(STOP)
    await stage.callbacks.settle()
    assert stage._listener.names() == ["on_stop"]


async def test_faces_come_with_their_chunk_and_go_on_the_clock(stage, time):
    listener = stage._listener
    stage.report(chunk("One."))
    stage.report(chunk("Two.", face_name="joy", face_duration=4.0))
    await listener.until("play")
    assert listener.of("on_face") == []
    listener.over.set()
    assert await listener.until("on_face") == ("joy", 4.0)
    time.advance(4.0)
    assert await listener.until("on_face", 2) == ("neutral", None)


async def test_a_player_that_fails_stops_nothing(time, caplog):
    class Broken(Recorder):
        async def play(self, speech):
            await super().play(speech)
            raise RuntimeError("no speakers")

    listener = Broken()
    stage = Stage(REVISION, settle(ClientConfig()), listener, time)
    for text in ("One.", "Two."):
        stage.report(chunk(text))
    await listener.until("play", 2)
    await settle_until(lambda: not stage.busy)
    assert "no speakers" in caplog.text
    await stage.close()


async def test_closing_cuts_what_plays_and_runs_what_is_due(time):
    listener = Recorder(hold=True)
    stage = Stage(REVISION, settle(ClientConfig()), listener, time)
    stage.report(chunk("One.", face_name="joy"))
    stage.report(chunk("Two."))
    await listener.until("play")
    await stage.close()
    assert listener.of("cut") == [("One.",)]
    assert listener.of("on_flush") == [(1, True)]
    assert time.next_deadline() is None
    stage.report(chunk("Three."))
    assert listener.names().count("play") == 1


async def test_a_player_may_close(time):
    closed = asyncio.Event()

    class Leaving(Recorder):
        async def play(self, speech):  # noqa: ARG002 - as the listener has it
            await stage.close()
            closed.set()

    stage = Stage(REVISION, settle(ClientConfig()), Leaving(), time)
    stage.report(chunk("One."))
    with pytest.raises(asyncio.CancelledError):
        await stage._playing
    assert not closed.is_set()


async def test_a_sound_that_ends_as_it_is_flushed_plays_nothing_twice(stage):
    listener = stage._listener
    stage.report(chunk("One."))
    await listener.until("play")
    listener.over.set()
    stage.flush()
    stage.report(chunk("Two."))
    await listener.until("play", 2)
    await stage.callbacks.settle()
    assert [text for text, _ in listener.of("play")] == ["One.", "Two."]
