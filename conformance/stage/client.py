"""Plays scenarios against a client: its adapter gets commands, a mock platform is the server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from conformance.errors import ConformanceError
from conformance.stage.base import Stage, StepUnmetError
from conformance.stage.hearing import Hearing, expect_answer
from conformance.stage.sound import spelled_out
from mock_servers.documents import is_list, is_object
from mock_servers.journal import NotSeenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from avatar_protocols.trace import Record
    from conformance.adapter import Adapter
    from conformance.scenario import Scenario
    from conformance.stage.base import Deadlines
    from mock_servers.platform import Platform

__all__ = ["COMMANDS", "ClientStage"]

COMMANDS = (
    "open",
    "send_audio",
    "send_text",
    "send_event",
    "send_frame",
    "interrupt",
    "close",
    "settle",
)
"""Step kinds that are adapter commands of the same name."""

_CONTROL = ("answer", "background", "within")
"""Members of a command step that are the runner's; all others are the command's parameters."""

_REFERENCE = re.compile(r"\$\{([a-z_.]+)\}")


class ClientStage(Stage):
    """One scenario, one mock platform, one adapter.

    Args:
        scenario: what to play.
        platform: the platform, started.
        adapter: the implementation under test.
        deadlines: how long things may take.
    """

    def __init__(
        self, scenario: Scenario, platform: Platform, adapter: Adapter, deadlines: Deadlines
    ) -> None:
        super().__init__(scenario, platform.journal, deadlines)
        self.platform = platform
        self.adapter = adapter
        self._table: dict[str, Callable[[Any], Awaitable[None]]] = {
            **{name: self._commander(name) for name in COMMANDS},
            "advance": self._advance,
            "command": self._any_command,
            "await": self._await,
            "server": self._server,
        }
        adapter.listen(Hearing(self.journal, self.peer_gone))

    def handler(self, kind: str) -> Callable[[Any], Awaitable[None]] | None:
        return self._table.get(kind)

    # Steps

    def _commander(self, name: str) -> Callable[[Any], Awaitable[None]]:
        async def play(args: dict[str, Any] | None) -> None:
            await self._command(name, args or {})

        return play

    async def _any_command(self, args: dict[str, Any]) -> None:
        await self._command(args["name"], {k: v for k, v in args.items() if k != "name"})

    async def _advance(self, args: float | dict[str, Any]) -> None:
        await self._command("advance", args if isinstance(args, dict) else {"seconds": args})

    async def _command(self, name: str, args: dict[str, Any]) -> None:
        params = {key: value for key, value in args.items() if key not in _CONTROL}
        params = self._opening(params) if name == "open" else spelled_out(params)
        self.journal.add("command", source="adapter", sender="runner", name=name, data=params)
        if args.get("background"):
            self.adapter.send(name, params)  # its answer will be in the journal
            return
        answer = await self.adapter.request(
            name, params, deadline=args.get("within") or self.deadlines.step
        )
        expect_answer(name, answer, args.get("answer", "done"))

    async def _await(self, args: dict[str, Any]) -> None:
        await self.await_record(_fill_in(args, self._known()))

    def _known(self) -> dict[str, str]:
        """What ``${name}`` stands for: the platform's URLs and credentials."""
        urls = self.platform.urls
        addresses = {f"{name}.address": url.partition("://")[2] for name, url in urls.items()}
        return {**urls, **self.platform.credentials, **addresses}

    def _opening(self, options: dict[str, Any]) -> dict[str, Any]:
        platform, known = self.platform, self._known()
        return {
            "protocol": platform.protocol,
            "revision": platform.revision,
            "urls": platform.urls,
            "credentials": platform.credentials,
            "options": {name: _fill_in(value, known) for name, value in options.items()},
        }

    async def _server(self, args: dict[str, Any]) -> None:
        if "advance" in args:
            await self.platform.advance(args["advance"])
            return
        try:
            await self.wait(self._session())
        except TimeoutError:
            limit = self.deadlines.step
            raise StepUnmetError(f"no session was open on the platform for {limit:g} s") from None
        await self.platform.act(args)
        await self.drain()  # a reset leaves with the next turn of the event loop only

    async def _session(self) -> None:
        """Wait until there is a session to act on."""
        if not self.platform.sessions:
            try:
                await self.journal.wait_for(_begins_session, len(self._begun()) + 1)
            except NotSeenError:
                raise StepUnmetError("no session is open on the platform") from None

    def _begun(self) -> list[Record]:
        return self.journal.where(_begins_session)


def _begins_session(record: Record) -> bool:
    """Whether a record shows that somebody has come: on a socket or stream, or into a room."""
    return record.kind in {"open", "join"}


def _fill_in(value: Any, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever stands in the YAML
    """``${name}`` in strings stands for a URL or credential of the platform.

    ``${name.address}`` stands for a URL without its scheme.
    """
    if is_object(value):
        return {key: _fill_in(part, known) for key, part in value.items()}
    if is_list(value):
        return [_fill_in(part, known) for part in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def look_up(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ConformanceError(f"{match[0]}: the platform has {', '.join(sorted(known))}")
        return known[match[1]]

    return _REFERENCE.sub(look_up, value)
