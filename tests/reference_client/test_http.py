"""The HTTP shell."""

import asyncio
import ssl
from functools import partial

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


async def test_one_call_is_one_request(site, client):
    seen = []

    async def handler(request):
        seen.append(request)
        request.transport.abort()
        return web.Response()

    with pytest.raises(RequestFailed):
        await client.request(HttpRequest(method="GET", url=await site(handler)))
    assert len(seen) == 1


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


async def trickle(request, pieces):
    response = web.StreamResponse(headers={"X-Answer": "1"})
    await response.prepare(request)
    for piece in pieces:
        if isinstance(piece, asyncio.Event):
            await piece.wait()
        else:
            await response.write(piece)
    return response


async def test_an_answer_in_pieces(site, client):
    more = asyncio.Event()
    url = await site(partial(trickle, pieces=[b"one", more, b"two"]))
    seen = []
    async with client.stream(HttpRequest(method="GET", url=url)) as answer:
        assert (answer.status, answer.headers["X-Answer"]) == (200, "1")
        async for chunk in answer:
            seen.append(chunk)
            more.set()
    assert seen == [b"one", b"two"]
    # The connection is good for another request.
    assert (await client.request(HttpRequest(method="GET", url=url))).body == b"onetwo"


async def test_the_rest_of_an_answer(site, client):
    url = await site(partial(trickle, pieces=[b"\xff", b"wave"]))
    async with client.stream(HttpRequest(method="GET", url=url)) as answer:
        response = await answer.read()
    assert (response.status, response.body, response.headers["X-Answer"]) == (200, b"\xffwave", "1")


async def armed(clock):
    """Wait until somebody waits on the clock."""
    while clock.next_deadline() is None:  # noqa: ASYNC110 - the clock has no event for it
        await asyncio.sleep(0)


async def test_silence_within_an_answer(site):
    clock = ManualClock()
    never = asyncio.Event()
    url = await site(partial(trickle, pieces=[b"one", never]))
    async with HttpClient(clock=clock) as client:
        request = HttpRequest(method="GET", url=url)
        async with client.stream(request, time_limit=10, silence_limit=20) as answer:
            pieces = aiter(answer)
            assert await anext(pieces) == b"one"
            waiting = asyncio.ensure_future(anext(pieces))
            await armed(clock)
            assert clock.next_deadline() == 20
            clock.advance(20)
            with pytest.raises(RequestFailed, match="nothing came for 20 s") as caught:
                await waiting
            assert caught.value.timed_out
    never.set()


async def test_no_head_in_time(site):
    clock = ManualClock()
    never = asyncio.Event()

    async def handler(_request):
        await never.wait()

    url = await site(handler)
    async with HttpClient(clock=clock, time_limit=7) as client:

        async def ask():
            async with client.stream(HttpRequest(method="GET", url=url)):
                pass

        asking = asyncio.ensure_future(ask())
        await armed(clock)
        clock.advance(7)
        with pytest.raises(RequestFailed, match="no answer within 7 s"):
            await asking
    never.set()


async def test_an_answer_that_breaks_off(site, client):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        request.transport.close()
        return response

    url = await site(handler)
    async with client.stream(HttpRequest(method="GET", url=url)) as answer:
        with pytest.raises(RequestFailed) as caught:
            await answer.read()
    assert not caught.value.timed_out


async def test_an_answer_that_nobody_reads_to_its_end(site, client):
    gone = asyncio.Event()

    async def handler(request):
        try:
            return await trickle(request, [b"one", asyncio.Event()])
        finally:
            gone.set()

    url = await site(handler)
    async with client.stream(HttpRequest(method="GET", url=url)) as answer:
        assert await anext(aiter(answer)) == b"one"
    # The connection was closed: nothing of it stays in the pool.
    assert not client._session.connector._conns


async def test_the_block_s_own_errors_pass(site, client):
    url = await site(partial(trickle, pieces=[b"one"]))
    with pytest.raises(ValueError, match="mine"):
        async with client.stream(HttpRequest(method="GET", url=url)):
            raise ValueError("mine")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "nonsense://"])
async def test_a_stream_from_nowhere(client, url):
    with pytest.raises(RequestFailed):
        async with client.stream(HttpRequest(method="GET", url=url)):
            pass
