"""``understudy serve``: mock platforms that stay up until they are told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from conformance import yaml
from conformance.reports.summary import printable
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mock_servers.server import Server

__all__ = ["TOKEN_VARIABLE", "ServeOptions", "serve"]

#: Environment variable that may hold the control token.
TOKEN_VARIABLE = "UNDERSTUDY_CONTROL_TOKEN"  # noqa: S105 - the variable's name

_SECONDS_BETWEEN_LOOKS = 0.25
_LONGEST_FAULT = 300


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to serve.

    Attributes:
        protocols: protocol ids, each with an optional revision: ``avatarkit``, ``liveavatar@0.2``.
        every: serve every protocol there is, besides those.
        host: address to listen on.
        port: port to listen on; 0 takes a free one. Platforms that need addresses of their own have
            the ports behind it.
        port_file: JSON file to write once everything runs: per protocol its URLs and credentials.
        seed: makes ids, secrets and content reproducible; None draws one and prints it.
        pace: whether answers take as long as the audio they carry.
        control_token: token for the control API; needed to listen beyond this machine. By default
            that of the environment variable ``UNDERSTUDY_CONTROL_TOKEN``.
        advertise: host name or address in the URLs that clients are given; by default ``host``, or
            this machine's own address where that is every one.
        snippets: print for each vendor's SDK how to point it at its platform.
        as_json: print what a port file holds, in one line, and nothing else.
        platforms: per protocol id further options of its platform, such as a plan.
    """

    protocols: tuple[str, ...] = ()
    every: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    port_file: str | None = None
    seed: int | None = None
    pace: bool = True
    control_token: str = ""
    advertise: str = ""
    snippets: bool = True
    as_json: bool = False
    platforms: dict[str, dict[str, Any]] = {}


def serve(
    options: ServeOptions,
    *,
    config: Path | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Serve until SIGINT or SIGTERM.

    Args:
        options: what the command line said; what it leaves at its default, the file may set.
        config: TOML, YAML or JSON file with the members of `ServeOptions`.
        say: prints a line for people.

    Returns:
        The exit status: 0 after a clean end.

    Raises:
        ConfigurationError: something that was asked for cannot work.
        OSError: the address is not free, or a file cannot be read or written.
    """
    if config is not None:
        options = _merge(options, _load(config))
    return asyncio.run(_serve(options, say))


async def _serve(options: ServeOptions, say: Callable[[str], None]) -> int:
    server, seed = _build(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int, frame: object) -> None:  # noqa: ARG001 - the form of a handler
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, on_signal)
    try:
        await server.start()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"cannot listen there: {reason}",
            setting="--host, --port",
            value=f"{options.host}:{options.port}",
            hint="choose another port, with free ones behind it; 0 takes free ones",
        ) from error
    written = False
    try:
        if options.port_file is not None:
            _write(Path(options.port_file), server)
            written = True
        for line in _report(server, seed, options):
            say(line)
        if options.as_json:
            await stop.wait()
        else:
            await _tell_faults(server, stop, say)
            say("stopping")
    finally:
        await server.stop()
        if written:
            _forget(options)
    return 0


async def _tell_faults(server: Server, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Say what clients send that is not what the protocol wants, until it is time to stop."""
    heard = dict.fromkeys(server.mounts, 0)
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_BETWEEN_LOOKS):
                await stop.wait()
        for name, platform in server.mounts.items():
            records = platform.journal.since(heard[name])
            for record in records:
                for problem in record.problems if record.sender == "client" else ():
                    text = f"{name} #{record.seq} {record.name or record.kind}: {problem}"
                    say(printable(text, _LONGEST_FAULT))
            if records:
                heard[name] = records[-1].seq


def _build(options: ServeOptions) -> tuple[Server, int]:
    from mock_servers import mock, platforms
    from mock_servers.server import Server

    wanted: dict[str, str | None] = {}
    for protocol, revision in map(_parse, options.protocols):
        if wanted.setdefault(protocol, revision) != revision:
            raise ConfigurationError(
                "one revision of a protocol at a time; serve the other one by a command of its own",
                setting="protocols",
                value=protocol,
            )
    if options.every:
        wanted = {**dict.fromkeys(platforms()), **wanted}
    if not wanted:
        raise ConfigurationError(
            "name at least one protocol, or ask for all with --all",
            setting="protocols",
            hint=f"known: {', '.join(platforms())}",
        )
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    token = options.control_token or os.environ.get(TOKEN_VARIABLE, "")
    server = Server(
        host=options.host,
        port=options.port,
        control_token=token,
        advertise=options.advertise,
    )
    for protocol, revision in wanted.items():
        extra = {"seed": seed, "pace": options.pace, **options.platforms.get(protocol, {})}
        server.mount(mock(protocol, revision, **extra))
    for protocol in options.platforms:
        if protocol not in wanted:
            raise ConfigurationError(
                "options of a platform that is not served",
                setting=f"platforms.{protocol}",
                hint=f"served: {', '.join(wanted)}",
            )
    return server, seed


def _parse(item: str) -> tuple[str, str | None]:
    protocol, _, revision = item.partition("@")
    return protocol, revision or None


def _report(server: Server, seed: int, options: ServeOptions) -> list[str]:
    """What is said once everything runs; the line about the control API is the last one."""
    if options.as_json:
        return [json.dumps(_describe(server))]
    lines = [f"understudy on http://{server.address}, seed {seed}"]
    for name, platform in server.mounts.items():
        lines.append(f"{name} {platform.revision}")
        settings = {**platform.urls, **platform.credentials}
        width = max(map(len, settings))
        lines += [f"  {key:<{width}}  {value}" for key, value in settings.items()]
    if options.snippets:
        lines += _snippets(server)
    token = ", with Authorization: Bearer and your control token" if server.control_token else ""
    lines.append(f"control http://{server.address}/_understudy/health{token}; stop with Ctrl-C")
    return lines


def _snippets(server: Server) -> list[str]:
    from understudy.snippets import snippets

    return [
        f"\n# ---- {sdk} -> {name} {platform.revision} {'-' * 30}\n{text}\n"
        for name, platform in server.mounts.items()
        for sdk, text in snippets(platform).items()
    ]


def _describe(server: Server) -> dict[str, Any]:
    return {name: platform.describe() for name, platform in server.mounts.items()}


def _write(path: Path, server: Server) -> None:
    """Write the port file in one step, so that nobody ever reads half of it."""
    text = json.dumps(_describe(server), indent=2) + "\n"
    partial = path.parent / f"{path.name}.{os.getpid()}"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or error
        raise ConfigurationError(
            f"cannot be written: {reason}", setting="--port-file", value=str(path)
        ) from error


def _forget(options: ServeOptions) -> None:
    if options.port_file is not None:
        Path(options.port_file).unlink(missing_ok=True)


_READERS: dict[str, Callable[[str], Any]] = {
    ".toml": msgspec.toml.decode,
    ".json": msgspec.json.decode,
    ".yaml": yaml.load,
    ".yml": yaml.load,
}


def _load(path: Path) -> dict[str, Any]:
    if path.suffix not in _READERS:
        raise ConfigurationError(
            f"a configuration file ends in {', '.join(_READERS)}", setting=path.name
        )
    try:
        document: dict[str, Any] = _READERS[path.suffix](path.read_text(encoding="utf-8"))
        msgspec.convert(document, ServeOptions)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        # Both msgspec's own errors and those of the parsers below it; some of them tell lines.
        raise ConfigurationError(" ".join(str(error).split()), setting=path.name) from error
    return document


def _merge(options: ServeOptions, document: dict[str, Any]) -> ServeOptions:
    """The file's values, and over them what the command line changed from its defaults."""
    defaults = ServeOptions()
    chosen = {
        name: getattr(options, name)
        for name in ServeOptions.__struct_fields__
        if getattr(options, name) != getattr(defaults, name)
    }
    return msgspec.convert({**document, **chosen}, ServeOptions)
