"""The probe's socket against raw servers that break the rules."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from conformance.probe.socket import ProbeSocket
from conformance.stage.base import StepUnmetError
from mock_servers.codec import Decoded
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Script = "Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]"


class Plain:
    """A codec for which everything is fine."""

    def decode(self, message: bytes | str, sender: str) -> Decoded:
        return Decoded(name=f"{sender}:{type(message).__name__}")

    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        raise NotImplementedError

    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        return Decoded(name=f"{endpoint} {len(body)} {response}")


async def meet(script: Any, **options: Any) -> tuple[ProbeSocket, Journal, Any]:
    """A server that runs a script after the upgrade, and a probe socket that has met it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    journal = Journal(lambda: 0.0, Redactor(), Limits())
    socket = ProbeSocket(1, journal, Plain(), "websocket", **options)
    port = server.sockets[0].getsockname()[1]

    async def end() -> None:
        socket.drop()
        server.close()
        await asyncio.sleep(0)
        await server.wait_closed()

    try:
        await socket.open(f"ws://127.0.0.1:{port}/path?a=b", {"X-One": "1", "Origin": None})
    except BaseException:
        await end()
        raise
    return socket, journal, end


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(
        line.split(b": ")[1]
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    )
    proof = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


def sending(*frames: bytes, stay: bool = True) -> Any:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for frame in frames:
            writer.write(frame)
        await writer.drain()
        if stay:
            await reader.read()

    return script


async def seen(journal: Journal, **members: Any) -> Any:
    return (await journal.wait_for(members))[0]


async def test_fragments_become_one_message() -> None:
    socket, journal, end = await meet(sending(b"\x01\x02he", b"\x80\x03llo"))
    found = await seen(journal, kind="message")
    assert (found.raw, found.opcode, found.name) == ("hello", "text", "server:str")
    assert socket.is_open
    await end()


async def test_control_frames_are_answered_and_recorded() -> None:
    _, journal, end = await meet(sending(b"\x89\x01p", b"\x8a\x01q", b"\x82\x01\xff"))
    assert (await seen(journal, kind="message")).opcode == "binary"
    kinds = [(r.kind, r.sender) for r in journal.records if r.kind in {"ping", "pong"}]
    assert kinds == [("ping", "server"), ("pong", "client"), ("pong", "server")]
    await end()


async def test_a_close_without_a_code() -> None:
    _, journal, end = await meet(sending(b"\x88\x00"))
    found = await seen(journal, kind="close", sender="server")
    assert (found.code, found.reason) == (None, "")
    assert (await seen(journal, kind="close", sender="client")).code is None
    await end()


async def test_a_connection_that_just_ends() -> None:
    socket, journal, end = await meet(sending(stay=False))
    assert (await seen(journal, kind="reset")).sender == "server"
    assert not socket.is_open
    await end()


async def test_a_peer_that_breaks_rfc_6455_is_noted() -> None:
    _, journal, end = await meet(sending(b"\xf3\x00"))
    assert "broke RFC 6455" in (await seen(journal, kind="note")).reason
    await end()


async def test_a_refusal_with_a_body() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nnope")

    socket, journal, end = await meet(refuse)
    found = await seen(journal, kind="upgrade_response")
    assert (found.status, found.raw, socket.status, socket.is_open) == (403, "nope", 403, False)
    await end()


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
async def test_no_http_answer(answer: bytes) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    with pytest.raises(StepUnmetError, match="instead of answering"):
        await asyncio.wait_for(meet(rude), 5)


async def test_nobody_there(unused_tcp_port: int) -> None:
    socket = ProbeSocket(1, Journal(lambda: 0.0, Redactor(), Limits()), Plain(), "x")
    with pytest.raises(StepUnmetError, match="cannot connect"):
        await socket.open(f"ws://127.0.0.1:{unused_tcp_port}", {})
    with pytest.raises(StepUnmetError, match="not a WebSocket URL"):
        await socket.open("http://x", {})
    socket.reset()
    socket.drop()
    socket.send("into the void")


async def test_illegal_close_codes_are_sent_as_they_are() -> None:
    got = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        got.extend(await reader.readexactly(8))
        writer.write(b"\x88\x00")
        await writer.drain()
        await reader.read()

    socket, journal, end = await meet(listen)
    socket.close(1005)
    await seen(journal, kind="close", sender="server")
    code = int.from_bytes(bytes(a ^ b for a, b in zip(got[6:8], got[2:4], strict=True)), "big")
    assert code == 1005
    assert len([r for r in journal.records if r.kind == "close"]) == 2
    await end()


async def test_a_deaf_probe_answers_no_pings() -> None:
    _, journal, end = await meet(sending(b"\x89\x01p", b"\x82\x01\xff"), pong=False)
    await seen(journal, kind="message")
    assert [r.kind for r in journal.records if r.kind == "pong"] == []
    await end()
