from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from conformance.errors import ConformanceError
from conformance.probe.base import Args, Probe
from conformance.probe.calls import json_body
from conformance.probe.site import Site, Surroundings
from conformance.stage.base import StepUnmetError
from conformance.target import resolve
from mock_servers.codec import Codec, Decoded
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions
from protocol_core.http import HttpRequest
from protocol_core.multipart import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from protocol_core.http import HttpResponse


class Plain(Codec):
    """Calls an event by its text."""

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        del sender
        return Decoded(name=str(message))

    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        return f"{name} {data}"

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        del response
        return Decoded(name=endpoint, data={"body": body.decode()})


class Toy(Probe):
    """Speaks nothing in particular."""

    protocol = "aiavatar"
    credentials = ()

    async def connect(self, args: Args) -> None:
        url = self.site.urls["http"].replace("http", "ws", 1)
        await self.upgrade("websocket", f"{url}/ws", {}, args)

    async def open(self, args: Args) -> None:
        await self.connect(args)

    async def send_audio(self, args: Args) -> None:
        raise NotImplementedError

    def request(self, endpoint: str, args: Args) -> HttpRequest:
        return HttpRequest(
            method="POST",
            url=f"{self.site.urls['http']}/{endpoint}",
            headers={"Content-Type": "application/json"},
            body=json_body(args, {"text": "hello"}),
        )

    def replied(self, endpoint: str, response: HttpResponse) -> None:
        self.learn(f"{endpoint}_status", str(response.status))


class Host:
    """Answers chat by a stream that goes on until it is told to end, all else at once."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.bodies: list[tuple[str, bytes]] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
        self.bodies.append((request.headers["Content-Type"], await request.read()))
        if request.path == "/synthesize":
            return web.Response(body=b"\x00\xff", content_type="audio/wav")
        if request.path == "/transcribe":
            return web.json_response({"text": "hi"})
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: start\n\n")
        await self.go_on.wait()
        await stream.write(b"data: final\n\n")
        return stream


@pytest.fixture
async def host() -> Host:
    return Host()


@pytest.fixture
async def probe(host: Host) -> AsyncIterator[Toy]:
    runner = web.ServerRunner(web.Server(host.answer))  # type: ignore[arg-type]  # any handler will do
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    redactor = Redactor(SecretPositions())
    made = Toy(
        Site(urls={"http": f"http://127.0.0.1:{port}"}, credentials={"name": "me"}),
        Journal(lambda: 0.0, redactor, Limits()),
        Plain(),
        redactor,
        resolve("aiavatar", "0.7"),
    )
    yield made
    await made.aclose()
    host.go_on.set()
    await runner.cleanup()


def seen(probe: Probe) -> list[tuple[str, int | None, str]]:
    return [(r.kind, r.connection, r.name) for r in probe.journal.records]


async def step(probe: Probe, kind: str, args: Any = None) -> None:
    await probe.steps[kind](args)


async def test_a_call_and_what_was_learnt_of_it(probe: Toy) -> None:
    await step(probe, "http", {"endpoint": "transcribe", "json": {"who": "$name"}})
    assert seen(probe) == [
        ("http_request", None, "transcribe"),
        ("http_response", None, "transcribe"),
    ]
    request, response = probe.journal.records
    assert request.data == {"body": '{"who":"me"}'}
    assert response.data == {"body": '{"text": "hi"}'}
    assert probe.resolve({"a": "$transcribe_status"}) == {"a": "200"}


async def test_several_streams_at_once(probe: Toy, host: Host) -> None:
    await step(probe, "http", {"endpoint": "chat"})
    await step(probe, "http", {"endpoint": "chat"})
    await probe.journal.wait_for({"kind": "message", "name": "start"}, 2)
    assert [stream.number for stream in probe.streams] == [1, 2]
    assert all(stream.is_open for stream in probe.channels)
    await step(probe, "close", {"connection": 1})
    host.go_on.set()
    await probe.journal.wait_for({"kind": "close", "sender": "server"})
    first = [kind for kind, number, _ in seen(probe) if number == 1]
    assert first == ["http_request", "http_response", "open", "message", "reset"]
    second = [(kind, name) for kind, number, name in seen(probe) if number == 2]
    assert second == [
        ("http_request", "chat"),
        ("http_response", "chat"),
        ("open", ""),
        *(("message", "start"), ("message", "final")),
        ("close", ""),
    ]
    assert not any(stream.is_open for stream in probe.streams)


async def test_sockets_and_streams_share_their_numbers(probe: Toy) -> None:
    await step(probe, "http", {"endpoint": "chat"})
    await step(probe, "open", {})
    await step(probe, "send", {"message": "hello", "data": {"a": 1}})
    assert [(channel.number, channel.is_open) for channel in probe.channels] == [
        (1, True),
        (2, True),
    ]
    assert [socket.number for socket in probe.sockets] == [2]
    (sent,) = probe.journal.messages(sender="client")
    assert (sent.connection, sent.raw) == (2, "hello {'a': 1}")
    await step(probe, "reset")  # the newest
    assert not probe.sockets[0].is_open
    await step(probe, "reset")  # the newest that is open
    assert not probe.streams[0].is_open
    assert [(r.kind, r.connection) for r in probe.journal.where(kind="reset")] == [
        *(("reset", 2), ("reset", 1))
    ]


async def test_a_form(probe: Toy, host: Host) -> None:
    file = {"filename": "a.pcm", "content_type": "audio/pcm", "bytes": 4}
    await step(probe, "http", {"endpoint": "transcribe", "parts": {"who": "$name", "audio": file}})
    ((media_type, body),) = host.bodies
    assert [(part.name, part.content) for part in parse(media_type, body)] == [
        ("who", b"me"),
        ("audio", bytes(4)),
    ]
    request = probe.journal.records[0]
    told = {"filename": "a.pcm", "content_type": "audio/pcm", "bytes": 4}
    assert request.data == {"who": "me", "audio": told}
    headers = {"Content-Type": "text/plain"}
    await step(probe, "http", {"endpoint": "transcribe", "parts": {"a": "b"}, "headers": headers})
    assert host.bodies[1][0] == "text/plain"


async def test_a_binary_answer(probe: Toy) -> None:
    await step(probe, "http", {"endpoint": "synthesize"})
    answer = probe.journal.records[-1]
    assert (answer.raw, answer.data) == ("AP8=", {"content_type": "audio/wav", "bytes": 2})


async def test_a_call_in_the_background(probe: Toy) -> None:
    await step(probe, "http", {"endpoint": "transcribe", "background": True})
    assert "http_response" not in [kind for kind, _, _ in seen(probe)]
    await probe.journal.wait_for({"kind": "http_response"})
    probe.site = Site(urls={"http": "http://127.0.0.1:1"}, credentials={})
    await step(probe, "http", {"endpoint": "transcribe", "background": True})
    (note,) = await probe.journal.wait_for({"kind": "note"})
    assert "no answer to POST http://127.0.0.1:1/transcribe" in note.reason


async def test_an_endpoint_that_is_none(probe: Toy) -> None:
    with pytest.raises(ConformanceError, match="no endpoint 'chart'; the protocol has chat"):
        await step(probe, "http", {"endpoint": "chart"})


@pytest.mark.parametrize("kind", ["send_text", "close", "reset", "ping"])
async def test_without_a_channel(probe: Toy, kind: str) -> None:
    with pytest.raises(StepUnmetError, match="no connection to send on"):
        await step(probe, kind, "x" if kind == "send_text" else None)


async def test_most_servers_need_nothing_beside_them() -> None:
    async with Toy.surroundings(resolve("aiavatar"), {"colour": "blue"}, 1) as found:
        assert found == Surroundings(options={"colour": "blue"})
        assert (found.urls, found.credentials, found.room) == ({}, {}, "")
