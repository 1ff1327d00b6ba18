from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import process
from conformance.process import LinkError, attach, spawn
from tests.conformance.helpers import FAKES

if TYPE_CHECKING:
    from conformance.process import Link


class Ear:
    """Hears what a link says."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.long: list[int] = []
        self.reasons: list[str] = []
        self.news = asyncio.Event()

    def line_received(self, line: bytes) -> None:
        self.lines.append(line)
        self.news.set()

    def line_too_long(self, size: int) -> None:
        self.long.append(size)
        self.news.set()

    def link_ended(self, reason: str) -> None:
        self.reasons.append(reason)
        self.news.set()

    async def until(self, what: str) -> None:
        while not getattr(self, what):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 10)


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", code)


async def test_lines_in_both_directions() -> None:
    ear = Ear()
    link = await spawn(
        python("import sys\nfor l in sys.stdin: print(l.strip()[::-1], flush=True)"), ear
    )
    link.send(b"abc")
    await ear.until("lines")
    assert ear.lines == [b"cba"]
    await link.close()
    assert ear.reasons == []


async def test_lines_are_cut_wherever_the_bytes_come_in_pieces() -> None:
    ear = Ear()
    lines = process._Lines(ear)
    for piece in (b"a", b"b\nc", b"d\n\nef\ng"):
        lines.feed(piece)
    assert ear.lines == [b"ab", b"cd", b"", b"ef"]


async def test_a_line_without_end_is_dropped_once_and_the_next_one_is_heard() -> None:
    ear = Ear()
    lines = process._Lines(ear)
    for _ in range(40):
        lines.feed(b"x" * (1 << 20))
    lines.feed(b"tail\nnext\n")
    assert len(ear.long) == 1
    assert ear.lines == [b"next"]


async def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(LinkError, match=r"no-such-program.*check the command"):
        await spawn(("no-such-program",), Ear())


async def test_an_empty_command_is_refused() -> None:
    with pytest.raises(LinkError):
        await spawn((" ",), Ear())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit(3)", "exited with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    ],
)
async def test_the_end_is_reported_with_its_reason(code: str, reason: str) -> None:
    ear = Ear()
    link = await spawn(python(code), ear)
    await ear.until("reasons")
    assert reason in ear.reasons[0]
    await link.close()
    assert len(ear.reasons) == 1


async def test_the_log_keeps_its_end() -> None:
    ear = Ear()
    link = await spawn((sys.executable, "-S", str(FAKES), "loud"), ear)
    link.send(b'{"id": 1, "command": "open"}')
    await ear.until("reasons")
    assert link.log().endswith("END")
    assert len(link.log()) <= process.STDERR_TAIL_BYTES
    await link.close()


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")
async def test_no_process_of_the_group_outlives_the_link() -> None:
    ear = Ear()
    code = "import os, time\npid = os.fork()\nprint(pid or os.getpid(), flush=True)\ntime.sleep(60)"
    link = await spawn(python(code), ear)
    await ear.until("lines")
    await link.close()
    grandchild = int(ear.lines[0])
    for _ in range(1000):
        if not _alive(grandchild):
            break
        await asyncio.sleep(0.005)  # the system reaps it when it comes to it
    assert not _alive(grandchild)


@pytest.mark.skipif(os.name != "posix", reason="fork is POSIX")
async def test_a_grandchild_that_holds_the_pipes_does_not_hide_the_end() -> None:
    ear = Ear()
    link = await spawn((sys.executable, "-S", str(FAKES), "grandchild"), ear)
    link.send(b'{"id": 1, "command": "open"}')
    await ear.until("reasons")
    assert "status 3" in ear.reasons[0]
    await link.close()


async def test_a_child_may_leave_by_itself() -> None:
    ear = Ear()
    link = await spawn(python("import sys\nsys.stdin.read()"), ear)
    await link.close(grace=5.0)
    link.send(b"too late")
    assert ear.reasons == []


async def test_attaching_to_a_listener() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ear = Ear()
    link: Link = await attach("127.0.0.1", server.sockets[0].getsockname()[1], ear)
    link.send(b"hello")
    await ear.until("lines")
    await ear.until("reasons")
    assert ear.lines == [b"hello"]
    assert "closed the connection" in ear.reasons[0]
    assert link.log() == ""
    await link.close()
    server.close()
    await server.wait_closed()


async def test_nothing_to_attach_to() -> None:
    with pytest.raises(LinkError, match="cannot attach"):
        await attach("127.0.0.1", 1, Ear())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True
