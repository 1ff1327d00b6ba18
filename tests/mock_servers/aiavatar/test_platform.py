"""The HTTP calls and the options: who is served, who is refused, and what is written down."""

from __future__ import annotations

import base64
import io
import json
import wave

import aiohttp
import pytest

from avatar_protocols.aiavatar.v0_7.errors import CATALOGUE
from mock_servers import mock
from protocol_core.errors import ConfigurationError
from tests.mock_servers.aiavatar.conftest import KEY, events_of, kinds

AT = {
    point: [row for row in CATALOGUE.values() if row.at == point] for point in ("rest", "upgrade")
}
HELLO = {"type": "start", "session_id": "s", "text": "Hello"}


def by_name(row):
    return row.name


def audio_form(data=b"\1\0" * 800):
    form = aiohttp.FormData()
    form.add_field("audio", data, filename="voice.pcm", content_type="application/octet-stream")
    return form


async def test_transcripts_come_in_their_order(open_platform):
    script = [{"transcript": "One"}, {"transcript": "Two"}]
    async with open_platform(dialogue=script) as (platform, client):
        heard = []
        for _ in range(3):
            async with client.post("/transcribe", data=audio_form()) as reply:
                heard.append((await reply.json())["text"])
        assert heard == ["One", "Two", "Two"]
        platform.reset()
        async with client.post("/transcribe", data=audio_form()) as reply:
            assert (await reply.json())["text"] == "One"
        (record, _) = platform.journal.where(lambda r: r.name == "transcribe")
        assert record.data["audio"]["bytes"] == 1600


async def test_speech_is_a_wav(open_platform):
    async with (
        open_platform(speech_rate=8000) as (_, client),
        client.post("/synthesize", {"text": "Hello there"}) as reply,
    ):
        assert reply.headers["Content-Type"] == "audio/wav"
        assert reply.headers["Content-Disposition"] == "attachment; filename=voice.wav"
        with wave.open(io.BytesIO(await reply.read())) as file:
            assert file.getframerate() == 8000
            assert file.getnframes() > 0


async def test_refusals(open_platform):
    async with open_platform() as (_, client):
        for path, options, status in (
            ("/chat", {"body": HELLO, "key": None}, 401),
            ("/chat", {"body": {"type": "start"}, "key": "other"}, 401),
            ("/chat", {"body": {"type": "start"}}, 400),
            ("/chat", {"body": {"session_id": "s"}}, 422),
            ("/transcribe", {"data": audio_form(b"")}, 400),
            ("/transcribe", {"body": {}}, 422),
            ("/transcribe", {"data": audio_form(), "key": None}, 401),
            ("/synthesize", {"body": {"text": ""}}, 400),
            ("/synthesize", {"body": {}}, 422),
            ("/synthesize", {"body": {"text": "x"}, "key": None}, 401),
            ("/start", {"body": HELLO}, 404),
        ):
            async with client.post(path, **options) as reply:
                assert reply.status == status, path
                assert reply.content_type == "application/json"


async def test_the_key_is_never_readable(open_platform):
    async with open_platform(api_key="s3cr3t-key") as (platform, client):
        async with client.post("/chat", HELLO, key="s3cr3t-key") as reply:
            await reply.read()
        async with client.post("/chat", HELLO, key="a-strangers-key") as reply:
            assert reply.status == 401
        text = "".join(map(str, platform.journal.records))
        assert "s3cr3t" not in text
        assert "stranger" not in text
        assert "Bearer ‹api_key›" in text


async def test_without_a_key_everything_is_open(open_platform):
    async with open_platform(api_key=None) as (platform, client):
        assert platform.credentials == {}
        async with client.post("/chat", HELLO, key=None) as reply:
            assert reply.status == 200


async def test_the_order_of_the_package(open_platform):
    async with (
        open_platform(key_last=True) as (_, client),
        client.post("/chat", {"type": "start"}, key=None) as reply,
    ):
        assert reply.status == 400


async def test_other_paths(open_platform):
    async with open_platform(chat_path="/talk", websocket_path="/socket") as (platform, client):
        async with client.post("/talk", HELLO) as reply:
            assert reply.status == 200
        async with client.post("/chat", HELLO) as reply:
            assert reply.status == 404
        async with client.http.ws_connect(f"{platform.urls['websocket']}/socket") as ws:
            assert not ws.closed


async def test_a_picture_may_be_large(open_platform):
    url = "data:image/png;base64," + base64.b64encode(bytes(2_000_000)).decode()
    body = json.dumps({**HELLO, "files": [{"type": "image", "url": url}]}).encode()
    async with (
        open_platform() as (_, client),
        client.post("/chat", data=io.BytesIO(body)) as reply,
    ):
        assert kinds(events_of(await reply.read()))[-1] == "final"
    async with (
        open_platform(limits={"body_bytes": 1000}) as (_, client),
        client.post("/chat", {**HELLO, "text": "x" * 2000}) as reply,
    ):
        assert reply.status == 413


async def test_wakewords_and_the_rest_are_described(open_platform):
    async with open_platform() as (platform, client):
        description = platform.describe()
        assert description["credentials"] == {"api_key": KEY}
        assert set(description["urls"]) == {"http", "websocket"}
        await client.open()
        (session,) = platform.sessions
        shown = session.describe()
        assert (shown["state"], shown["turn"], shown["endpoint"]) == ("READY", "QUIET", "websocket")


@pytest.mark.parametrize(
    "options",
    [
        {"dialogue": [{"answr": "x"}]},
        {"dialogue": "nowhere.yaml"},
        {"listen_on": "radio"},
        {"pcm_chunk_bytes": -1},
        {"chat_path": "chat"},
        {"speech_rate": 1},
        {"malformed": "maybe"},
        {"dialog": []},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_that_cannot_work(options):
    with pytest.raises(ConfigurationError):
        mock("aiavatar", **options)


# -- every row of the catalogue that is no event ---------------------------------------------------


@pytest.mark.parametrize("row", AT["rest"], ids=by_name)
async def test_rest_errors_are_reachable(open_platform, row):
    plan = [{"on": "http", "endpoint": "chat", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (_, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientError):
                await client.post("/chat", HELLO)
            return
        async with client.post("/chat", HELLO) as reply:
            assert reply.status == row.http.status
            if row.http.json is not None:
                assert await reply.json() == row.http.json
            else:
                assert await reply.text() == row.http.text


@pytest.mark.parametrize("row", AT["upgrade"], ids=by_name)
async def test_upgrade_errors_are_reachable(open_platform, row):
    plan = [{"on": "upgrade", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (_, client):
        if row.abort:
            with pytest.raises(aiohttp.ClientError):
                await client.connect()
            return
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.connect()
        assert caught.value.status == row.http.status
