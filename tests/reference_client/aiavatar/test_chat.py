from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web

from protocol_core.aiavatar.errors import (
    AuthenticationError,
    InvalidResponseError,
    ResponseTimeout,
    SendRefused,
    ServerError,
    StreamBroken,
    TransportError,
    TurnError,
)
from protocol_core.errors import LocalProtocolError
from reference_client.aiavatar import Answer, ChatClient
from tests.protocol_core.aiavatar.support import silence, tone
from tests.reference_client.aiavatar.peer import answer, chunk, event, final, start
from tests.reference_client.aiavatar.support import AUDIO, Recorder, clock, due_within

PICTURE = "data:image/png;base64,AAAA"


@pytest.fixture
def listener():
    return Recorder(picture=PICTURE)


@pytest.fixture
async def client(peer, listener):
    async with ChatClient(peer.config(api_key="secret"), listener) as made:
        yield made


async def test_a_turn_is_a_post_and_its_stream(peer, client, listener):
    assert await client.say("Hello") == Answer(text="Hi.", voice_text="Hi.", request_text="Hello")
    headers, body = await peer.post()
    assert headers["Authorization"] == "Bearer secret"
    assert (body["text"], body["context_id"]) == ("Hello", None)
    await client.settle()
    assert listener.names() == ["on_start", "on_chunk", "on_final"]
    await client.say("And?")
    assert (await peer.post(1))[1]["context_id"] == "context-1" == client.context_id
    assert client.session.context_id == client.context_id


async def test_audio_and_pictures(peer, client):
    await client.say(audio=b"\1\0", files=[{"type": "image", "url": PICTURE}])
    _, body = await peer.post()
    assert (body["text"], body["audio_data"]) == (None, "AQA=")
    assert body["files"] == [{"type": "image", "url": PICTURE}]


async def test_what_is_said_is_played(peer, client, listener):
    peer.turns = [[start(), chunk("Hi.", audio_data=AUDIO), final("Hi.")]]
    await client.say("Hello")
    assert await listener.until("play") == ("Hi.", b"\0\0\0")


async def test_vision_is_answered_with_a_picture(peer, client, listener):
    peer.turns = [[start(), event("vision", text="Let me see.", metadata={"source": "camera"})]]
    assert (await client.say("Look")).text == "Hi."
    assert listener.of("on_vision") == [("camera",)]
    _, body = await peer.post(1)
    assert body["files"] == [{"type": "image", "url": PICTURE}]
    assert (body["type"], body["context_id"], body["text"]) == ("start", "context-1", None)


async def test_without_a_picture_nothing_is_sent(peer):
    peer.turns = [[start(), event("vision", text="Let me see.", metadata={"source": "camera"})]]
    async with ChatClient(peer.config(), Recorder()) as client:
        assert (await client.say("Look")).text == "Let me see."
    assert len(peer.posts) == 1


async def test_a_picture_that_cannot_be_had_is_none(peer, caplog):
    class Blind(Recorder):
        async def on_vision(self, source):
            raise RuntimeError(f"no {source}")

    peer.turns = [[start(), event("vision", metadata={"source": "camera"})]]
    async with ChatClient(peer.config(), Blind()) as client:
        await client.say("Look")
    assert len(peer.posts) == 1
    assert "no camera" in caplog.text


async def test_nothing_heard(peer, client, listener):
    peer.turns = [[]]
    assert not (await client.say(audio=b"\0\0")).heard
    await client.settle()
    assert listener.names() == ["on_nothing_heard"]


# --- failures ------------------------------------------------------------------------------------


async def test_a_failed_turn_raises_and_the_next_one_goes_well(peer, client, listener):
    peer.turns = [[start(), event("error", metadata={"error": "broken"})]]
    with pytest.raises(TurnError, match="broken"):
        await client.say("Hello")
    assert (await client.say("Again")).text == "Hi."
    await client.settle()
    assert "on_error" not in listener.names()


@pytest.mark.parametrize(
    ("events", "kind"),
    [([start()], StreamBroken), ([start(), "hello"], InvalidResponseError)],
)
async def test_a_stream_that_is_no_answer(peer, client, listener, events, kind):
    peer.turns = [events]
    with pytest.raises(kind):
        await client.say("Hello")
    await client.settle()
    assert listener.names() == ["on_start"]


async def test_a_refusal(peer, client):
    peer.replies = [web.json_response({"detail": "no"}, status=401)]
    with pytest.raises(AuthenticationError) as caught:
        await client.say("Hello")
    assert caught.value.http_status == 401


async def test_a_connection_that_breaks(peer, client):
    async def break_off(stream, request):
        await stream.say(start())
        request.transport.abort()

    peer.turns = [break_off]
    with pytest.raises(StreamBroken):
        await client.say("Hello")


async def test_a_break_behind_the_end_costs_nothing(peer, client):
    async def break_off(stream, request):
        await stream.say(*answer())
        request.transport.abort()

    peer.turns = [break_off]
    assert (await client.say("Hello")).text == "Hi."


async def test_nobody_there(peer):
    async with ChatClient(peer.config(http="http://127.0.0.1:1")) as client:
        with pytest.raises(TransportError):
            await client.say("Hello")
        with pytest.raises(TransportError):
            await client.synthesize("Hello")


async def test_silence_is_given_up(peer):
    async def think(stream, request):  # noqa: ARG001 - as the peer calls it
        await stream.say(start())
        await asyncio.Event().wait()

    time, listener = clock(), Recorder()
    peer.turns = [think]
    async with ChatClient(peer.config(timeout=10), listener, clock=time) as client:
        turn = asyncio.create_task(client.say("Hello"))
        await listener.until("on_start")
        await due_within(time, 10)
        time.advance(10)
        with pytest.raises(ResponseTimeout) as caught:
            await turn
    assert caught.value.phase == "stream"


async def test_what_must_not_be_sent_is_refused(peer, client):
    with pytest.raises(SendRefused):
        await client.say(audio=b"\0")
    assert peer.posts == []


# --- turns that overlap --------------------------------------------------------------------------


async def test_a_newer_turn_cuts_the_older_one_off(peer):
    going_on, listener = asyncio.Event(), Recorder(hold=True)

    async def story(stream, request):  # noqa: ARG001 - as the peer calls it
        await stream.say(start("Story"), chunk("Once", audio_data=AUDIO))
        await going_on.wait()
        await stream.say(chunk(" upon", audio_data=AUDIO), final("Once upon"))

    async def enough(stream, request):  # noqa: ARG001 - as the peer calls it
        await stream.say(*answer("Well."))
        going_on.set()

    peer.turns = [story, enough]
    async with ChatClient(peer.config(), listener) as client:
        older = asyncio.create_task(client.say("Story"))
        await listener.until("play")
        assert (await client.say("Enough")).text == "Well."
        cut = await older
        await client.settle()
    assert (cut.interrupted, cut.text) == (True, "Once upon")
    assert listener.of("cut") == [("Once",)]
    assert listener.of("play") == [("Once", b"\0\0\0")]
    assert listener.of("on_superseded") == [("Once upon",)]


async def test_a_picture_for_an_older_turn_is_not_sent(peer):
    found = asyncio.Event()

    class Slow(Recorder):
        async def on_vision(self, source):
            self.note("on_vision", source)
            await found.wait()
            return PICTURE

    listener = Slow()
    peer.turns = [[start(), event("vision", metadata={"source": "camera"})]]
    async with ChatClient(peer.config(), listener) as client:
        older = asyncio.create_task(client.say("Look"))
        await listener.until("on_vision")
        await client.say("Never mind")
        found.set()
        await older
    assert len(peer.posts) == 2


# --- the microphone ------------------------------------------------------------------------------


async def test_each_utterance_becomes_a_turn(peer, client, listener):
    assert await client.hear(silence(1.0)) == 0
    assert await client.hear(tone(0.5) + silence(0.7)) == 1
    await listener.until("on_final")
    _, body = await peer.post()
    assert len(base64.b64decode(body["audio_data"])) % 2 == 0
    assert body["text"] is None


async def test_errors_of_such_turns_go_to_the_listener(peer, client, listener):
    peer.replies = [web.Response(status=500)]
    await client.hear(tone(0.5) + silence(0.7))
    (error,) = await listener.until("on_error")
    assert isinstance(error, ServerError)


async def test_the_microphone_is_withheld_while_something_plays(peer):
    listener = Recorder(hold=True)
    peer.turns = [[start(), chunk("Hi.", audio_data=AUDIO), final("Hi.")]]
    async with ChatClient(peer.config(), listener) as client:
        await client.say("Hello")
        await listener.until("play")
        assert await client.hear(tone(0.5) + silence(0.7)) == 0


# --- the speech endpoints ------------------------------------------------------------------------


async def test_transcribe(peer, client):
    peer.replies = [web.json_response({"text": "Hello"})]
    assert await client.transcribe(b"\0\1" * 50) == "Hello"
    headers, body = await peer.post()
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert b"\0\1" * 50 in body


async def test_synthesize(peer, client):
    peer.replies = [web.Response(body=b"RIFF", content_type="audio/wav")]
    assert await client.synthesize("Hello", language="en") == b"RIFF"


# --- the end -------------------------------------------------------------------------------------


async def hang(stream, request):  # noqa: ARG001 - as the peer calls it
    await stream.say(start())
    await asyncio.Event().wait()


async def test_closing_ends_turns_under_way(peer, listener):
    peer.turns = [hang]
    client = ChatClient(peer.config(), listener)
    turn = asyncio.create_task(client.say("Hello"))
    await listener.until("on_start")
    await client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        await turn
    await client.close()


async def test_a_cancelled_turn_leaves_nothing(peer, client, listener):
    peer.turns = [hang]
    turn = asyncio.create_task(client.say("Hello"))
    await listener.until("on_start")
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert client._turns == set()


async def test_a_callback_may_wait_for_a_turn_that_asks_for_a_picture(peer):
    class Chatty(Recorder):
        async def on_nothing_heard(self):
            self.note("answer", (await client.say("Look")).text)

        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

    listener = Chatty(picture=PICTURE)
    peer.turns = [[], [start(), event("vision", metadata={"source": "camera"})]]
    async with ChatClient(peer.config(), listener) as client:
        await client.say("Hello")
        assert await listener.until("answer") == ("Hi.",)
    assert len(peer.posts) == 3


async def test_a_callback_may_begin_a_turn_and_close(peer):
    class Chatty(Recorder):
        async def on_final(self, text, voice_text):  # noqa: ARG002 - as the listener has it
            if len(peer.posts) < 2:
                await client.say("More")
            else:
                await client.close()

        def __getattribute__(self, name):
            return object.__getattribute__(self, name)

    client = ChatClient(peer.config(), Chatty())
    await client.say("Hello")
    await peer.post(1)
    await client.settle()
    await client.close()


async def test_a_close_that_is_cancelled_leaves_nothing(client, monkeypatch):
    async def cancelled():
        raise asyncio.CancelledError

    await client.say("Hello")
    http = client._http
    with monkeypatch.context() as patch:
        patch.setattr(http, "close", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await client.close()
    await http.close()
    assert "callbacks" not in {task.get_name() for task in asyncio.all_tasks()}
