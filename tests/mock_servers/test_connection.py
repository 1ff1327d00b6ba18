from __future__ import annotations

import aiohttp
import pytest
from aiohttp import WSMsgType


def kinds(platform):
    return [
        (r.kind, r.sender, r.code)
        for r in platform.journal.records
        if r.kind in {"open", "ping", "pong", "close", "reset"}
    ]


async def test_messages_go_both_ways_and_into_the_journal(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        await ws.send_str("one")
        await ws.send_bytes(b"\x01\x02")
        assert await ws.receive_str() == "one"
        assert await ws.receive_bytes() == b"\x01\x02"
        await ws.close()
        await platform.journal.wait_for({"kind": "close", "sender": "server"})
    messages = platform.journal.messages()
    assert [(m.sender, m.opcode, m.name, m.raw) for m in messages] == [
        ("server", "text", "hello", "hello"),
        ("client", "text", "one", "one"),
        ("server", "text", "one", "one"),
        ("client", "binary", "binary", "AQI="),
        ("server", "binary", "binary", "AQI="),
    ]
    assert {m.connection for m in messages} == {1}
    assert messages[1].data == {"text": "one", "sender": "client"}


async def test_pings_are_answered_and_journaled(echo, dial):
    async with echo() as platform:
        ws = await dial(platform, autoping=False)
        await ws.ping(b"abc")
        pong = await ws.receive()
        assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"abc")
        await platform.act({"ping": "xyz"})
        ping = await ws.receive()
        assert (ping.type, bytes(ping.data)) == (WSMsgType.PING, b"xyz")
        await ws.pong(b"xyz")
        records = await platform.journal.wait_for({"kind": "pong", "sender": "client"})
        assert records[0].raw == "eHl6"
        assert kinds(platform) == [
            ("open", "", None),
            ("ping", "client", None),
            ("pong", "server", None),
            ("ping", "server", None),
            ("pong", "client", None),
        ]


async def test_pongs_can_be_withheld(echo, dial):
    async with echo() as platform:
        ws = await dial(platform, autoping=False)
        await platform.act({"withhold_pong": True})
        await ws.ping(b"abc")
        await ws.send_bytes(b"x")
        answer = await ws.receive()
        assert (answer.type, answer.data) == (WSMsgType.BINARY, b"x")


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4001, "enough"), (1001, "gone")])
async def test_a_client_s_close_is_answered_with_its_code(echo, dial, code, reason):
    async with echo() as platform:
        ws = await dial(platform)
        await ws.close(code=code, message=reason.encode())
        await platform.journal.wait_for({"kind": "close", "sender": "server"})
        assert ws.close_code == code
        assert kinds(platform)[1:] == [("close", "client", code), ("close", "server", code)]
        await platform.journal.wait_for({"name": "session_ended"})
        assert platform.ends == [(code, reason)]
        assert platform.sessions == []


@pytest.mark.parametrize("code", [1000, 1011, 4002])
async def test_a_server_s_close_carries_code_and_reason(echo, dial, code):
    async with echo() as platform:
        ws = await dial(platform)
        await platform.act([{"close": {"code": code, "reason": "because"}}, {"send_text": "late"}])
        closing = await ws.receive()
        assert (closing.type, closing.data, closing.extra) == (WSMsgType.CLOSE, code, "because")
        await platform.journal.wait_for({"kind": "close", "sender": "client"})
        assert [m.raw for m in platform.journal.messages()] == ["hello"]


async def test_a_close_without_a_code(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        await platform.act({"close": {"code": None}})
        closing = await ws.receive()
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 0)
        record = platform.journal.where(kind="close", sender="server")[0]
        assert record.code is None


async def test_a_reset_sends_no_close_frame(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        await platform.act({"reset": True})
        assert (await ws.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        assert ws.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        assert kinds(platform) == [("open", "", None), ("reset", "server", None)]
        await platform.journal.wait_for({"name": "session_ended"})
        assert platform.ends == [(None, "")]


async def test_a_client_that_vanishes(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        ws._response.connection.transport.abort()
        await platform.journal.wait_for({"kind": "reset", "sender": "client"})
        await platform.journal.wait_for({"name": "session_ended"})
        assert platform.ends == [(None, "")]


async def test_a_message_that_is_too_big_ends_in_1009(echo, dial):
    async with echo() as platform:
        ws = await dial(platform)
        await ws.send_bytes(bytes(5000))
        closing = await ws.receive()
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 1009)
        record = (await platform.journal.wait_for({"kind": "close", "sender": "server"}))[0]
        assert record.code == 1009
        assert record.problems
        assert platform.journal.messages(sender="client") == []


async def test_the_limit_can_be_set(echo, dial):
    async with echo(limits={"message_bytes": 10}) as platform:
        ws = await dial(platform)
        await ws.send_bytes(bytes(10))
        assert await ws.receive_bytes() == bytes(10)
        await ws.send_bytes(bytes(11))
        assert (await ws.receive()).data == 1009


async def test_a_peer_that_does_not_answer_the_close_is_cut_off(echo, dial):
    async with echo(limits={"close_seconds": 0.01}) as platform:
        ws = await dial(platform, autoclose=False)
        await platform.act({"close": {"code": 1000}})
        assert (await ws.receive()).type is WSMsgType.CLOSE
        record = (await platform.journal.wait_for({"kind": "reset", "sender": "server"}))[0]
        assert record.reason == "no answer to the close frame"


async def test_a_peer_that_does_not_read_is_cut_off(echo, dial):
    async with echo(limits={"outgoing_bytes": 10_000}) as platform:
        await dial(platform)
        session = platform.session()
        for _ in range(3):
            session.send("x" * 5000)
        record = (await platform.journal.wait_for({"kind": "reset", "sender": "server"}))[0]
        assert "bytes unread" in record.reason


async def test_what_is_sent_after_the_close_frame_is_not_handled(echo, dial):
    async with echo() as platform:
        ws = await dial(platform, autoclose=False)
        await platform.act({"close": {}})
        await ws.send_str("late")
        await platform.journal.wait_for({"kind": "message", "name": "late"})
        assert [m.raw for m in platform.journal.messages(sender="server")] == ["hello"]


@pytest.mark.parametrize("compression", [True, False])
async def test_compression_is_negotiated_when_it_is_on(echo, dial, compression):
    async with echo(compression=compression) as platform:
        ws = await dial(platform, compress=15)
        assert bool(ws.compress) is compression
        await ws.send_str("x" * 1000)
        assert await ws.receive_str() == "x" * 1000
