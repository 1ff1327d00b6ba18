"""What every adapter of a vendor's SDK owes the contract, whatever the SDK does."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter

import pytest

from avatar_protocols.registry import PROTOCOLS
from conformance import contract
from conformance.vendors import vendors

MARK = "# --- the {} side"
ADAPTERS = sorted({vendor.adapter for vendor in vendors()})
ROLES = {"aiavatar_server": ["server"], "videosdk": ["client", "server"]}
#: Clients that have a callback for the end of a session.
CALLING_BACK = ("avatarkit", "liveavatar", "akool")
#: How many events of what the stubs' timers, four of them in 42 seconds, lead to.
TICKS = {
    "avatarkit": ("frame", 4),
    "liveavatar": ("idle", 2),
    "akool": ("message", 1 + 2),  # the first one tells what connect() was given
    "videosdk": ("fault", 0),  # the SDK calls back for nothing
    "aiavatar_client": ("stop", 2),
}


def contract_side(path):
    """The part of an adapter that is the contract's, from its mark to the next."""
    source = path.read_text(encoding="utf-8")
    start = source.index(MARK.format("contract's"))
    return source[start : source.index(MARK.format("implementation's"))]


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_contract_side_is_the_same_in_all(adapters, name):
    assert contract_side(adapters / name) == contract_side(adapters / ADAPTERS[0])


def test_every_adapter_is_looked_at(adapters):
    others = {path.name for path in adapters.glob("*.py")} - {*ADAPTERS}
    assert others == {"reference.py"}
    assert len(ADAPTERS) == 6


def concerned(text, role, revision):
    """Whether a feature is one of this role and revision; some end in (server), (0.9) or both."""
    tags = re.search(r" \(([^()]*)\)$", text)
    told = tags[1].split(", ") if tags is not None else []
    versions = [tag for tag in told if tag[0].isdigit()]
    return ("server" in told) == (role == "server") and revision in (versions or [revision])


async def test_describe_is_what_the_runner_reads(talk):
    kind, result = await talk.ask("describe")
    assert kind == "done"
    description = contract.parse_description(result)
    revisions = {vendor.adapter: vendor.revision for vendor in vendors()}
    roles = [role for claim in description.implementations for role in claim.roles]
    assert roles == ROLES.get(talk.name, ["client"])
    for claim in description.implementations:
        assert claim.protocol == talk.protocol
        assert "clock" in claim.features
        assert not set(claim.features) & set(claim.missing)
        assert all(claim.missing.values())
        told = {*claim.features, *claim.missing}
        known, (role,) = PROTOCOLS[talk.protocol].features, claim.roles
        revision = revisions[f"{talk.name}.py"]
        assert told - {"triggers"} <= known.keys()  # that one is the contract's own
        expected = {name for name, text in known.items() if concerned(text, role, revision)}
        assert expected - told == set()


async def test_each_command_gets_one_answer_and_garbage_none(talk):
    talk.post_bytes(b'\n\xff\xfe\n[1]\n{}\n{"id": true, "command": "describe"}\n{"id": 1\n')
    numbers = [talk.post(command) for command in ("describe", "dance", "interrupt", "settle")]
    await talk.answer(numbers[-1])
    numbers.append(talk.post("reset"))
    talk.post_bytes(b'{"id": 99, "command": "describe", "params": [1]}\n')
    await talk.answer(99)
    status, log = await talk.leave()
    assert status == 0
    answers = Counter(line["id"] for line in talk.lines)
    assert answers == Counter([*numbers, 99])
    assert {line["id"]: line["answer"] for line in talk.lines} == {
        1: "done",
        2: "unsupported",
        3: "unsupported",
        4: "done",
        5: "done",
        99: "unsupported",
    }
    assert log.count("not a command") == 6


async def test_what_the_sdk_prints_goes_to_stderr(talk):
    serving = talk.ask("serve") if talk.name == "aiavatar_server" else None
    assert (await (serving or talk.open("echo", join=False)))[0] == "done"
    status, log = await talk.leave()
    assert status == 0
    assert "the stub was imported" in log
    assert "the stub starts" in log


@pytest.mark.parametrize("client", CALLING_BACK, indirect=True)
async def test_every_callback_is_reported_as_often_as_it_fires(client):
    await client.open("echo")
    assert await client.ask("close") == ("done", None)
    assert len(client.events("closed")) == 2


@pytest.mark.parametrize("client", CALLING_BACK, indirect=True)
async def test_a_failing_callback_reports_first(client):
    await client.open("echo", callbacks={"closed": "raise"})
    await client.ask("close")
    assert len(client.events("closed")) == 2
    assert (await client.leave())[1].count("callback failed: the scenario") == 2 + 2  # close, end


async def test_commands_overlap_and_settle_does_not_wait_for_them(client):
    opening = client.post_open("hang", join=False)
    assert await client.ask("settle") == ("done", None)
    assert not any(line.get("id") == opening for line in client.lines)
    assert await client.ask("reset") == ("done", {"pending": []})
    error = (await client.answer(opening))["error"]
    assert (error["kind"], error["type"]) == ("local", "Reset")


async def test_advance_stops_at_each_timer(client):
    await client.open("ticks", join=False)
    kind, result = await client.ask("advance", seconds=42)
    assert (kind, result["fired"]) == ("done", 4)
    event, count = TICKS[client.name]
    assert len(client.events(event)) == count


async def test_reset_names_what_is_left_and_silences_it(client):
    await client.open("ticks", join=False)
    kind, result = await client.ask("reset")
    assert (kind, [name.rsplit(".", 1)[-1] for name in result["pending"]]) == ("done", ["_tick"])
    seen = len(client.events())
    await client.ask("advance", seconds=60)
    assert len(client.events()) == seen
    assert await client.ask("reset") == ("done", {"pending": []})


@pytest.mark.parametrize("seconds", [None, "1", True])
async def test_unreadable_parameters_are_the_adapters_refusal(talk, seconds):
    kind, reason = await talk.ask("advance", seconds=seconds)
    assert kind == "unsupported"
    assert "seconds" in reason


async def test_attach(talk_to, attach):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    waiting = await talk_to("avatarkit", "--listen", f"127.0.0.1:{port}")
    while b"listening" not in await asyncio.wait_for(waiting.process.stderr.readline(), timeout=20):
        continue
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    talk = attach(waiting.process, reader, writer)
    assert (await talk.ask("describe"))[0] == "done"
    assert (await talk.leave())[0] == 0
