"""Ways to make a server under test do something: advance its clock, produce an error, close.

InProcess   a mock platform of ours in this process
Control     a mock platform of ours elsewhere, through its control API
Commands    a server behind an adapter
Urls        any other server: URLs that somebody gave, to be POSTed to
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from avatar_protocols.adapter.v1 import ServeResult
from conformance.adapter import ContractFault
from conformance.errors import ConformanceError
from conformance.stage.base import StepUnmetError, StepUnsupportedError
from conformance.stage.hearing import expect_answer
from mock_servers.documents import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.adapter import Adapter
    from conformance.scenario import Scenario
    from mock_servers.journal import Journal
    from mock_servers.platform import Platform

__all__ = ["Commands", "Control", "InProcess", "Trigger", "Urls"]

TOKEN_VARIABLE = "UNDERSTUDY_CONTROL_TOKEN"  # noqa: S105 - the variable's name
_REFUSED = 400


class Trigger(Protocol):
    """A way to make the server under test do something."""

    async def pull(self, what: Mapping[str, Any]) -> None:
        """Do it: ``{advance: seconds}`` or ``{act: {…}}``.

        Raises:
            StepUnsupportedError: there is no such trigger.
            StepUnmetError: the server refused.
        """

    async def settle(self) -> None:
        """Return once the server has nothing left to do, as far as it can be asked."""

    def now(self) -> float:
        """Unix time in seconds, as the server sees it."""
        ...


class InProcess:
    """A mock platform of ours in this process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def now(self) -> float:
        return self._platform.wall()

    async def pull(self, what: Mapping[str, Any]) -> None:
        if "advance" in what:
            await self._platform.advance(what["advance"])
        if "act" in what:
            await self._platform.act(what["act"], session=what.get("session", -1))

    async def settle(self) -> None:
        await self._platform.flush()


class Control:
    """A mock platform of ours elsewhere.

    Args:
        url: base of the control calls to the platform.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    async def prepare(self, scenario: Scenario) -> None:
        """Give the platform the state and the plan that the scenario begins with.

        Raises:
            ConformanceError: the control API does not do as it should.
        """
        try:
            await self._call("POST", "reset")
            if scenario.plan:
                await self._call("PUT", "plan", list(scenario.plan))
            clock = await self._call("GET", "clock")
        except StepUnmetError as error:
            raise ConformanceError(str(error)) from error
        # Only forward: earlier scenarios may have moved the platform's clock.
        self._ahead = float(clock["wall"]) - time.time()

    async def pull(self, what: Mapping[str, Any]) -> None:
        if "advance" in what:
            await self._call("POST", "advance", {"seconds": what["advance"]})
            self._ahead += what["advance"]
        if "act" in what:
            body = {"action": what["act"], "session": what.get("session", -1)}
            await self._call("POST", "act", body)

    async def settle(self) -> None:
        await self._call("GET", "clock")

    async def _call(self, method: str, name: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        token = os.environ.get(TOKEN_VARIABLE, "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await _http(method, f"{self._url}/{name}", body, headers)


class Commands:
    """A server behind an adapter.

    Args:
        adapter: the adapter.
        journal: where the commands are written down.
        deadline: seconds that a command may take.
    """

    def __init__(self, adapter: Adapter, journal: Journal, deadline: float) -> None:
        self._adapter = adapter
        self._journal = journal
        self._deadline = deadline
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    async def serve(self, params: Mapping[str, Any]) -> ServeResult:
        """Have the server begin to serve; where it is, and what it accepts.

        Raises:
            StepUnsupportedError: it cannot be set up like this.
            StepUnmetError: it failed.
            AdapterFault: the adapter is of no further use.
        """
        result = await self._command("serve", params)
        try:
            return msgspec.convert(result, ServeResult)
        except msgspec.ValidationError as error:
            raise ContractFault(f"the answer to `serve` breaks the contract: {error}") from error

    async def pull(self, what: Mapping[str, Any]) -> None:
        limit = what.get("within")
        if "advance" in what:
            await self._command("advance", {"seconds": what["advance"]}, limit)
            self._ahead += what["advance"]
        if "act" in what:
            params = {"action": what["act"], "session": what.get("session", -1)}
            await self._command("act", params, limit)

    async def settle(self) -> None:
        await self._command("settle", {})

    async def _command(
        self, name: str, params: Mapping[str, Any], limit: float | None = None
    ) -> dict[str, Any]:
        told = dict(params)
        self._journal.add("command", source="adapter", sender="runner", name=name, data=told)
        answer = await self._adapter.request(name, told, deadline=limit or self._deadline)
        expect_answer(name, answer, "done")
        return answer.result or {}


class Urls:
    """Any other server.

    Args:
        urls: URL by trigger: ``advance``, or an action such as ``error`` or ``error:idle_timeout``.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    def now(self) -> float:
        return time.time()

    async def pull(self, what: Mapping[str, Any]) -> None:
        if "advance" in what:
            await self._post(["advance"], what)
        if "act" in what:
            await self._post(_names(what["act"]), what)

    async def settle(self) -> None:
        """Nobody can be asked."""

    async def _post(self, names: list[str], what: Mapping[str, Any]) -> None:
        found = next((name for name in names if name in self._urls), None)
        if found is None:
            raise StepUnsupportedError(f"no trigger {names[0]} was given for this server")
        await _http("POST", self._urls[found], dict(what), {})


def _names(act: object) -> list[str]:
    """``{error: idle_timeout}`` is the trigger ``error:idle_timeout``, else ``error``."""
    if not is_object(act):
        return ["act"]
    ((kind, value),) = act.items()
    return [f"{kind}:{value}", kind]


async def _http(method: str, url: str, body: object, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body, headers=headers) as reply,
        ):
            if reply.status >= _REFUSED:
                text = (await reply.text())[:200]
                raise StepUnmetError(f"the trigger {url} answered HTTP {reply.status}: {text}")
            return await reply.json() if reply.content_type == "application/json" else None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise StepUnmetError(f"the trigger {url} did not answer: {error}") from error
