"""What both adapters owe the contract, whatever the SDK behind them does."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from avatar_protocols.registry import PROTOCOLS
from conformance import contract

MARK = "# --- the {} side"


def test_the_contract_side_is_the_same_in_both(adapters):
    sides = set()
    for name in ("avatarkit", "liveavatar"):
        source = (adapters / f"{name}.py").read_text(encoding="utf-8")
        start = source.index(MARK.format("contract's"))
        sides.add(source[start : source.index(MARK.format("implementation's"))])
    assert len(sides) == 1


async def test_describe_is_what_the_runner_reads(talk):
    kind, result = await talk.ask("describe")
    assert kind == "done"
    description = contract.parse_description(result)
    (claim,) = description.implementations
    assert claim.protocol == talk.name
    assert list(claim.roles) == ["client"]
    assert "clock" in claim.features
    assert not set(claim.features) & set(claim.missing)
    assert all(claim.missing.values())
    known = PROTOCOLS[talk.name].features
    of_clients = {name for name, text in known.items() if not text.endswith("(server)")}
    assert set(claim.features) | set(claim.missing) == of_clients


async def test_each_command_gets_one_answer_and_garbage_none(talk):
    talk.post_bytes(b'\n\xff\xfe\n[1]\n{}\n{"id": true, "command": "describe"}\n{"id": 1\n')
    numbers = [talk.post(command) for command in ("describe", "dance", "close", "settle")]
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
    assert (await talk.open("echo"))[0] == "done"
    status, log = await talk.leave()
    assert status == 0
    assert "the stub was imported" in log
    assert "the stub starts" in log


async def test_every_callback_is_reported_as_often_as_it_fires(talk):
    await talk.open("echo")
    assert await talk.ask("close") == ("done", None)
    assert len(talk.events("closed")) == 2


async def test_a_failing_callback_reports_first(talk):
    await talk.open("echo", callbacks={"closed": "raise"})
    await talk.ask("close")
    assert len(talk.events("closed")) == 2
    assert (await talk.leave())[1].count("callback failed: the scenario") == 2 + 2  # close, end


async def test_commands_overlap_and_settle_does_not_wait_for_them(talk):
    opening = talk.post(
        "open", urls={"ingress": "stub:hang", "base": "stub:hang"}, credentials={"api_key": "k"}
    )
    assert await talk.ask("settle") == ("done", None)
    assert not any(line.get("id") == opening for line in talk.lines)
    assert await talk.ask("reset") == ("done", {"pending": []})
    error = (await talk.answer(opening))["error"]
    assert (error["kind"], error["type"]) == ("local", "Reset")


async def test_advance_stops_at_each_timer(talk):
    await talk.open("ticks")
    kind, result = await talk.ask("advance", seconds=42)
    assert (kind, result["fired"]) == ("done", 4)
    ticking = "frame" if talk.name == "avatarkit" else "idle"
    assert len(talk.events(ticking)) == (4 if talk.name == "avatarkit" else 2)


async def test_reset_names_what_is_left_and_silences_it(talk):
    await talk.open("ticks")
    kind, result = await talk.ask("reset")
    assert (kind, [name.rsplit(".", 1)[-1] for name in result["pending"]]) == ("done", ["_tick"])
    seen = len(talk.events())
    await talk.ask("advance", seconds=60)
    assert len(talk.events()) == seen
    assert await talk.ask("reset") == ("done", {"pending": []})


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
