from __future__ import annotations

import asyncio

import aiohttp
import pytest

from mock_servers.stream import Stream
from protocol_core.errors import ConfigurationError
from protocol_core.sse import Comment, EventDecoder, SseEvent


class Reader:
    """The client's end of a stream."""

    def __init__(self, response):
        self.response = response
        self.decoder = EventDecoder()
        self.found = []

    async def next(self):
        while not self.found:
            chunk = await self.response.content.readany()
            if not chunk:
                return None
            self.found += self.decoder.feed(chunk)
        return self.found.pop(0)


@pytest.fixture
async def listen(http):
    responses = []

    async def listen(platform, query="", **options):
        responses.append(await http.post(f"{platform.urls['base']}/feed{query}", **options))
        return Reader(responses[-1])

    yield listen
    for response in responses:
        response.close()


def outline(platform):
    return [
        (r.kind, r.sender, r.opcode, r.raw)
        for r in platform.journal.records
        if r.connection == 1 and r.kind not in {"http_request", "http_response", "note"}
    ]


async def test_events_go_out_and_into_the_journal(echo, listen):
    async with echo() as platform:
        reader = await listen(platform, data=b"question")
        assert await reader.next() == SseEvent(data="hello")
        await platform.act([{"send_text": "two\nlines"}, {"comment": "still there"}])
        assert await reader.next() == SseEvent(data="two\nlines")
        assert await reader.next() == Comment(text="still there")
        await platform.act({"close": {}})
        assert await reader.next() is None
        await platform.journal.wait_for({"name": "session_ended"})
        assert outline(platform) == [
            ("open", "", "", ""),
            ("message", "server", "sse", "hello"),
            ("message", "server", "sse", "two\nlines"),
            ("ping", "server", "sse", "still there"),
            ("close", "server", "", ""),
        ]
        request, response = platform.journal.where(name="feed")
        assert (request.kind, request.connection, request.raw) == ("http_request", 1, "question")
        assert (response.kind, response.connection, response.raw) == ("http_response", 1, "")
        assert response.headers["content-type"] == "text/event-stream"
        assert platform.journal.messages("two")[0].data == {
            "text": "two\nlines",
            "sender": "server",
        }
        assert platform.journal.where(kind="close")[0].code is None
        assert platform.ends == [(None, "")]
        assert platform.sessions == []


async def test_headers_status_and_line_ends_are_the_platform_s(echo, http):
    class Dressed(echo):
        def feed(self, exchange):
            start = super().feed(exchange).start
            headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Own": "1"}
            return Stream(start=start, status=201, headers=headers, line_end="\r\n")

    async with Dressed(
        plan=[{"on": "open", "do": [{"close": {}}], "then_default": True}]
    ) as mocked:
        mocked.plan.replace([{"on": "open", "do": [{"send_text": "a"}, {"close": {}}]}])
        async with http.post(f"{mocked.urls['base']}/feed") as response:
            assert response.status == 201
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert response.headers["X-Own"] == "1"
            assert await response.read() == b"data: a\r\n\r\n"


async def test_the_connection_serves_further_requests(echo, listen, http):
    async with echo() as platform:
        for _ in range(2):
            reader = await listen(platform)
            await reader.next()
            await platform.act({"close": {}})
            assert await reader.next() is None
        assert len(http.connector._conns) == 1
        assert [r.connection for r in platform.journal.where(kind="open")] == [1, 2]


async def test_timers_run_on_the_platform_s_clock(echo, listen):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
        assert [session.id for session in platform.sessions] == ["feed"]
        await platform.advance(60)
        assert await reader.next() == SseEvent(data="idle")
        assert await reader.next() is None


async def test_plans_know_the_endpoint(echo, listen, dial):
    plan = [
        {"on": "open", "endpoint": "feed", "do": [{"send": {"message": "planned"}}, {"delay": 5}]},
        {"on": "message", "endpoint": "feed", "do": [{"send_text": "never"}]},
        {"on": "message", "endpoint": "socket", "do": [{"send_text": "socket"}]},
    ]
    async with echo(plan=plan) as platform:
        reader = await listen(platform)
        assert await reader.next() == SseEvent(data="planned")
        ws = await dial(platform)
        assert await ws.receive_str() == "hello"
        await ws.send_str("x")
        assert await ws.receive_str() == "socket"
        assert [session.describe()["endpoint"] for session in platform.sessions] == [
            "feed",
            "socket",
        ]


async def test_a_plan_may_answer_instead(echo, http):
    plan = [{"on": "http", "endpoint": "feed", "do": [{"respond": {"status": 503}}]}]
    async with echo(plan=plan) as platform:
        async with http.post(f"{platform.urls['base']}/feed") as response:
            assert response.status == 503
        assert [r.connection for r in platform.journal.where(name="feed")] == [1, 1]
        assert platform.journal.where(kind="open") == []


async def test_a_refusal_has_the_channel_s_number(echo, http):
    async with echo() as platform:
        async with http.post(f"{platform.urls['base']}/feed?key=wrong") as response:
            assert response.status == 401
        assert [r.connection for r in platform.journal.where(name="feed")] == [1, 1]


async def test_a_client_that_goes_away(echo, listen):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
        reader.response.close()
        await platform.journal.wait_for({"name": "session_ended"})
        assert outline(platform)[-1][:2] == ("reset", "client")
        assert platform.ends == [(None, "")]


async def test_a_client_that_has_gone_before_the_first_event(echo):
    gone = []

    class Slow(echo):
        def feed(self, exchange):
            writer = gone.pop()
            writer.transport.abort()
            return super().feed(exchange)

    async with Slow() as platform:
        _, writer = await asyncio.open_connection("127.0.0.1", platform.server.port)
        gone.append(writer)
        writer.write(b"POST /echo/feed HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await platform.journal.wait_for({"kind": "reset", "sender": "client"})
        await platform.journal.wait_for({"name": "session_ended"})


@pytest.mark.parametrize("action", [{"reset": True}, {"send_text": "fail"}])
async def test_a_stream_that_is_broken_off(echo, listen, action):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
        if "send_text" in action:
            session = platform.session()
            session.later(0, lambda: 1 / 0)
            await platform.advance(1)
        else:
            await platform.act(action)
        with pytest.raises(aiohttp.ClientError):
            await reader.next()
        await platform.journal.wait_for({"name": "session_ended"})
        assert outline(platform)[-1][:2] == ("reset", "server")


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ({"ping": True}, "feed is no WebSocket"),
        ({"withhold_pong": True}, "feed is no WebSocket"),
        ({"send_binary": "00"}, "carries text only"),
        ({"comment": "two\nlines"}, "comment: Expected `str`"),
        ({"close": {"code": 1008}}, "neither code nor reason"),
        ({"close": {"reason": "because"}}, "neither code nor reason"),
    ],
)
async def test_what_makes_no_sense_on_a_stream(echo, listen, action, complaint):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
        with pytest.raises(ConfigurationError, match=complaint):
            await platform.act(action)
        await platform.act({"send_text": "goes on"})
        assert await reader.next() == SseEvent(data="goes on")


async def test_a_comment_is_one_line(echo, listen):
    async with echo() as platform:
        await listen(platform)
        with pytest.raises(ConfigurationError, match="one line"):
            platform.session().connection.comment("two\nlines")


async def test_nothing_is_sent_after_the_end(echo, listen):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
        await platform.act(
            [{"close": {}}, {"send_text": "late"}, {"comment": "late"}, {"close": {}}]
        )
        assert await reader.next() is None
        assert [kind for kind, *_ in outline(platform)] == ["open", "message", "close"]


async def test_a_peer_that_does_not_read_is_cut_off(echo, listen):
    async with echo(limits={"outgoing_bytes": 10_000}) as platform:
        await listen(platform)
        session = platform.session()
        for _ in range(3):
            session.send("x" * 5000)
        record = (await platform.journal.wait_for({"kind": "reset", "sender": "server"}))[0]
        assert "bytes unread" in record.reason


async def test_streams_count_as_connections(echo, listen):
    async with echo(limits={"connections": 1}) as platform:
        await listen(platform)
        reader = await listen(platform)
        assert reader.response.status == 503


async def test_a_platform_that_stops_ends_its_streams(echo, listen):
    async with echo() as platform:
        reader = await listen(platform)
        await reader.next()
    assert await reader.next() is None
    assert outline(platform)[-1][:2] == ("close", "server")


async def test_a_platform_that_stops_cuts_off_who_does_not_read(echo, listen):
    async with echo() as platform:
        await listen(platform)
        session = platform.session()
        while not session.connection._transport.get_write_buffer_size():
            session.send("x" * 100_000)
            await asyncio.sleep(0)
    assert platform.sessions == []


async def test_how_much_went_either_way(echo, listen):
    async with echo() as platform:
        reader = await listen(platform, data=b"four")
        await reader.next()
        described = platform.session().describe()
        assert (described["received_bytes"], described["sent_bytes"]) == (
            4,
            len(b"data: hello\n\n"),
        )


async def test_a_stream_of_an_endpoint_that_has_none(echo, http):
    class Forgetful(echo):
        streams = frozenset()

    async with Forgetful() as platform:
        async with http.post(f"{platform.urls['base']}/feed") as response:
            assert response.status == 500
        assert platform.journal.where(kind="note")[0].problems
