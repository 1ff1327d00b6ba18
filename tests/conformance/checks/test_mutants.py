"""Every check passes on good traces, and fails on those that are broken on purpose in one place.

The tables stand in ``<protocol>/<role>_mutants.yaml``; ``_mutants`` says how they are read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import conformance
from conformance.checks import Check, Checks, checks_of
from conformance.scenario import Scenario, discover
from conformance.trace import Trace
from tests.conformance.checks import _mutants
from tests.conformance.checks._mutants import load_rows, record, verdicts
from tests.conformance.checks.avatarkit import _edits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = dict[str, Any]
Recordings = dict[str, Trace]

HERE = Path(__file__).parent
REFERENCE = Path(conformance.__file__).parent / "adapters" / "reference.py"
SCENARIOS = {item.id: item for item in discover() if isinstance(item, Scenario)}
MUTATED = {"avatarkit": _edits.mutated}
"""Protocols whose changes have words of their own."""


class Table(msgspec.Struct, frozen=True, eq=False):
    """The checks of a protocol and role, and what they are tried on."""

    protocol: str
    role: str
    checks: Checks
    mutants: list[Row]
    harmless: list[Row]

    @property
    def rows(self) -> list[Row]:
        return [*self.mutants, *self.harmless]

    def asked(self, name: str, revision: str) -> set[Check]:
        """The checks that a scenario is judged by, in a revision."""
        verifies = SCENARIOS[f"{self.protocol}/{self.role}/{name}"].verifies
        named = (item for v in verifies for item in self.checks.named(v))
        every = {*self.checks.always, *named}
        return {item for item in every if revision in (item.revisions or (revision,))}

    def mutated(self, trace: Trace, row: Row) -> Trace:
        return MUTATED.get(self.protocol, _mutants.mutated)(trace, row["mutate"])

    def recorded(self, folder: Path) -> Recordings:
        """The scenarios of the table, played by Understudy's own peers."""
        command = (sys.executable, str(REFERENCE)) if self.role == "client" else ()
        names = dict.fromkeys(row["scenario"] for row in self.rows)
        return record(self.protocol, self.role, names, folder, command)


def read(path: Path) -> Table:
    protocol, role = path.parent.name, path.stem.partition("_")[0]
    return Table(
        protocol,
        role,
        checks_of(protocol, role),
        load_rows(path, "mutants"),
        load_rows(path, "harmless"),
    )


TABLES = {f"{t.protocol}-{t.role}": t for t in map(read, sorted(HERE.glob("*/*_mutants.yaml")))}
EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def every(rows: str) -> pytest.MarkDecorator:
    """Every row of one kind, of all tables."""
    found = [
        pytest.param(table, row, id=f"{name}-{row['check']}-{row.get('says', row.get('why', ''))}")
        for name, table in TABLES.items()
        for row in getattr(table, rows)
    ]
    return pytest.mark.parametrize(("table", "row"), found)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Table], Recordings]:
    """The recordings of a table, made when they are first asked for."""
    made: dict[Table, Recordings] = {}

    def of(table: Table) -> Recordings:
        if table not in made:
            made[table] = table.recorded(tmp_path_factory.mktemp(f"{table.protocol}-{table.role}"))
        return made[table]

    return of


@pytest.fixture
def good(table: Table, row: Row, recordings: Callable[[Table], Recordings]) -> Trace:
    """The recording that a row is about."""
    name = row["scenario"]
    if name not in recordings(table):
        pytest.skip(f"{name} could not be recorded: there is no libopus")
    return recordings(table)[name]


@every("mutants")
def test_mutant_is_caught(table: Table, row: Row, good: Trace) -> None:
    before = verdicts(good, table.checks, row["check"])
    assert before, "the check sees nothing in the good trace"
    assert all(finding.ok for finding in before), before

    after = verdicts(table.mutated(good, row), table.checks, row["check"])

    said = [finding.message for finding in after if not finding.ok]
    assert said, "the check lets the mutant pass"
    assert any(row["says"] in message for message in said), said


@every("harmless")
def test_harmless_difference_passes(table: Table, row: Row, good: Trace) -> None:
    found = verdicts(table.mutated(good, row), table.checks, row["check"])

    assert found, "the check sees nothing any more"
    assert all(finding.ok for finding in found), found


@EVERY_TABLE
def test_every_check_has_a_mutant(table: Table) -> None:
    assert {item.id for item in table.checks} - {row["check"] for row in table.mutants} == set()


def blamed(checks: Iterable[Check], trace: Trace) -> list[tuple[str, str]]:
    return [
        (item.id, finding.message)
        for item in checks
        for finding in item.function(trace)
        if not finding.ok
    ]


@EVERY_TABLE
def test_no_check_blames_a_good_peer(table: Table, recordings: Any) -> None:
    for name, trace in recordings(table).items():
        assert blamed(table.asked(name, trace.header.revision), trace) == [], name


@pytest.mark.parametrize("role", ["client", "server"])
def test_no_check_of_live_avatar_blames_where_it_was_not_asked(role: str, recordings: Any) -> None:
    """Its checks lean on a scenario's ``expect`` only where that is there."""
    table = TABLES[f"liveavatar-{role}"]
    for name, trace in recordings(table).items():
        assert blamed(table.checks, trace) == [], name


def test_the_wire_alone_blames_no_agent_for_silence(recordings: Any) -> None:
    """A recording without an adapter does not show what reached the application."""
    table = TABLES["liveavatar-client"]
    for name, trace in recordings(table).items():
        assert blamed(table.checks, Trace(trace.header, trace.wire())) == [], name


@EVERY_TABLE
def test_checks_cope_with_a_trace_that_ends_anywhere(table: Table, recordings: Any) -> None:
    for name, trace in recordings(table).items():
        for length in range(0, len(trace.records), 3):
            cut = Trace(trace.header, trace.records[:length])
            for item in table.asked(name, trace.header.revision):
                assert all(finding.ok or finding.message for finding in item.function(cut))
