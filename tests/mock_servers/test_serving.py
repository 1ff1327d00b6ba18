from __future__ import annotations

import asyncio

import aiohttp
import pytest

from protocol_core import multipart


async def test_a_carrier_is_not_in_the_journal(echo, http):
    async with echo() as platform:
        ws = await http.ws_connect(f"{platform.urls['base']}/tunnel", autoping=False)
        assert await ws.receive_str() == "hello"
        await ws.send_str("x")
        assert await ws.receive_str() == "x"
        await ws.ping(b"y")
        assert (await ws.receive()).data == b"y"
        session = platform.session()
        assert session.describe()["connection"] is None
        await platform.act({"ping": "z"})
        assert (await ws.receive()).data == b"z"
        await ws.close()
        await platform.journal.wait_for({"name": "session_ended"})
        assert {r.kind for r in platform.journal.records} == {"note"}
        # Its number is not missing in the count of what is journaled.
        assert platform.next_channel() == 1


@pytest.mark.parametrize(
    ("action", "status"),
    [({"reject": {"status": 401, "json": {"error": "no"}}}, 401), ({"reset": True}, None)],
)
async def test_a_refused_carrier_is_in_the_journal(echo, http, action, status):
    plan = [{"on": "upgrade", "endpoint": "tunnel", "do": [action]}]
    async with echo(plan=plan) as platform:
        with pytest.raises(aiohttp.ClientError):
            await http.ws_connect(f"{platform.urls['base']}/tunnel")
        ending = "reset" if status is None else "upgrade_response"
        wire = [(r.kind, r.connection, r.status) for r in platform.journal.where(source="wire")]
        # aiohttp tries a second time after a reset.
        assert wire[:2] == [("upgrade_request", 1, None), (ending, 1, status)]


@pytest.mark.parametrize(("actions", "kind"), [([], None), ([{"reset": True}], "reset")])
async def test_streams_that_never_begin(echo, actions, kind):
    plan = [{"on": "http", "endpoint": "feed", "do": actions}]
    async with echo(plan=plan) as platform:
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.server.port)
        writer.write(b"POST /echo/feed HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await platform.journal.wait_for({"kind": "note", "reason": "plan[0] acts"})
        if kind is None:
            writer.close()
        else:
            record = (await platform.journal.wait_for({"kind": kind}))[0]
            assert (record.sender, record.connection) == ("server", 1)
            with pytest.raises(ConnectionError):
                await reader.read()


async def test_forms_and_sounds_in_the_journal(echo, http):
    parts = [
        multipart.Part(name="audio", content=b"\0\xff", filename="a.wav", content_type="audio/wav"),
        multipart.Part(name="session_id", content=b"s1"),
    ]
    body = multipart.build(parts, "b")
    plan = [
        {
            "on": "http",
            "where": {"session_id": "s1", "audio": {"bytes": 2}},
            "do": [{"respond": {"body": "UklGRg==", "headers": {"Content-Type": "audio/wav"}}}],
        }
    ]
    async with echo(plan=plan) as platform:
        headers = {"Content-Type": multipart.content_type("b")}
        url = f"{platform.urls['base']}/hello"
        async with http.post(url, data=body, headers=headers) as response:
            assert await response.read() == b"RIFF"
        request, response = platform.journal.where(name="hello")
        assert request.data == {
            "audio": {"filename": "a.wav", "content_type": "audio/wav", "bytes": 2},
            "session_id": "s1",
        }
        assert request.raw.startswith("LS1i")
        assert response.data == {"content_type": "audio/wav", "bytes": 4}
        assert response.raw == "UklGRg=="


@pytest.mark.parametrize("field", ["Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
async def test_a_handshake_in_no_letters_that_headers_have(echo, field, caplog):
    fields = {
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "eHh4eHh4eHh4eHh4eHh4eA==",
        "Sec-WebSocket-Version": "13",
        field: "ÿ",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    async with echo() as platform:
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.server.port)
        request = f"GET /echo/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n{head}\r\n"
        writer.write(request.encode("latin1"))
        assert b" 400 " in await reader.readline()
        writer.close()
        assert platform.sessions == []
        assert platform.ends == [(None, "")], "what the session held is freed"
    assert caplog.records == []
