"""Adapter of Understudy's own reference clients and servers, all protocols.

    python conformance/adapters/reference.py                            on stdin and stdout
    python conformance/adapters/reference.py --listen 127.0.0.1:9000    on one TCP connection

What each command calls stands in ``conformance/drivers``.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import platform
import socket
import stat
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

# The files beside this one are named like packages; none of them may be found in their place.
_HERE = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - before anything is imported
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != _HERE]

# Standard output belongs to the contract; whatever else is printed goes to the log.
CONTRACT_OUTPUT = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

import msgspec  # noqa: E402 - the path had to be cleaned first

from conformance.drivers import driven, driver_module  # noqa: E402 - the path had to be cleaned first
from conformance.drivers.base import CountingSelector, Travel, UnsupportedError  # noqa: E402 - the path had to be cleaned first

if TYPE_CHECKING:
    from typing import BinaryIO

    from avatar_protocols.tables import RevisionInfo
    from conformance.drivers.base import Actor, Handler, Params

    Role = Literal["client", "server"]

OPENINGS: dict[str, Role] = {"open": "client", "serve": "server"}
"""The commands that a session begins with, and who carries them out."""
END_SECONDS = 60.0
"""How far the clients' clock is moved to end a session whose peer does not answer."""
PATIENCE_SECONDS = 0.25
"""How long a session may take to end before its clock is moved, in real seconds."""

log = logging.getLogger("reference adapter")


class ResetError(Exception):
    """The command was still running when the session was reset."""


class Adapter:
    """Reads commands, runs each as a task of its own, answers each once.

    Args:
        travel: the clients' time.
        sink: where answers and events go.
    """

    def __init__(self, travel: Travel, sink: BinaryIO) -> None:
        self._travel = travel
        self._sink = sink
        self._actor: Actor | None = None
        self._running: dict[asyncio.Task[None], int] = {}
        self._own = asyncio.current_task()

    def begin(self, line: bytes) -> None:
        """Begin to obey one command."""
        try:
            order = msgspec.json.decode(line, type=dict[str, Any])
            number, command = order["id"], order["command"]
        except (msgspec.MsgspecError, KeyError) as error:
            log.warning("not a command (%r): %.200r", error, line)
            return
        task = asyncio.ensure_future(self._obey(number, command, order.get("params") or {}))
        self._running[task] = number
        task.add_done_callback(lambda done: self._running.pop(done, None))

    async def end(self) -> None:
        """The runner has gone."""
        await self._reset({})

    async def _obey(self, number: int, command: str, params: Params) -> None:
        try:
            answer = {"answer": "done", "result": await self._handler(command, params)(params)}
        except UnsupportedError as error:
            answer = {"answer": "unsupported", "reason": str(error)}
        except asyncio.CancelledError:
            record = {"kind": "local", "type": "Reset", "message": "dropped by a reset"}
            answer = {"answer": "error", "error": record}
        except Exception as error:  # noqa: BLE001 - whatever the client raises is its answer
            answer = {"answer": "error", "error": self._record(error)}
        self._write({"id": number, **answer})

    def _handler(self, command: str, params: Params) -> Handler:
        own: dict[str, Handler] = {
            "describe": self._describe,
            "advance": self._advance,
            "settle": self._settle,
            "reset": self._reset,
        }
        if command in own:
            return own[command]
        if command in OPENINGS and self._actor is None:
            self._actor = self._make(params.get("protocol", ""), OPENINGS[command])
        if self._actor is None or command not in self._actor.commands:
            raise UnsupportedError(f"the reference implementation has nothing for `{command}`")
        return self._actor.commands[command]

    def _make(self, protocol: str, role: Role) -> Actor:
        if protocol not in driven(role):
            raise UnsupportedError(f"no reference {role} speaks {protocol!r}")
        actor: Actor = driver_module(protocol, role).DRIVER(self._travel, self._tell)
        return actor

    def _record(self, error: Exception) -> Params:
        if self._actor is None:
            record: Params = {"kind": "local", "type": type(error).__name__, "message": str(error)}
            return record
        return {k: v for k, v in self._actor.record(error).items() if v is not None}

    def _tell(self, event: str, data: Params) -> None:
        self._write({"event": event, "data": data})

    def _write(self, line: Params) -> None:
        self._sink.write(msgspec.json.encode(line) + b"\n")
        self._sink.flush()

    async def _describe(self, _: Params) -> Params:
        # While the runner gets ready, load what the first `open` would have to wait for.
        asyncio.get_running_loop().call_later(0, importlib.import_module, "aiohttp")
        return {
            "contract": 1,
            "name": "understudy reference",
            "version": _version(),
            "language": f"python {platform.python_version()}",
            "implementations": _claims(),
        }

    async def _advance(self, params: Params) -> Params:
        return {"fired": await self._travel.advance(float(params.get("seconds", 0)))}

    async def _settle(self, _: Params) -> Params:
        await self._travel.quiet()
        if self._actor is not None:
            await self._actor.settle()
        await self._travel.quiet()
        return {}

    async def _reset(self, _: Params) -> Params:
        """Drop everything; the names of the tasks that the client did not end itself."""
        me = asyncio.current_task()
        commands = [task for task in self._running if task is not me]
        for task in commands:
            task.cancel()
        await asyncio.gather(*commands, return_exceptions=True)
        actor, self._actor = self._actor, None
        if actor is not None:
            actor.mute()
            await self._end(actor)
        left = asyncio.all_tasks() - {me, self._own}
        names = sorted(task.get_name() for task in left)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._travel.restart()
        return {"pending": names}

    async def _end(self, actor: Actor) -> None:
        """End the sessions; a silent peer is waited for on their clock alone."""
        ending = asyncio.ensure_future(actor.end())
        await asyncio.wait({ending}, timeout=PATIENCE_SECONDS)
        if not ending.done():
            await self._travel.advance(END_SECONDS)
            await asyncio.wait({ending}, timeout=PATIENCE_SECONDS)
        if not ending.done():
            ending.cancel()
        (outcome,) = await asyncio.gather(ending, return_exceptions=True)
        if isinstance(outcome, Exception):
            log.warning("ending the session failed: %r", outcome)


def _claims() -> list[Params]:
    """Every revision and role whose packages are installed."""
    from avatar_protocols.registry import PROTOCOLS

    claims: list[Params] = []
    for role in OPENINGS.values():
        for protocol in driven(role):
            for revision in PROTOCOLS[protocol].revisions.values():
                try:
                    claims += [_claim(revision, role)] if revision.status == "active" else []
                except ModuleNotFoundError as error:
                    log.warning("%s (%s) is left out: %s", protocol, role, error)
    return claims


def _claim(revision: RevisionInfo, role: Role) -> Params:
    claimed, missing = driver_module(revision.protocol, role).features(revision)
    return {
        "protocol": revision.protocol,
        "name": f"understudy reference {role}",
        "revisions": [revision.id],
        "roles": [role],
        "features": claimed,
        "missing": missing,
    }


def _version() -> str:
    try:
        return version("understudy")
    except PackageNotFoundError:
        return "development"


class _Lines(asyncio.Protocol):
    """Cuts what the runner sends into commands."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._rest = b""
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in filter(None, lines):
            self._adapter.begin(line)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(exc)


async def _standard_input(adapter: Adapter) -> _Lines:
    """The commands on standard input: a pipe as they come, a file or device to its end."""
    loop = asyncio.get_running_loop()
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty():
        _, lines = await loop.connect_read_pipe(lambda: _Lines(adapter), sys.stdin)
        return lines
    lines = _Lines(adapter)
    lines.data_received(await loop.run_in_executor(None, sys.stdin.buffer.read))
    await asyncio.sleep(0)  # the commands begin before the end is noticed
    lines.connection_lost(None)
    return lines


async def serve(selector: CountingSelector, address: str | None) -> None:
    """Serve the contract until the runner has gone."""
    loop = asyncio.get_running_loop()
    if address is None:
        adapter = Adapter(Travel(selector), CONTRACT_OUTPUT)
        lines = await _standard_input(adapter)
    else:
        host, _, port = address.rpartition(":")
        with socket.create_server((host or "127.0.0.1", int(port))) as server:
            log.warning("listening on %s", server.getsockname())
            connection, _ = await loop.run_in_executor(None, server.accept)
        adapter = Adapter(Travel(selector), connection.makefile("wb"))
        _, lines = await loop.connect_accepted_socket(lambda: _Lines(adapter), connection)
    await lines.ended
    await adapter.end()


def main() -> None:
    """Run the adapter."""
    arguments = argparse.ArgumentParser(description="Adapter of Understudy's reference clients.")
    arguments.add_argument("--listen", metavar="HOST:PORT", help="wait for one TCP connection")
    address: str | None = arguments.parse_args().listen
    if address is not None and not address.rpartition(":")[2].isdecimal():
        arguments.error(f"--listen takes HOST:PORT, not {address!r}")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    selector = CountingSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve(selector, address))


if __name__ == "__main__":
    main()
