"""Plays scenarios in which a server is under test: a probe plays the client."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from conformance.adapter import ContractFault, ImplementationFault
from conformance.errors import ConformanceError
from conformance.judge import Played, Stop
from conformance.probe import probe_class
from conformance.probe.site import Site
from conformance.stage.base import Stage, StepUnmetError, StepUnsupportedError
from conformance.stage.hearing import Hearing, reset_adapter
from conformance.stage.triggers import Commands, Control, InProcess, Urls
from conformance.target import resolve
from mock_servers.documents import is_object
from mock_servers.journal import Journal
from mock_servers.limits import Limits
from mock_servers.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from avatar_protocols.trace import Record
    from conformance.adapter import Adapter
    from conformance.probe.base import Probe
    from conformance.probe.site import Surroundings
    from conformance.scenario import Scenario
    from conformance.stage.base import Deadlines
    from conformance.stage.triggers import Trigger
    from conformance.target import Target
    from mock_servers.platform import Platform

__all__ = ["ServerStage", "perform"]


_GRACE = 1.0
"""Seconds by which a trigger's own deadline, whose error says more, comes before the step's."""


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
            "command": self._bounded(self._command),
            "await": self._await,
            "trigger": self._bounded(trigger.pull, _GRACE),
            "settle": self._settle,
        }

    def handler(self, kind: str) -> Callable[[Any], Awaitable[None]] | None:
        return self._table.get(kind)

    def _bounded(
        self, step: Callable[[Any], Awaitable[None]], grace: float = 0.0
    ) -> Callable[[Any], Awaitable[None]]:
        async def play(args: Any) -> None:  # noqa: ANN401 - whatever stands in the YAML
            within = args.get("within") if is_object(args) else None
            limit = within or self.deadlines.step
            try:
                await self.wait(step(args), limit + grace)
            except TimeoutError:
                raise StepUnmetError(f"the server did not play along within {limit:g} s") from None

        return play

    async def _command(self, args: dict[str, Any]) -> None:
        """A step of the protocol's probe."""
        commands, name = self.probe.commands, args["name"]
        if name not in commands:
            known = ", ".join(sorted(commands)) or "none"
            raise ConformanceError(f"the probe has no command {name!r}; it has {known}")
        step = {key: value for key, value in args.items() if key not in {"name", "within"}}
        await commands[name](self.probe.resolve(step))

    async def _await(self, args: dict[str, Any]) -> None:
        await self.await_record(self.probe.resolve(args))

    async def _settle(self, args: dict[str, Any] | None) -> None:
        """A barrier: everything that the server has sent so far is here.

        A WebSocket answers a ping behind it; a stream or a room cannot be asked, but the server
        itself can, unless it is a stranger's.
        """
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
        # An adapter need not know when its server has nothing left to do.
        with contextlib.suppress(StepUnsupportedError):
            await self.trigger.settle()
        await self.drain()
        await self.wait(self.probe.settle())
        await self.drain()


def _heard_from(number: int) -> Callable[[Record], bool]:
    """Whether a record is the server's pong on a socket, or the socket's end."""
    kinds = frozenset({"pong", "close", "reset"})
    return lambda r: r.connection == number and r.sender == "server" and r.kind in kinds


async def perform(
    scenario: Scenario,
    target: Target,
    deadlines: Deadlines,
    seed: int,
    adapter: Adapter | None = None,
) -> tuple[Played, list[Record]]:
    """Play one scenario against the server under test.

    Args:
        scenario: what to play.
        target: what is certified.
        deadlines: how long things may take.
        seed: seed of the scenario.
        adapter: the server's adapter, if it is behind one; it is reset afterwards.

    Returns:
        How it went, and everything the probe saw.
    """
    desk = _Desk(scenario, target, deadlines, seed)
    if adapter is not None:
        return await desk.behind_adapter(adapter)
    server = target.server
    if server is None or server.in_process:
        return await desk.in_process()
    site = Site(urls=server.urls, credentials=server.credentials)
    if not server.control:
        return await desk.play(site, Urls(server.triggers))
    control = Control(server.control)
    await control.prepare(scenario)
    return await desk.play(site, control)


class _Desk:
    """Brings a server under test and a probe together, whichever way the server is reached."""

    def __init__(self, scenario: Scenario, target: Target, deadlines: Deadlines, seed: int) -> None:
        begun = time.monotonic()
        self._scenario = scenario
        self._target = target
        self._deadlines = deadlines
        self._seed = seed
        self._model = _model(target.protocol, target.revision)
        self._redactor = Redactor(self._model.secret_positions())
        self._journal = Journal(lambda: time.monotonic() - begun, self._redactor, Limits())
        self._gone: Exception | None = None
        self._stage: ServerStage | None = None

    async def in_process(self) -> tuple[Played, list[Record]]:
        """Play against a mock platform that is made for the scenario."""
        from conformance.worker import make_platform

        platform = make_platform(self._scenario, self._target, self._seed)
        platform.listen(self._note_event)
        try:
            await platform.start()
            site = Site(urls=platform.urls, credentials=platform.credentials)
            return await self.play(site, InProcess(platform))
        finally:
            await platform.stop()

    async def behind_adapter(self, adapter: Adapter) -> tuple[Played, list[Record]]:
        """Play against a server that an adapter holds, with what must stand beside it."""
        adapter.listen(Hearing(self._journal, self._peer_gone))
        commands = Commands(adapter, self._journal, self._deadlines.step)
        revision = resolve(self._target.protocol, self._target.revision)
        beside = probe_class(self._target.protocol).surroundings(
            revision, self._scenario.platform, self._seed
        )
        async with beside as surroundings:
            try:
                played, records = await self._served(commands, surroundings)
            except StepUnsupportedError as error:
                played, records = Played(stop=Stop.INAPPLICABLE, problem=str(error)), []
            except (StepUnmetError, ImplementationFault) as error:
                played, records = self._failed(Stop.UNMET, error)
            except ContractFault as error:
                played, records = self._failed(Stop.HARNESS, error)
            # The curtain falls here: what the server does while it is reset is not judged.
            behind = records[-1].seq if records else 0
            await reset_adapter(adapter, self._journal, self._deadlines.step)
            answers = [r for r in self._journal.records if r.seq > behind and r.kind == "answer"]
            return played, [*records, *answers]

    async def play(self, site: Site, trigger: Trigger) -> tuple[Played, list[Record]]:
        """Let the probe play against the server at a site."""
        self._hide(site.credentials)
        probe = probe_class(self._target.protocol)(
            site,
            self._journal,
            self._model.codec,
            self._redactor,
            resolve(self._target.protocol, self._target.revision),
        )
        probe.now = trigger.now
        try:
            self._stage = ServerStage(
                self._scenario, self._journal, self._deadlines, probe, trigger
            )
            if self._gone is not None:
                self._stage.peer_gone(self._gone)
            played = await self._stage.play()
            return played, list(self._journal.records)
        finally:
            await probe.aclose()
            await asyncio.sleep(0)  # aborted transports say goodbye on the next turn

    async def _served(
        self, commands: Commands, surroundings: Surroundings
    ) -> tuple[Played, list[Record]]:
        self._hide({**surroundings.credentials, **surroundings.site.credentials})
        served = await commands.serve(
            {
                "protocol": self._target.protocol,
                "revision": self._target.revision,
                "options": surroundings.options,
                "urls": surroundings.urls,
                "credentials": surroundings.credentials,
                "room": surroundings.room,
            }
        )
        site = Site(
            urls={**surroundings.site.urls, **served.urls},
            credentials={**surroundings.site.credentials, **served.credentials},
        )
        return await self.play(site, commands)

    def _failed(self, stop: Stop, error: Exception) -> tuple[Played, list[Record]]:
        """The server could not even be started."""
        problem = f"serve: {error}"
        self._journal.add(
            "note", source="scenario", sender="runner", reason=problem, problems=[problem]
        )
        return Played(stop=stop, problem=problem), list(self._journal.records)

    def _peer_gone(self, error: Exception) -> None:
        self._gone = error
        if self._stage is not None:
            self._stage.peer_gone(error)

    def _hide(self, credentials: Mapping[str, str]) -> None:
        for name, value in credentials.items():
            if name in _SECRETS:
                self._redactor.register(name, value)

    def _note_event(self, name: str, data: Mapping[str, Any]) -> None:
        """Something that a platform reports beside the wire, as an adapter would."""
        self._journal.add("event", source="adapter", sender="adapter", name=name, data=dict(data))


_SECRETS = frozenset({"api_key", "api_secret", "secret", "secret_key", "session_token", "token"})
"""Credentials that nobody may read in a trace."""


@cache
def _model(protocol: str, revision: str) -> Platform:
    """A platform that never runs: it knows the protocol's codec and where its secrets stand."""
    from mock_servers import mock

    return mock(protocol, revision)
