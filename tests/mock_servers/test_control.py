from __future__ import annotations

import io
import json

import pytest

from mock_servers.server import Server


@pytest.fixture
def call(http):
    async def call(platform, method, path, body=None, **options):
        url = f"http://{platform.server.address}/_understudy/{path}"
        async with http.request(method, url, json=body, **options) as reply:
            text = await reply.text()
            if reply.content_type == "application/json":
                return reply.status, json.loads(text)
            return reply.status, text

    return call


async def test_health_and_description(echo, call):
    async with echo() as platform:
        assert await call(platform, "GET", "health") == (
            200,
            {"status": "ok", "platforms": ["echo"]},
        )
        status, document = await call(platform, "GET", "describe")
        assert status == 200
        assert document["echo"]["urls"] == platform.urls
        assert (await call(platform, "GET", "echo/describe"))[1] == document["echo"]


async def test_the_clock(echo, call):
    async with echo() as platform:
        await call(platform, "POST", "freeze")
        before = (await call(platform, "GET", "clock"))[1]
        assert before["frozen"]
        after = (await call(platform, "POST", "echo/advance", {"seconds": 60}))[1]
        assert after["now"] == pytest.approx(before["now"] + 60)
        assert not (await call(platform, "POST", "resume"))[1]["frozen"]


async def test_plans(echo, call):
    rule = {"on": "message", "do": [{"send_text": "x"}]}
    async with echo() as platform:
        assert await call(platform, "GET", "plan") == (200, [])
        _, rules = await call(platform, "PUT", "plan", [rule])
        assert rules == [{**rule, "matched": 0, "fired": 0}]
        assert len((await call(platform, "POST", "plan", rule))[1]) == 2
        status, answer = await call(platform, "PUT", "plan", [{"on": "x", "do": []}])
        assert status == 400
        assert "plan[0]" in answer["error"]
        assert len(platform.plan.rules) == 2
        assert (await call(platform, "DELETE", "plan"))[1] == []


async def test_sessions_and_actions(echo, call, dial):
    async with echo() as platform:
        ws = await dial(platform)
        sessions = (await call(platform, "GET", "sessions"))[1]
        assert [session["connection"] for session in sessions] == [1]
        body = {"action": {"send_text": "x"}, "session": sessions[0]["id"]}
        assert await call(platform, "POST", "act", body) == (200, {"done": True})
        assert await ws.receive_str() == "x"
        status, answer = await call(platform, "POST", "act", {"action": {"nonsense": 1}})
        assert status == 400
        assert "no such action" in answer["error"]
        status, answer = await call(platform, "POST", "act", {"acton": {}})
        assert status == 400
        assert "does not fit" in answer["error"]


async def test_the_journal(echo, call, dial):
    async with echo() as platform:
        ws = await dial(platform)
        await ws.send_str("one")
        await ws.receive_str()
        _, records = await call(platform, "GET", "journal?kind=message&sender=client")
        assert [record["raw"] for record in records] == ["one"]
        assert (await call(platform, "GET", "journal?connection=2"))[1] == []
        assert len((await call(platform, "GET", "journal?limit=2&after=1"))[1]) == 2
        assert (await call(platform, "GET", "journal?colour=blue"))[0] == 400
        wait = {"match": {"name": "one"}, "count": 2}
        assert len((await call(platform, "POST", "journal/wait", wait))[1]) == 2
        wait = {"match": {"name": "one", "sender": "runner"}, "deadline": 0}
        status, answer = await call(platform, "POST", "journal/wait", wait)
        assert status == 408
        assert answer["near_misses"][0]["differences"] == ["sender is 'server', not 'runner'"]
        _, text = await call(platform, "GET", "journal/trace")
        lines = [json.loads(line) for line in text.splitlines()]
        assert lines[0]["trace"] == 1
        assert len(lines) == 1 + len(platform.journal)
        assert (await call(platform, "DELETE", "journal"))[1] == []


async def test_accounts(echo, call):
    async with echo() as platform:
        assert (await call(platform, "GET", "accounts"))[1][0]["name"] == "demo"
        _, account = await call(platform, "PATCH", "accounts/demo", {"credits": 3})
        assert account["credits"] == 3
        assert "echo-key" not in json.dumps(account)
        assert (await call(platform, "PATCH", "accounts/nobody", {}))[0] == 404
        assert (await call(platform, "PATCH", "accounts/demo", {"api_key": "x"}))[0] == 400
        assert (await call(platform, "PATCH", "accounts/demo", [1]))[0] == 400


async def test_reset(echo, call):
    async with echo(plan=[{"on": "open", "do": []}]) as platform:
        await call(platform, "DELETE", "plan")
        assert (await call(platform, "POST", "echo/reset"))[1] == {"reset": ["echo"]}
        assert len(platform.plan.rules) == 1
        assert (await call(platform, "POST", "reset"))[1] == {"reset": ["echo"]}


async def test_unknown_calls_and_bodies(echo, call, http):
    async with echo() as platform:
        status, answer = await call(platform, "GET", "nonsense")
        assert status == 404
        assert "POST advance" in answer["known"]
        url = f"http://{platform.server.address}/_understudy/advance"
        for body in (b"{", b"[" * 100_000, b'{"seconds": 1e400}'):
            async with http.post(url, data=body) as reply:
                assert reply.status == 400
        async with http.post(url) as reply:
            assert reply.status == 400
        async with http.post(url, data=io.BytesIO(bytes((1 << 20) + 1))) as reply:
            assert reply.status == 400
        assert (await call(platform, "POST", "advance", {"seconds": -1}))[0] == 400


async def test_several_platforms_are_told_apart(echo, call):
    server = Server()
    one, two = echo(name="one"), echo(name="two")
    server.mount(one)
    server.mount(two)
    await server.start()
    try:
        assert (await call(one, "GET", "clock"))[0] == 404
        assert (await call(one, "GET", "two/clock"))[0] == 200
    finally:
        await server.stop()


async def test_a_control_token_is_demanded_where_there_is_one(echo, call):
    server = Server(control_token="s3cret")
    platform = echo()
    server.mount(platform)
    await server.start()
    try:
        assert (await call(platform, "GET", "health"))[0] == 401
        headers = {"Authorization": "Bearer s3cret"}
        assert (await call(platform, "GET", "health", headers=headers))[0] == 200
        headers = {"Authorization": "Bearer wrong"}
        assert (await call(platform, "GET", "health", headers=headers))[0] == 401
    finally:
        await server.stop()


async def test_web_pages_may_not_steer_a_platform(echo, call):
    async with echo() as platform:
        for headers in ({"Origin": "http://example.org"}, {"Host": "rebound.example:80"}):
            assert (await call(platform, "GET", "health", headers=headers))[0] == 403
        for host in ("localhost:1", "[::1]:80", "127.0.0.1"):
            assert (await call(platform, "GET", "health", headers={"Host": host}))[0] == 200
