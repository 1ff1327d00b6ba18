from __future__ import annotations

import asyncio
import time

import pytest

from protocol_core.clock import LoopClock, ManualClock
from protocol_core.errors import ConfigurationError


async def test_it_starts_fast(echo):
    async with echo():
        pass  # Imports are paid for.
    began = time.perf_counter()
    for _ in range(10):
        async with echo():
            pass
    assert (time.perf_counter() - began) / 10 < 0.05


async def test_rest_calls_are_answered_and_journaled(echo, http):
    async with echo() as platform:
        url = f"{platform.urls['base']}/hello?key=zz&a=1"
        async with http.post(url, data=b"body", headers={"X-Key": "echo-key"}) as reply:
            assert await reply.json() == {"hello": "body", "query": {"key": "zz", "a": "1"}}
        request, response = platform.journal.records
        assert (request.kind, request.sender, request.name) == ("http_request", "client", "hello")
        assert (request.method, request.target) == ("POST", "/echo/hello?key=‹redacted›&a=1")
        assert request.headers["x-key"] == "‹api_key›"
        assert request.raw == "body"
        assert (response.kind, response.sender, response.status) == ("http_response", "server", 200)


async def test_upgrades_can_be_rejected(echo, http):
    async with echo() as platform:
        url = f"{platform.urls['base']}/socket?key=wrong"
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        async with http.get(url, headers=headers) as reply:
            assert (reply.status, await reply.text()) == (401, "no")
        request, response = platform.journal.records
        assert (request.kind, request.connection) == ("upgrade_request", 1)
        assert (response.kind, response.status, response.raw) == ("upgrade_response", 401, "no")


@pytest.mark.parametrize(
    ("do", "status", "text"),
    [
        ([{"respond": {"status": 418, "text": "tea"}}], 418, "tea"),
        ([{"respond": {"json": {"a": 1}}}], 200, '{"a":1}'),
        ([{"respond": {"body": "AAE=", "status": 500}}], 500, "\x00\x01"),
        ([{"respond": {"status": 204}}], 204, ""),
        ([{"error": "refused"}], 403, "refused"),
    ],
)
async def test_plans_answer_rest_calls(echo, http, do, status, text):
    plan = [{"on": "http", "endpoint": "hello", "where": {"body": "x"}, "times": 1, "do": do}]
    async with echo(plan=plan) as platform:
        for body, expected in ((b"y", 200), (b"x", status), (b"x", 200)):
            async with http.post(f"{platform.urls['base']}/hello", data=body) as reply:
                assert reply.status == expected
                if body == b"x" and reply.status == status != 200:
                    assert await reply.text() == text


async def test_plans_reject_upgrades_and_reset_connections(echo, http):
    import aiohttp

    plan = [
        {"on": "upgrade", "nth": 1, "do": [{"reject": {"status": 402, "headers": {"X-A": "b"}}}]},
        {"on": "upgrade", "do": [{"reset": True}]},
    ]
    async with echo(plan=plan) as platform:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(f"{platform.urls['base']}/socket")
        assert (caught.value.status, caught.value.headers["X-A"]) == (402, "b")
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.ws_connect(f"{platform.urls['base']}/socket")
        assert platform.journal.records[-1].kind == "reset"


async def test_a_delay_waits_on_the_platform_s_clock(echo, http):
    plan = [{"on": "http", "do": [{"delay": 30}], "then_default": True}]
    async with echo(plan=plan, frozen=True) as platform:
        call = asyncio.ensure_future(http.post(f"{platform.urls['base']}/hello"))
        await platform.journal.wait_for({"kind": "http_request"})
        assert not call.done()
        await platform.advance(30)
        async with await call as reply:
            assert reply.status == 200
        assert platform.journal.where(kind="http_response")[0].time == pytest.approx(30, abs=0.01)


async def test_silence_lasts_until_the_peer_gives_up(echo, http):
    import aiohttp

    async with echo(plan=[{"on": "http", "do": []}]) as platform:
        timeout = aiohttp.ClientTimeout(total=0.05)
        with pytest.raises(TimeoutError):
            await http.post(f"{platform.urls['base']}/hello", timeout=timeout)
        assert platform.journal.where(kind="http_response") == []


async def test_stop_does_not_wait_for_silent_requests(echo, http):
    platform = echo(plan=[{"on": "http", "do": []}])
    await platform.start()
    call = asyncio.ensure_future(http.post(f"{platform.urls['base']}/hello"))
    await platform.journal.wait_for({"kind": "http_request"})
    began = time.perf_counter()
    await platform.stop()
    assert time.perf_counter() - began < 1
    await asyncio.gather(call, return_exceptions=True)
    await platform.stop()


async def test_stop_ends_sessions(echo, dial):
    platform = echo()
    await platform.start()
    ws = await dial(platform)
    await platform.stop()
    closing = await ws.receive()
    assert closing.type.name in {"CLOSE", "CLOSED", "CLOSING"}
    assert platform.ends


async def test_stop_does_not_wait_for_peers_that_do_not_read(echo, dial):
    platform = echo()
    await platform.start()
    ws = await dial(platform)
    for _ in range(100):
        platform.session().send("x" * 100_000)
    began = time.perf_counter()
    await platform.stop()
    assert time.perf_counter() - began < 2
    assert not ws.closed
    assert platform.ends


async def test_time_stands_still_and_moves(echo):
    async with echo(frozen=True) as platform:
        now, wall = platform.now(), platform.wall()
        await platform.advance(100)
        assert platform.now() == pytest.approx(now + 100)
        assert platform.wall() == pytest.approx(wall + 100)
        platform.resume()
        await asyncio.sleep(0.01)
        assert platform.now() > now + 100
        platform.freeze()
        await platform.act({"advance": 5})
        assert [(r.name, r.data) for r in platform.journal.where(kind="clock")] == [
            ("freeze", {"freeze": True}),
            ("advance", {"advance": 100}),
            ("resume", {"resume": True}),
            ("freeze", {"freeze": True}),
            ("advance", {"advance": 5}),
        ]
        with pytest.raises(ValueError, match="backwards"):
            await platform.advance(-1)


async def test_other_clocks_can_be_injected(echo):
    clock = ManualClock(start=10)
    async with echo(clock=clock) as platform:
        await platform.advance(5)
        assert platform.now() == clock.now() == 15
    async with echo(clock=LoopClock(asyncio.get_running_loop())) as platform:
        with pytest.raises(ConfigurationError, match="cannot be moved"):
            await platform.advance(5)


async def test_before_the_start_there_is_neither_address_nor_clock(echo):
    platform = echo()
    assert platform.now() == 0
    with pytest.raises(ConfigurationError, match="not started"):
        _ = platform.urls
    with pytest.raises(ConfigurationError, match="not started"):
        _ = platform.clock


async def test_sessions_are_found_by_position_and_id(echo, dial):
    async with echo() as platform:
        with pytest.raises(ConfigurationError, match="no such live session"):
            await platform.act({"send_text": "x"})
        first, second = await dial(platform), await dial(platform)
        assert platform.session() is platform.sessions[1]
        assert platform.session(0) is platform.session(platform.sessions[0].id)
        await platform.act({"send_text": "to the first"}, session=0)
        await platform.act({"send_text": "to the second"}, session=platform.sessions[1].id)
        assert await first.receive_str() == "to the first"
        assert await second.receive_str() == "to the second"
        with pytest.raises(ConfigurationError, match="no such live session"):
            platform.session("nobody")
        description = platform.sessions[0].describe()
        assert description["connection"] == 1
        assert description["sent_bytes"] > 0


async def test_actions_are_checked_before_they_run(echo, dial):
    async with echo() as platform:
        await dial(platform)
        with pytest.raises(ConfigurationError, match="did you mean"):
            await platform.act([{"send_text": "x"}, {"sennd_text": "y"}])
        assert [m.raw for m in platform.journal.messages()] == ["hello"]
        with pytest.raises(ConfigurationError, match="cannot be done here"):
            await platform.act({"respond": {"status": 200}})


async def test_reset_forgets_everything(echo, dial, http):
    async with echo() as platform:
        ws = await dial(platform)
        platform.plan.append({"on": "http", "do": []})
        platform.accounts.by_name("demo").credits = 0
        platform.reset()
        assert (await ws.receive()).type.name in {"CLOSED", "ERROR"}
        assert platform.plan.rules == []
        assert platform.accounts.by_name("demo").credits is None
        async with http.post(f"{platform.urls['base']}/hello") as reply:
            assert reply.status == 200


async def test_connections_are_bounded(echo, dial, http):
    import aiohttp

    async with echo(limits={"connections": 1}) as platform:
        first = await dial(platform)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await http.ws_connect(f"{platform.urls['base']}/socket")
        assert not first.closed


def test_wrong_limits_are_refused(echo):
    with pytest.raises(ConfigurationError, match="limits"):
        echo(limits={"colour": 1})


async def test_two_platforms_with_one_seed_are_alike(echo, dial):
    ids = []
    for _ in range(2):
        async with echo(seed=5) as platform:
            await dial(platform)
            ids.append((platform.session().id, platform.rng("x").random()))
    assert ids[0] == ids[1]


async def test_what_happens_beside_the_wire_is_told(echo):
    platform = echo()
    told = []
    stop = platform.listen(lambda name, data: told.append((name, dict(data))))
    platform.tell("frame", {"bytes": 5})
    platform.tell("reset")
    stop()
    stop()
    platform.tell("late")
    assert told == [("frame", {"bytes": 5}), ("reset", {})]
    assert len(platform.journal) == 0


def test_addresses_are_known_once_it_runs(echo):
    with pytest.raises(ConfigurationError, match="has not started"):
        echo().addresses  # noqa: B018 - it raises
