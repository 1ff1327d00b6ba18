"""Carries an adapter's bytes: a child process with pipes, or a TCP connection to a running one.

The peer is untrusted. It may crash, hang, flood, or print anything at all. Whatever it does, this
module keeps memory bounded, hands over complete lines only, says once why the link ended, and
leaves no process of its group behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MAX_LINE_BYTES", "Link", "LinkError", "LinkListener", "attach", "spawn"]

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Longest line an adapter may print, in bytes: a few times any protocol's largest message."""

STDERR_TAIL_BYTES = 64 * 1024
"""How much of an adapter's log is kept for the report, in bytes; older output is dropped."""

LAST_WORDS_SECONDS = 0.25
"""How long the pipes of an exited process are read while others hold them open, in seconds."""

_KILL_SECONDS = 5.0
"""How long the system may take to end a process that was killed."""

_POSIX = os.name == "posix"


class LinkError(Exception):
    """An adapter could not be started or reached; the message says why and what to do."""


class LinkListener(Protocol):
    """Who is told what arrives on a link. Called on the event loop's thread."""

    def line_received(self, line: bytes) -> None:
        """A complete line, without its newline."""

    def line_too_long(self, size: int) -> None:
        """A line passed `MAX_LINE_BYTES`; ``size`` bytes had arrived and were dropped."""

    def link_ended(self, reason: str) -> None:
        """Nothing more will arrive. Called once; not called for an end that we asked for."""


class _Lines:
    """Cuts a byte stream into lines, with a bound."""

    __slots__ = ("_buffer", "_listener", "_skipping")

    def __init__(self, listener: LinkListener) -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> None:
        buffer = self._buffer
        searched = len(buffer)
        buffer += data
        if b"\n" not in data:
            self._check_length()
            return
        start = 0
        while (end := buffer.find(b"\n", max(start, searched))) >= 0:
            if self._skipping:
                self._skipping = False
            elif end - start > MAX_LINE_BYTES:
                self._listener.line_too_long(end - start)
            else:
                self._listener.line_received(bytes(buffer[start:end]))
            start = end + 1
        del buffer[:start]
        self._check_length()

    def _check_length(self) -> None:
        size = len(self._buffer)
        if size > MAX_LINE_BYTES:
            self._buffer.clear()
            if not self._skipping:
                self._skipping = True
                self._listener.line_too_long(size)


class _Tail:
    """The last bytes of a log."""

    __slots__ = ("_chunks", "_size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._chunks.append(data[-STDERR_TAIL_BYTES:])
        self._size += len(self._chunks[-1])
        while self._size - len(self._chunks[0]) >= STDERR_TAIL_BYTES:
            self._size -= len(self._chunks.popleft())

    def text(self) -> str:
        return b"".join(self._chunks)[-STDERR_TAIL_BYTES:].decode("utf-8", errors="replace")


class Link(Protocol):
    """A way to an adapter."""

    def send(self, line: bytes) -> None:
        """Send one line; the newline is added. Harmless on a link that has ended."""

    def log(self) -> str:
        """The end of what the adapter wrote to stderr; "" if that cannot be seen."""
        ...

    async def close(self, grace: float = 0.0) -> None:
        """End the link. A child has ``grace`` seconds to leave; then its group is killed."""


class _Child(asyncio.SubprocessProtocol):
    """A child process: lines on its stdin and stdout, free text on its stderr."""

    def __init__(self, listener: LinkListener) -> None:
        self._listener = listener
        self._lines = _Lines(listener)
        self._tail = _Tail()
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._exited = asyncio.get_running_loop().create_future()
        self._quiet = False  # whether the listener need not hear of the end (any more)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._lines.feed(data)
        else:
            self._tail.feed(data)

    def process_exited(self) -> None:
        self._exited.set_result(None)
        # Its last words may still be in the pipes; a grandchild may keep them open for ever.
        asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self._ended)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the exit status says more
        self._ended()

    def _ended(self) -> None:
        if not self._quiet and self._transport is not None:
            self._quiet = True
            self._listener.link_ended(_exit_reason(self._transport.get_returncode()))

    def send(self, line: bytes) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(line + b"\n")

    def log(self) -> str:
        return self._tail.text()

    async def close(self, grace: float = 0.0) -> None:
        self._quiet = True
        if self._transport is None:
            return
        if self._stdin is not None:
            self._stdin.close()
        if grace > 0:
            await self._exit(grace)
        self._kill_group()
        # Only then is the transport closed: closing it would reap the child behind asyncio's back.
        await self._exit(_KILL_SECONDS)
        self._transport.close()

    async def _exit(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._exited), seconds)

    def _kill_group(self) -> None:
        assert self._transport is not None  # noqa: S101 - checked by the caller
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if _POSIX:
                # The child leads its own group, whose id stays valid as long as any member lives.
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            else:
                self._transport.kill()


class _Socket(asyncio.Protocol):
    """A TCP connection to an adapter that somebody else started, for instance under a debugger."""

    def __init__(self, listener: LinkListener) -> None:
        self._listener = listener
        self._lines = _Lines(listener)
        self._transport: asyncio.Transport | None = None
        self._asked_to_leave = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._lines.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._asked_to_leave:
            detail = f": {exc}" if exc is not None else ""
            self._listener.link_ended(f"the attached adapter closed the connection{detail}")

    def send(self, line: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line + b"\n")

    def log(self) -> str:
        return ""

    async def close(self, grace: float = 0.0) -> None:  # noqa: ARG002 - its process is not ours to wait for
        self._asked_to_leave = True
        if self._transport is not None:
            self._transport.close()


async def spawn(
    command: Sequence[str],
    listener: LinkListener,
    *,
    env: Mapping[str, str] | None = None,
) -> Link:
    """Start an adapter.

    Args:
        command: program and arguments; no shell is involved.
        listener: told what the adapter prints.
        env: environment variables besides our own.

    Raises:
        LinkError: there is no such program, or it may not be run.
    """
    loop = asyncio.get_running_loop()
    try:
        _, child = await loop.subprocess_exec(
            lambda: _Child(listener),
            *command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            start_new_session=_POSIX,
        )
    except (OSError, ValueError) as error:
        program = command[0] if command else ""
        raise LinkError(
            f"cannot start the adapter {program!r}: {_os_text(error)}; check the command"
        ) from error
    return child


async def attach(host: str, port: int, listener: LinkListener) -> Link:
    """Reach an adapter that listens on a TCP port.

    Raises:
        LinkError: nothing listens there.
    """
    loop = asyncio.get_running_loop()
    try:
        _, socket = await loop.create_connection(lambda: _Socket(listener), host, port)
    except OSError as error:
        raise LinkError(
            f"cannot attach to an adapter at {host}:{port}: {_os_text(error)}; "
            "start the adapter first"
        ) from error
    return socket


def _os_text(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _exit_reason(status: int | None) -> str:
    if status is None:
        return "the adapter closed its pipes"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"the adapter's process was killed by {signal.Signals(-status).name}"
        return f"the adapter's process was killed by signal {-status}"
    return f"the adapter's process exited with status {status}"
