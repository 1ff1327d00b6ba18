"""Plays scenarios in which a server is under test: a probe plays the client."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from conformance.probe import probe_class
from conformance.probe.base import Site
from conformance.stage.base import Stage, StepUnmetError
from conformance.stage.triggers import Control, InProcess, Urls
from conformance.target import resolve
from mock_servers.documents import is_object
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from avatar_protocols.trace import Record
    from conformance.judge import Played
    from conformance.probe.base import Probe
    from conformance.scenario import Scenario
    from conformance.stage.base import Deadlines
    from conformance.stage.triggers import Trigger
    from conformance.target import Target
    from mock_servers.platform import Platform

__all__ = ["ServerStage", "perform"]


class ServerStage(Stage):
    """One scenario, one probe, one server.

    Args:
        scenario: what to play.
        journal: where everything is written down.
        deadlines: how long things may take.
        probe: the client.
        trigger: makes the server do things.
    """

    def __init__(
        self,
        scenario: Scenario,
        journal: Journal,
        deadlines: Deadlines,
        probe: Probe,
        trigger: Trigger,
    ) -> None:
        super().__init__(scenario, journal, deadlines)
        self.probe = probe
        self.trigger = trigger
        self._table: dict[str, Callable[[Any], Awaitable[None]]] = {
            **{kind: self._bounded(step) for kind, step in probe.steps.items()},
            "await": self.await_record,
            "trigger": self._bounded(trigger.pull),
            "settle": self._settle,
        }

    def handler(self, kind: str) -> Callable[[Any], Awaitable[None]] | None:
        return self._table.get(kind)

    def _bounded(self, step: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def play(args: Any) -> None:  # noqa: ANN401 - whatever stands in the YAML
            within = args.get("within") if is_object(args) else None
            try:
                await self.wait(step(args), within)
            except TimeoutError:
                limit = within or self.deadlines.step
                raise StepUnmetError(f"the server did not play along within {limit:g} s") from None

        return play

    async def _settle(self, args: dict[str, Any] | None) -> None:
        """A barrier: a pong behind everything that the server has sent so far."""
        del args
        await self.drain()
        for socket in self.probe.sockets:
            if socket.is_open:
                seen = self.probe.seen
                socket.ping(b"settle")
                await self.wait(
                    self.journal.wait_for(
                        _heard_from(socket.number), after=seen, deadline=self.deadlines.step
                    )
                )
        await self.drain()


def _heard_from(number: int) -> Callable[[Record], bool]:
    """Whether a record is the server's pong on a socket, or the socket's end."""
    kinds = frozenset({"pong", "close", "reset"})
    return lambda r: r.connection == number and r.sender == "server" and r.kind in kinds


async def perform(
    scenario: Scenario, target: Target, deadlines: Deadlines, seed: int
) -> tuple[Played, list[Record]]:
    """Play one scenario against the server under test.

    Returns:
        How it went, and everything the probe saw.
    """
    server = target.server
    if server is None or server.in_process:
        from conformance.worker import make_platform

        platform = make_platform(scenario, target, seed)
        try:
            await platform.start()
            site = Site(urls=platform.urls, credentials=platform.credentials)
            return await _play(scenario, target, deadlines, site, InProcess(platform))
        finally:
            await platform.stop()
    site = Site(urls=server.urls, credentials=server.credentials)
    if not server.control:
        return await _play(scenario, target, deadlines, site, Urls(server.triggers))
    control = Control(server.control)
    await control.prepare(scenario)
    return await _play(scenario, target, deadlines, site, control)


async def _play(
    scenario: Scenario, target: Target, deadlines: Deadlines, site: Site, trigger: Trigger
) -> tuple[Played, list[Record]]:
    begun = time.monotonic()
    model = _model(target.protocol, target.revision)
    redactor = Redactor(model.secret_positions())
    for name, value in site.credentials.items():
        if name in _SECRETS:
            redactor.register(name, value)
    journal = Journal(lambda: time.monotonic() - begun, redactor, Limits())
    probe = probe_class(target.protocol)(
        site, journal, model.codec, redactor, resolve(target.protocol, target.revision)
    )
    probe.now = trigger.now
    try:
        stage = ServerStage(scenario, journal, deadlines, probe, trigger)
        played = await stage.play()
        return played, list(journal.records)
    finally:
        await probe.aclose()
        await asyncio.sleep(0)  # aborted transports say goodbye on the next turn


_SECRETS = frozenset({"api_key", "api_secret", "token", "session_token"})


@cache
def _model(protocol: str, revision: str) -> Platform:
    """A platform that never runs: it knows the protocol's codec and where its secrets stand."""
    from mock_servers import mock

    return mock(protocol, revision)
