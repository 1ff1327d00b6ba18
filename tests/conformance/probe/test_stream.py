from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from conformance.probe.stream import ProbeStream
from conformance.stage.base import StepUnmetError
from mock_servers.codec import Codec, Decoded
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions
from protocol_core.clock import LoopClock
from protocol_core.http import HttpRequest, HttpResponse
from reference_client.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Loud(Codec):
    """Calls every event by its first word."""

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        assert sender == "server"
        assert isinstance(message, str)
        return Decoded(name=message.split()[0], data={"text": message})

    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        raise NotImplementedError

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        raise NotImplementedError


class Site:
    """A server that writes what it is told, when it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.gone = asyncio.Event()
        self._writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._served: list[asyncio.Task[None]] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.append(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self._writers.put_nowait(writer)
        try:
            while await reader.read(1000):
                pass
            self.gone.set()
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def close(self) -> None:
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def writer(self) -> asyncio.StreamWriter:
        return await self._writers.get()


class Stand:
    """A probe's stream, and what it needs around it."""

    def __init__(self) -> None:
        self.journal = Journal(lambda: 0.0, Redactor(SecretPositions()), Limits())
        self.http = HttpClient(clock=LoopClock(asyncio.get_running_loop()), time_limit=None)
        self.answers: list[HttpResponse] = []

    async def open(self, site: Site, *written: bytes) -> tuple[ProbeStream, asyncio.StreamWriter]:
        stream = ProbeStream(3, self.journal, Loud())
        request = HttpRequest(method="POST", url=site.url)
        opening = asyncio.ensure_future(stream.open(self.http, request, self.answers.append))
        writer = await site.writer()
        for data in written:
            writer.write(data)
        await opening
        return stream, writer

    def seen(self) -> list[tuple[str, str, str]]:
        return [(r.kind, r.sender, r.raw) for r in self.journal.records]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/chat"
    yield made
    await made.close()
    server.close()


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    made = Stand()
    yield made
    await made.http.close()


async def test_events_as_they_come_and_the_end(site: Site, stand: Stand) -> None:
    stream, writer = await stand.open(site, CHUNKED)
    assert stream.is_open
    assert stream.status == 200
    assert [answer.body for answer in stand.answers] == [b""]
    writer.write(chunk(b": are you there\n\ndata: start 1\n\nda"))
    await stand.journal.wait_for({"kind": "message"})
    writer.write(chunk(b"ta: final 2\r\n\r\n") + chunk(b""))
    (end,) = await stand.journal.wait_for({"kind": "close"})
    assert stand.seen() == [
        ("open", "", ""),
        ("ping", "server", "are you there"),
        ("message", "server", "start 1"),
        ("message", "server", "final 2"),
        ("close", "server", ""),
    ]
    assert {r.connection for r in stand.journal.records} == {3}
    assert [r.opcode for r in stand.journal.messages()] == ["sse", "sse"]
    assert [r.name for r in stand.journal.messages()] == ["start", "final"]
    assert (end.code, end.problems) == (None, [])
    assert not stream.is_open


async def test_a_refusal_is_an_answer_and_no_stream(site: Site, stand: Stand) -> None:
    refusal = b"HTTP/1.1 401 No\r\nContent-Type: text/event-stream\r\nContent-Length: 3\r\n\r\nno!"
    stream, _ = await stand.open(site, refusal)
    assert not stream.is_open
    assert [(answer.status, answer.text) for answer in stand.answers] == [(401, "no!")]
    assert stand.seen() == []


async def test_an_answer_of_another_type_is_no_stream(site: Site, stand: Stand) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    stream, _ = await stand.open(site, answer)
    assert not stream.is_open
    assert stand.answers[0].text == "{}"


async def test_a_stream_that_ends_within_an_event(site: Site, stand: Stand) -> None:
    _, writer = await stand.open(site, HEAD + b"Connection: close\r\n\r\ndata: half\n")
    writer.close()
    (end,) = await stand.journal.wait_for({"kind": "close"})
    assert end.problems == ["the stream ended within an event"]


async def test_a_stream_that_is_broken_off(site: Site, stand: Stand) -> None:
    stream, writer = await stand.open(site, CHUNKED, chunk(b"data: half\n"))
    writer.close()
    (end,) = await stand.journal.wait_for({"kind": "reset"})
    assert end.sender == "server"
    assert end.reason
    assert not stream.is_open


@pytest.mark.parametrize("leave", ["close", "reset"])
async def test_the_client_goes_away(site: Site, stand: Stand, leave: str) -> None:
    stream, _ = await stand.open(site, CHUNKED)
    getattr(stream, leave)()
    await site.gone.wait()
    stream.reset()  # it has gone already
    assert stand.seen() == [("open", "", ""), ("reset", "client", "")]


async def test_what_is_dropped_leaves_no_record(site: Site, stand: Stand) -> None:
    stream, _ = await stand.open(site, CHUNKED)
    stream.drop()
    await site.gone.wait()
    assert stand.seen() == [("open", "", "")]


async def test_no_answer(site: Site, stand: Stand) -> None:
    stream = ProbeStream(1, stand.journal, Loud())
    opening = asyncio.ensure_future(
        stream.open(stand.http, HttpRequest(method="POST", url=site.url), stand.answers.append)
    )
    (await site.writer()).close()
    with pytest.raises(StepUnmetError, match="no answer to the request"):
        await opening
    stream.drop()


async def test_a_drop_while_the_answer_is_awaited(site: Site, stand: Stand) -> None:
    stream = ProbeStream(1, stand.journal, Loud())
    opening = asyncio.ensure_future(
        stream.open(stand.http, HttpRequest(method="POST", url=site.url), stand.answers.append)
    )
    await site.writer()
    stream.drop()
    with pytest.raises(asyncio.CancelledError):
        await opening
