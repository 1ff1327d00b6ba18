"""Every row of the catalogue that is an event or an end, on the channels where it can happen."""

from __future__ import annotations

import json

import pytest

from avatar_protocols.aiavatar.v0_7.errors import CATALOGUE
from tests.mock_servers.aiavatar.conftest import kinds

ROWS = [row for row in CATALOGUE.values() if row.at in {"handshake", "runtime", "close"}]
STREAM = [row for row in ROWS if row.phase in {"stream", "http"}]
SOCKET = [row for row in ROWS if row.phase not in {"stream", "http"}]
SLOW = [{"when": {}, "answer": ["Once upon a time ", {"wait": 60}, "they lived."]}]


def by_name(row):
    return row.name


@pytest.mark.parametrize("row", SOCKET, ids=by_name)
async def test_errors_of_a_session_are_reachable(open_platform, row):
    async with open_platform(dialogue=SLOW) as (platform, client):
        await client.open(user_id="u", context_id="c")
        await client.send("invoke", text="Hi")
        for kind in ("stop", "start", "chunk"):
            assert (await client.receive())["type"] == kind
        await platform.act({"error": row.name})
        if row.message is not None:
            event = await client.receive()
            assert event["type"] == row.message["type"]
            wanted = (row.message.get("metadata") or {}).get("error")
            assert (event.get("metadata") or {}).get("error") == wanted
            if row.name == "late_final":
                assert event["text"] == "Once upon a time "
        if row.abort:
            assert await client.end() is None
        elif row.close is not None:
            assert await client.end() == row.close.code
        else:
            await client.settle()
            await client.send("stop")
            assert await client.end() == 1000


@pytest.mark.parametrize("row", STREAM, ids=by_name)
async def test_errors_of_a_stream_are_reachable(open_platform, row):
    plan = [{"on": "open", "endpoint": "chat", "do": [{"error": row.name}]}]
    async with open_platform(plan=plan) as (platform, client):
        reply = await client.post("/chat", {"type": "start", "session_id": "s", "text": "Hi"})
        assert reply.status == 200
        await platform.flush()
        sent = [r.name for r in platform.journal.where(lambda r: r.kind == "message")]
        (end,) = platform.journal.where(lambda r: r.kind in {"close", "reset"}) or [None]
        if row.message is not None:
            assert sent == [row.message["type"]]
            assert end.kind == "close"
        else:
            sends, ends = {
                "http_silence": ([], None),
                "stream_empty": ([], "close"),
                "stream_without_end": (["start"], "close"),
                "stream_reset": ([], "reset"),
                "stream_silence": (["start"], None),
                "stream_not_json": (["start", ""], None),
            }[row.name]
            assert sent == sends
            assert (end and end.kind) == ends
        reply.close()


@pytest.mark.parametrize("row", STREAM, ids=by_name)
async def test_errors_amid_a_stream(open_platform, row):
    async with open_platform(dialogue=SLOW) as (platform, client):
        reply = await client.post("/chat", {"type": "start", "session_id": "s", "text": "Hi"})
        line = await reply.content.readuntil(b"\r\n\r\n")
        line = await reply.content.readuntil(b"\r\n\r\n")
        assert json.loads(line.removeprefix(b"data: "))["text"] == "Once upon a time "
        await platform.act({"error": row.name})
        await platform.advance(100)
        sent = platform.journal.where(lambda r: r.kind == "message")
        assert kinds([r.data for r in sent[:2]]) == ["start", "chunk"]
        if row.name == "stream_superseded":
            assert sent[2].data["text"] == "Once upon a time "
        reply.close()


async def test_a_failure_ends_the_turn(open_platform):
    async with open_platform(dialogue=SLOW) as (platform, client):
        await client.open()
        await client.send("invoke", text="Hi")
        for _ in range(3):
            await client.receive()
        await platform.act({"error": "pipeline_error"})
        error = await client.receive()
        assert error["user_id"] is None
        assert error["context_id"]
        await platform.advance(100)
        await client.settle()
        assert platform.active == {}


async def test_streams_hear_nothing(open_platform):
    plan = [{"on": "open", "endpoint": "chat", "do": [{"speak": {}}, {"close": {}}]}]
    async with open_platform(plan=plan) as (platform, client):
        reply = await client.post("/chat", {"type": "start", "session_id": "s", "text": "Hi"})
        await platform.flush()
        assert any(
            "hears nothing" in r.reason for r in platform.journal.where(lambda r: r.kind == "note")
        )
        reply.close()
