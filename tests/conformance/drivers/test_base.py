from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from conformance.drivers.base import (
    CountingSelector,
    Params,
    ServerDriver,
    Travel,
    UnsupportedError,
    encoded,
    given_bytes,
    present,
    settings_of,
)


def travelling(play: Any) -> Any:
    """Run a coroutine function on a loop with a counting selector, with a `Travel`."""
    selector = CountingSelector()

    async def run() -> Any:
        return await play(Travel(selector))

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(run())


def test_time_stops_at_every_timer() -> None:
    async def play(travel: Travel) -> list[float]:
        clock, seen = travel.clock, list[float]()

        def ring() -> None:
            seen.append(round(clock.now()))
            if len(seen) < 3:
                clock.call_at(clock.now() + 20, ring)

        clock.call_at(10, ring)
        clock.call_at(1000, ring)
        assert await travel.advance(100) == 3
        return seen

    begun = time.monotonic()
    assert travelling(play) == [10, 30, 50]
    assert time.monotonic() - begun < 2


def test_a_timer_waits_for_what_the_one_before_it_set_off() -> None:
    async def play(travel: Travel) -> list[str]:
        clock, seen = travel.clock, list[str]()

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(1))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

        async def listen() -> None:
            await reader.readexactly(1)
            seen.append("answer")

        listening = asyncio.create_task(listen())
        clock.call_at(10, lambda: writer.write(b"x"))
        clock.call_at(20, lambda: seen.append("late"))
        await travel.advance(30)
        await listening
        writer.close()
        server.close()
        await server.wait_closed()
        return seen

    assert travelling(play) == ["answer", "late"]


def test_a_restart_drops_every_timer() -> None:
    async def play(travel: Travel) -> int:
        travel.clock.call_at(1, lambda: pytest.fail("dropped"))
        travel.restart()
        return await travel.advance(100)

    assert travelling(play) == 0


def test_settings() -> None:
    params = {
        "urls": {"a": 1, "b": 1, "c": 1},
        "credentials": {"b": 2, "c": 2},
        "options": {"c": None},
    }
    assert settings_of(params) == {"a": 1, "b": 2, "c": None}
    assert settings_of({}) == {}
    assert present({"a": None, "b": 1}, ("a", "c")) == {"a": None}


def test_bytes() -> None:
    assert given_bytes({"a": encoded(b"\x01\x02")}, "a") == b"\x01\x02"
    for bad in ({}, {"a": "x"}, {"a": 1}):
        with pytest.raises(UnsupportedError, match="`a` must be base64"):
            given_bytes(bad, "a")


class Stand(ServerDriver):
    protocol = "none"

    async def serve(self, params: Params) -> Params:
        self.configure({"callbacks": {"served": "raise"}})
        return {"urls": {"http": params["room"]}}

    def record(self, error: BaseException) -> Params:
        return {"kind": "local", "message": str(error)}

    async def settle(self) -> None:
        pass

    async def end(self) -> None:
        pass


def test_a_server_reports_until_the_scenario_is_over() -> None:
    told: list[tuple[str, Params]] = []

    async def play(travel: Travel) -> Params:
        driver = Stand(travel, lambda event, data: told.append((event, data)))
        assert driver.commands.keys() == {"serve"}
        result = await driver.commands["serve"]({"room": "r"})
        driver.tell("frame", {"bytes": 2})
        with pytest.raises(RuntimeError, match="callback behind 'served' fail"):
            driver.report("served", {})
        driver.mute()
        driver.tell("frame", {"bytes": 3})
        return result

    assert travelling(play) == {"urls": {"http": "r"}}
    assert told == [("frame", {"bytes": 2}), ("served", {})]
