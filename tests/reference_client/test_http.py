"""The HTTP shell."""

import asyncio
import ssl

import aiohttp
import pytest
from aiohttp import web

from protocol_core.clock import LoopClock, ManualClock
from protocol_core.http import HttpRequest
from reference_client import http
from reference_client.http import HttpClient, RequestFailed


@pytest.fixture
async def site():
    """A server whose handler is set by the test; yields a function from handler to URL."""
    runners = []

    async def serve(handler):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def client():
    async with HttpClient(clock=LoopClock(asyncio.get_running_loop())) as made:
        yield made


async def test_a_request_goes_out_as_it_stands(site, client):
    seen = {}

    async def handler(request):
        seen.update(request.headers, path=request.raw_path, body=await request.read())
        return web.Response(status=418, body=b"\xff", headers={"X-Answer": "1"})

    url = await site(handler)
    request = HttpRequest(method="POST", url=f"{url}/a?b=c", headers={"X-Api-Key": "k"}, body=b"{}")
    response = await client.request(request)
    assert (seen["path"], seen["X-Api-Key"], seen["body"]) == ("/a?b=c", "k", b"{}")
    assert (response.status, response.body, response.headers["X-Answer"]) == (418, b"\xff", "1")
    assert (await client.request(request)).status == 418


async def test_closing_without_a_request():
    client = HttpClient(clock=ManualClock())
    await client.close()


async def test_redirects_are_answers(site, client):
    async def handler(_request):
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    response = await client.request(HttpRequest(method="GET", url=await site(handler)))
    assert response.status == 302


async def test_no_answer_in_time(site):
    clock = ManualClock()
    asked = asyncio.Event()
    done = asyncio.Event()

    async def handler(_request):
        asked.set()
        await done.wait()
        return web.Response()

    async with HttpClient(clock=clock, time_limit=5) as client:
        request = HttpRequest(method="GET", url=await site(handler))
        call = asyncio.create_task(client.request(request))
        await asked.wait()
        clock.advance(5)
        with pytest.raises(RequestFailed, match="no answer within 5 s") as caught:
            await call
    done.set()
    assert caught.value.timed_out


async def test_no_answer_at_all(site, client):
    async def handler(request):
        request.transport.abort()

    with pytest.raises(RequestFailed) as caught:
        await client.request(HttpRequest(method="GET", url=await site(handler)), time_limit=60)
    assert not caught.value.timed_out


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "ftp://host/"])
async def test_addresses_that_lead_nowhere(client, url):
    with pytest.raises(RequestFailed):
        await client.request(HttpRequest(method="GET", url=url))


async def test_no_connection_in_time(client, monkeypatch):
    async def refuse(*_, **__):
        raise aiohttp.ConnectionTimeoutError("Connection timeout to host")

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", refuse)
    with pytest.raises(RequestFailed, match="Connection timeout") as caught:
        await client.request(HttpRequest(method="GET", url="http://127.0.0.1:1/"))
    assert caught.value.timed_out


async def test_tls_that_is_none(site):
    async def handler(_request):
        return web.Response()

    url = (await site(handler)).replace("http:", "https:")
    clock = LoopClock(asyncio.get_running_loop())
    async with HttpClient(clock=clock, ssl=ssl.create_default_context()) as client:
        with pytest.raises(RequestFailed):
            await client.request(HttpRequest(method="GET", url=url))


async def test_an_answer_without_end(site, client, monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 10)

    async def handler(_request):
        return web.Response(body=bytes(11))

    with pytest.raises(RequestFailed, match="longer than 10 bytes"):
        await client.request(HttpRequest(method="GET", url=await site(handler)))
