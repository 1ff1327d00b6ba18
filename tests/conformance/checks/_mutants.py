"""Trace mutants: a good recording, broken on purpose in one place, must trip the right check.

Each row of a table names a check, a scenario, what to change in its recording, and what the failure
must say. The recordings are made once, by playing the scenarios with Understudy's own peers.

    - check: LAC-HS-002
      scenario: handshake/again
      mutate:
        - {at: {kind: message, name: session.ready}, nth: -1, drop: true}
      says: was not answered

``at`` is a piece of a record; ``nth`` picks one of those that match (0 is the first, -1 the last),
``every: true`` takes all, and ``optional: true`` does not mind if there is none. Then comes one of

    drop: true                    leave it out
    twice: true                   repeat it right after itself
    set: {data.seq: 7}            change members; a dot leads deeper
    unset: [data.timestamp]       leave members out
    hex: 40 01 …                  other bytes for a binary message
    add: {…}                      a further record right after it; ``add_before`` right before it;
                                  ``hex`` or ``zeros`` (a number of bytes) says what it carried
    to: {after: {…}, nth: 0}      move it after (or ``before``) another one
"""

from __future__ import annotations

import asyncio
import base64
import copy
from typing import TYPE_CHECKING, Any

import msgspec

from avatar_protocols.trace import Record
from conformance import yaml
from conformance.adapter import AdapterTarget
from conformance.scenario import Scenario, discover
from conformance.stage.base import Deadlines
from conformance.target import ServerTarget, Target, resolve
from conformance.trace import Trace, read_trace
from conformance.worker import Job, Setup, Worker
from mock_servers.matching import matches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from conformance.worker import Report

__all__ = ["load_rows", "mutated", "record", "verdicts"]

Document = dict[str, Any]


def load_rows(path: Path, table: str) -> list[Document]:
    """The rows of one table of a file of mutants."""
    rows: list[Document] = yaml.load(path.read_text(encoding="utf-8"))[table]
    return rows


def record(
    protocol: str, role: str, names: Iterable[str], folder: Path, command: tuple[str, ...] = ()
) -> dict[str, Trace]:
    """Play scenarios with Understudy's own peers and read their traces.

    Args:
        protocol: the protocol.
        role: role under test.
        names: scenarios, as ``<topic>/<id>``.
        folder: where the traces go.
        command: the client's adapter; empty for the server role.
    """
    wanted = {f"{protocol}/{role}/{name}": name for name in names}
    scenarios = [
        s for s in discover([protocol], [role]) if isinstance(s, Scenario) and s.id in wanted
    ]
    unknown = wanted.keys() - {s.id for s in scenarios}
    assert not unknown, f"no such scenario: {sorted(unknown)}"
    revisions = [_revision(protocol, scenario) for scenario in scenarios]
    played = sorted(set(revisions))
    targets = tuple(
        Target(
            protocol=protocol,
            revision=revision,
            role=role,  # type: ignore[arg-type]  # one of the two
            adapter=AdapterTarget(command=command) if command else None,
            server=None if command else ServerTarget(),
        )
        for revision in played
    )
    jobs = tuple(
        Job(number=number, target=played.index(revision), scenario=scenario)
        for number, (scenario, revision) in enumerate(zip(scenarios, revisions, strict=True))
    )
    setup = Setup(targets=targets, jobs=jobs, seed=0, deadlines=Deadlines(), out=folder)

    async def play() -> list[Report]:
        worker = Worker(setup)
        try:
            return [await worker.run(job) for job in jobs]
        finally:
            await worker.close()

    reports = asyncio.run(play())
    unmet = {job.scenario.id: r.problem for job, r in zip(jobs, reports, strict=True) if r.problem}
    assert not unmet, "our own peers meet every step"
    return {
        wanted[job.scenario.id]: read_trace(folder / report.trace)
        for job, report in zip(jobs, reports, strict=True)
        if report.trace  # none if the machine lacks what the scenario needs
    }


def _revision(protocol: str, scenario: Scenario) -> str:
    """The revision to play a scenario in: the default one, if it is one of the scenario's."""
    default = resolve(protocol).id
    return default if default in (scenario.revisions or (default,)) else scenario.revisions[0]


def verdicts(trace: Trace, checks: Any, check: str) -> list[Any]:
    """The findings of one check, or of all checks of a requirement."""
    found = checks.named(check)
    assert found, f"no check {check}"
    return [finding for item in found for finding in item.function(trace)]


def mutated(trace: Trace, changes: Iterable[Document]) -> Trace:
    """A copy of a trace with these changes, its records numbered anew."""
    records: list[Document] = [copy.deepcopy(msgspec.to_builtins(r)) for r in trace.records]
    for change in changes:
        records = _changed(records, change)
    for number, item in enumerate(records, 1):
        item["seq"] = number
    return Trace(trace.header, msgspec.convert(records, list[Record]))


def _changed(records: list[Document], change: Document) -> list[Document]:
    places = _places(records, change)
    result: list[Document] = []
    moved: list[Document] = []
    for place, item in enumerate(records):
        if place not in places:
            result.append(item)
        elif "to" in change:
            moved.append(item)
        else:
            result += _replacement(item, change)
    if moved:
        target = change["to"]
        side = "after" if "after" in target else "before"
        place = _places(result, {**target, "at": target[side]})[0] + (side == "after")
        result[place:place] = moved
    return result


def _places(records: list[Document], change: Document) -> list[int]:
    found = [place for place, item in enumerate(records) if matches(change["at"], item)]
    assert found or change.get("optional"), f"nothing matches {change['at']}"
    return found if change.get("every") else [found[change.get("nth", 0)]]


def _replacement(item: Document, change: Document) -> list[Document]:
    if change.get("drop"):
        return []
    if change.get("twice"):
        return [item, copy.deepcopy(item)]
    if "add" in change:
        return [item, _beside(item, change["add"])]
    if "add_before" in change:
        return [_beside(item, change["add_before"]), item]
    for path, value in change.get("set", {}).items():
        _parent(item, path)[path.rpartition(".")[2]] = copy.deepcopy(value)
    for path in change.get("unset", ()):
        del _parent(item, path)[path.rpartition(".")[2]]
    if "hex" in change:
        item["raw"] = base64.b64encode(bytes.fromhex(change["hex"])).decode()
    return [item]


def _beside(item: Document, fields: Document) -> Document:
    """A further record at the same moment; on the same socket, if it is of the wire."""
    defaults = {"seq": 0, "time": item["time"], "source": "wire"}
    made = {**defaults, **copy.deepcopy(fields)}
    if made["source"] == "wire":
        made.setdefault("connection", item.get("connection"))
    content = bytes(made.pop("zeros", 0)) or bytes.fromhex(made.pop("hex", ""))
    if content:
        made["raw"] = base64.b64encode(content).decode()
    return made


def _parent(item: Document, path: str) -> Document:
    *steps, _ = path.split(".")
    for step in steps:
        item = item[step]
    return item
