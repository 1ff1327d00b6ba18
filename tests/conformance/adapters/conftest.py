"""Talks to an adapter in a process of its own, with a stub in the place of the vendor's package."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from avatar_protocols import schemas
from conformance import contract

HERE = Path(__file__).parent
ADAPTERS = HERE.parents[2] / "conformance" / "adapters"

#: Each adapter of a vendor's SDK, and what it speaks.
CLIENTS = {
    "avatarkit": "avatarkit",
    "liveavatar": "liveavatar",
    "akool": "akool",
    "videosdk": "videosdk",
    "aiavatar_client": "aiavatar",
}
SERVERS = {"aiavatar_server": "aiavatar"}
#: An account that no platform knows; the room of a session can be joined later.
ACCOUNT = {"secret": "s" * 32, "room_id": "r"}


def read(line):
    """Every line of every test has to be one that the schemas and the runner accept."""
    try:
        contract.parse_line(line)
        message = json.loads(line)
        schemas.adapter_validator("event" if "event" in message else "answer").validate(message)
    except (contract.ContractError, ValueError) as error:
        return {"garbage": f"{error}: {line}"}
    return message


class Talk:
    """One adapter process; every line it prints is kept."""

    def __init__(self, process, reader, writer):
        self.process, self._reader, self._writer = process, reader, writer
        self.lines, self._number, self._news = [], 0, asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self._reader:
            async with self._news:
                self.lines.append(read(line))
                self._news.notify_all()

    def post(self, command, **params):
        self._number += 1
        line = {"id": self._number, "command": command, "params": params}
        self.post_bytes(json.dumps(line).encode() + b"\n")
        return self._number

    def post_bytes(self, data):
        self._writer.write(data)

    async def until(self, matches):
        async with self._news:
            await asyncio.wait_for(
                self._news.wait_for(lambda: any(map(matches, self.lines))), timeout=20
            )
        return next(filter(matches, self.lines))

    async def answer(self, number):
        return await self.until(lambda line: line.get("id") == number)

    async def ask(self, command, **params):
        return await self.answer_in_short(self.post(command, **params))

    async def answer_in_short(self, number):
        answer = await self.answer(number)
        return answer["answer"], answer.get("result") or answer.get("error") or answer.get("reason")

    async def open(self, base, **settings):
        return await self.answer_in_short(self.post_open(base, **settings))

    def post_open(self, base, **settings):
        """Open a session in which the stub shows a behaviour, whatever its protocol calls URLs."""
        urls = dict.fromkeys(("ingress", "base", "discovery", "dispatcher"), f"stub:{base}")
        urls |= {"console": "stub", "websocket": f"stub:{base}", "http": f"stub:{base}"}
        options = {"api_key": "k", "avatar_id": "a", "app_id": "p"} | settings
        return self.post("open", urls=urls, credentials=ACCOUNT, options=options)

    def events(self, name=None):
        return [
            line["data"]
            for line in self.lines
            if name in (None, line.get("event")) and "data" in line
        ]

    async def leave(self):
        """End its input; its exit status and what it wrote to stderr."""
        self._writer.close()
        await self._reading
        assert not [line["garbage"] for line in self.lines if "garbage" in line]
        log = await self.process.stderr.read()
        return await self.process.wait(), log.decode()


@pytest.fixture
async def talk_to():
    talks = []

    async def start(name, *arguments, **environment):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ADAPTERS / f"{name}.py"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(HERE / "stubs"), **environment},
        )
        talks.append(Talk(process, process.stdout, process.stdin))
        return talks[-1]

    yield start
    for talk in talks:
        if talk.process.returncode is None:
            await asyncio.wait_for(talk.leave(), timeout=10)


@pytest.fixture
def attach():
    return Talk


@pytest.fixture
def adapters():
    return ADAPTERS


async def talk_about(name, talk_to):
    talk = await talk_to(name)
    talk.name = name
    talk.protocol = (CLIENTS | SERVERS)[name]
    return talk


@pytest.fixture(params=[*CLIENTS, *SERVERS])
async def talk(request, talk_to):
    """Every adapter, in turn."""
    return await talk_about(request.param, talk_to)


@pytest.fixture(params=CLIENTS)
async def client(request, talk_to):
    """Every adapter of clients, in turn."""
    return await talk_about(request.param, talk_to)
