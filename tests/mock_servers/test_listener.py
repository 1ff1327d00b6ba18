from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from mock_servers.listener import Listener, either


@pytest.fixture
async def open_listener():
    listeners = []

    async def open_listener(handler):
        listener = Listener(handler, None, 3)
        listeners.append(listener)
        await listener.start("127.0.0.1", 0)
        return listener

    yield open_listener
    for listener in listeners:
        await listener.stop()


async def test_it_hands_over_requests(open_listener, http):
    seen = []

    async def handler(listener, request):
        seen.append((listener.number, listener.platform, request.path))
        return web.Response(text="x")

    listener = await open_listener(handler)
    async with http.get(f"http://127.0.0.1:{listener.port}/a") as response:
        assert await response.text() == "x"
    assert seen == [(3, None, "/a")]


async def test_a_port_that_is_taken(open_listener):
    taken = await open_listener(print)
    with pytest.raises(OSError, match="address already in use"):
        await Listener(print, None, 0).start("127.0.0.1", taken.port)


async def test_it_tells_when_a_peer_has_gone(open_listener):
    told = asyncio.Event()

    async def handler(listener, request):
        assert not listener.lost(request).is_set()
        writer.transport.abort()
        await listener.until_lost(request)
        assert listener.lost(request).is_set()
        told.set()
        return web.Response()

    listener = await open_listener(handler)
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await told.wait()


async def test_whoever_waits_is_released_by_its_end(open_listener):
    waiting = asyncio.Event()

    async def handler(listener, request):
        waiting.set()
        await listener.until_lost(request)
        return web.Response()

    listener = await open_listener(handler)
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await waiting.wait()
    await listener.stop()
    writer.close()


async def test_one_that_never_started_can_stop():
    await Listener(print, None, 0).stop()


async def test_either_of_two_events():
    one, two = asyncio.Event(), asyncio.Event()
    waiting = asyncio.ensure_future(either(one, two))
    await asyncio.sleep(0)
    two.set()
    await waiting
    assert not one.is_set()


async def test_there_are_no_more_ports():
    with pytest.raises(OSError, match="no port 65536"):
        await Listener(print, None, 0).start("127.0.0.1", 65536)


async def test_requests_that_are_no_http_are_answered_and_not_logged(open_listener, caplog):
    listener = await open_listener(print)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET /?token=secret" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    assert caplog.records == []


async def test_faults_of_our_own_are_logged(open_listener, http, caplog):
    async def handler(_listener, _request):
        raise RuntimeError("on purpose")

    listener = await open_listener(handler)
    async with http.get(f"http://127.0.0.1:{listener.port}/") as response:
        assert response.status == 500
    assert "on purpose" in caplog.text
