from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.adapter import (
    Adapter,
    AdapterFault,
    AdapterTarget,
    ContractFault,
    ImplementationFault,
    parse_address,
)
from conformance.process import LinkError
from tests.conformance.helpers import REFERENCE, fake

if TYPE_CHECKING:
    from conformance.contract import Answer, Event


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.fault: AdapterFault | None = None

    def answer_received(self, command: str, answer: Answer) -> None:
        self.heard.append(f"{command}:{answer.answer}")

    def event_received(self, event: Event) -> None:
        self.heard.append(event.event)

    def fault_occurred(self, fault: AdapterFault) -> None:
        self.fault = fault


async def test_describe_comes_first() -> None:
    adapter = await Adapter.start(fake())
    assert adapter.description.name == "fake"
    assert adapter.fault is None
    await adapter.close()


async def test_a_listener_hears_events_and_answers_in_their_order() -> None:
    adapter = await Adapter.start(fake("event"))
    ear = Ear()
    adapter.listen(ear)
    answer = await adapter.request("open", {}, deadline=5)
    assert answer.answer == "done"
    assert ear.heard == ["opened", "open:done"]
    adapter.listen(None)
    await adapter.request("open", deadline=5)
    assert len(ear.heard) == 2
    await adapter.close()


async def test_answers_may_come_out_of_order() -> None:
    adapter = await Adapter.start(fake())
    futures = [adapter.send(name)[1] for name in ("close", "settle", "close")]
    answers = await asyncio.gather(*futures)
    assert [answer.id for answer in answers] == [2, 3, 4]
    await adapter.close()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("crash", "exited with status 7"),
        ("segfault", "killed by SIGSEGV"),
        ("hang", "no answer to `open` within 0.3 s"),
    ],
)
async def test_what_the_implementation_does_wrong(mode: str, message: str) -> None:
    adapter = await Adapter.start(fake(mode))
    ear = Ear()
    adapter.listen(ear)
    with pytest.raises(ImplementationFault, match=message):
        await adapter.request("open", deadline=0.3 if mode == "hang" else 10)
    assert isinstance(ear.fault, ImplementationFault)
    with pytest.raises(ImplementationFault):
        await adapter.request("close", deadline=1)
    await adapter.close()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("garbage", "Traceback"),
        ("utf8", "no answer and no event"),
        ("huge", "a line of at least"),
        ("stranger", "answered id 999"),
        ("kind", "perhaps"),
        ("flood", "floods"),
    ],
)
async def test_what_the_adapter_does_wrong(mode: str, message: str) -> None:
    adapter = await Adapter.start(fake(mode))
    with pytest.raises(ContractFault, match=message):
        await adapter.request("open", deadline=20)
    await adapter.close()


async def test_a_second_answer_is_a_fault() -> None:
    adapter = await Adapter.start(fake("twice"))
    await adapter.request("open", deadline=5)
    with pytest.raises(ContractFault, match="exactly once"):
        await adapter.request("close", deadline=5)
    await adapter.close()


async def test_stderr_is_no_failure() -> None:
    adapter = await Adapter.start(fake("stderr"))
    assert (await adapter.request("open", deadline=5)).answer == "done"
    await adapter.request("close", deadline=5)
    while "something to say" not in adapter.log():
        await adapter.request("settle", deadline=5)
    await adapter.close()


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("liar", "breaks the contract"),
        ("refuses", "was 'unsupported'"),
        ("leaves", "exited with status 0"),
        ("explodes", "status 1; it last said: no module named that"),
    ],
)
async def test_an_adapter_that_does_not_describe_itself(mode: str, message: str) -> None:
    with pytest.raises(AdapterFault, match=message):
        await Adapter.start(fake(mode))


async def test_an_adapter_that_never_describes_itself() -> None:
    with pytest.raises(ImplementationFault, match="`describe`"):
        await Adapter.start(fake("mute"), deadline=0.2)


async def test_an_adapter_that_is_not_there() -> None:
    with pytest.raises(LinkError):
        await Adapter.start(AdapterTarget(command=("no-such-adapter",)))


async def test_attaching_to_a_running_adapter() -> None:
    port = _free_port()
    command = (sys.executable, str(REFERENCE), "--listen", f"127.0.0.1:{port}")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    assert b"listening" in await process.stderr.readline()
    adapter = await Adapter.start(AdapterTarget(host="127.0.0.1", port=port))
    assert adapter.description.name == "understudy reference"
    await adapter.close()
    assert await process.wait() == 0


def test_addresses() -> None:
    assert parse_address(":90") == AdapterTarget(host="127.0.0.1", port=90)
    assert parse_address("box:1") == AdapterTarget(host="box", port=1)
    for bad in ("", "x", "x:", "x:y", "x:0", "x:70000"):
        with pytest.raises(LinkError, match="HOST:PORT"):
            parse_address(bad)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
