from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from conformance.adapter import Adapter
from conformance.errors import ConformanceError
from conformance.stage.base import StepUnmetError, StepUnsupportedError
from conformance.stage.triggers import TOKEN_VARIABLE, Commands, Control, InProcess, Urls
from mock_servers import mock
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor, SecretPositions
from mock_servers.server import Server
from tests.conformance.helpers import scenario, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A platform whose control API wants a token."""
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    host = Server(control_token="secret")
    made = mock("avatarkit", pace=False)
    host.mount(made)
    await host.start()
    yield made
    await host.stop()


async def test_the_control_api_sets_a_scenario_up(platform: Any) -> None:
    control = Control(platform.control_url)
    await control.pull({"advance": 1000})
    assert abs(control.now() - platform.wall()) < 1
    fresh = Control(platform.control_url)
    await fresh.prepare(scenario({"open": {}}, plan=({"on": "http", "do": []},)))
    assert len(platform.plan.rules) == 1
    assert fresh.now() > time.time() + 900
    await fresh.prepare(scenario({"open": {}}))
    assert platform.plan.rules == []


async def test_the_token_is_needed(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(ConformanceError, match="401"):
        await Control(platform.control_url).prepare(scenario({"open": {}}))


async def test_a_trigger_that_does_not_answer(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(StepUnmetError, match="did not answer"):
        await Urls({"advance": url}).pull({"advance": 1})
    with pytest.raises(ConformanceError, match="did not answer"):
        await Control(url).prepare(scenario({"open": {}}))


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"advance": 1}, "advance"),
        ({"act": {"error": "idle_timeout"}}, "error:idle_timeout"),
        ({"act": [{"ping": True}]}, "act"),
    ],
)
async def test_a_trigger_that_was_not_given(what: dict[str, Any], name: str) -> None:
    with pytest.raises(StepUnsupportedError, match=f"no trigger {name}"):
        await Urls({}).pull(what)
    assert abs(Urls({}).now() - time.time()) < 1


async def test_a_platform_in_this_process() -> None:
    async with mock("avatarkit", pace=False) as made:
        trigger = InProcess(made)
        await trigger.pull({"advance": 500})
        assert trigger.now() > time.time() + 400


async def test_everything_that_can_be_asked_settles(platform: Any) -> None:
    await Control(platform.control_url).settle()
    await InProcess(platform).settle()
    await Urls({}).settle()  # a stranger cannot be asked


async def test_commands_to_an_adapter() -> None:
    journal = Journal(lambda: 0.0, Redactor(SecretPositions()), Limits())
    adapter = await Adapter.start(serving())
    try:
        commands = Commands(adapter, journal, 10)
        served = await commands.serve(
            {"protocol": "avatarkit", "revision": "0.1.7", "options": {}, "room": ""}
        )
        assert served.urls.keys() == {"console", "ingress"}
        await commands.pull({"advance": 1000})
        assert commands.now() > time.time() + 900
        with pytest.raises(StepUnmetError, match="`act` failed"):
            await commands.pull({"act": {"ping": True}, "session": 5})
        with pytest.raises(StepUnsupportedError, match="it knows no rest"):
            await commands.settle()
        assert [r.name for r in journal.where(kind="command")] == [
            *("serve", "advance", "act", "settle")
        ]
    finally:
        await adapter.close()
