"""What no schema can say: the tables of a protocol must agree with each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from codegen.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from codegen.model import (
        Constant,
        Frame,
        FrameField,
        MachineTable,
        RequirementRow,
        Specification,
    )

__all__ = ["crosscheck"]

Finding = tuple[str, str, str]  # place, rule, message
_POINT = "OP-"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _protocol(spec: Specification) -> Iterator[Finding]:
    table = spec.protocol
    names = [
        *table.revisions,
        *(alias for row in table.revisions.values() for alias in row.aliases),
    ]
    for name in _repeated(names):
        yield "revisions", "unique-revisions", f"{name} is given twice, as an id or an alias"
    # A protocol may be written down before it is built: then every revision is planned.
    if table.default_revision not in (table.active() or table.revisions):
        message = f"{table.default_revision} is not an active revision"
        yield "default_revision", "known-revision", message
    for group, rows in table.constants.items():
        for member, row in rows.items():
            yield from _constant(f"constants.{group}.{member}", row)


def _constant(place: str, row: Constant) -> Iterator[Finding]:
    if isinstance(row.value, list):
        kinds = {type(value).__name__ for value in row.value}
        if len(kinds - {"int", "float"}) + bool(kinds & {"int", "float"}) > 1:
            yield place, "typed-constants", f"the list mixes {', '.join(sorted(kinds))}"
    numeric = row.value[0] if isinstance(row.value, list) else row.value
    if row.unit and isinstance(numeric, str | bool):
        yield place, "typed-constants", f"a {type(numeric).__name__} has no unit"


def _revisions(spec: Specification) -> Iterator[Finding]:
    """Every row of the protocol table names known revisions (the other tables: see below)."""
    known = set(spec.protocol.revisions)
    rows = {f"endpoints.{name}": row.revisions for name, row in spec.protocol.endpoints.items()}
    for group, members in spec.protocol.constants.items():
        rows |= {f"constants.{group}.{name}": row.revisions for name, row in members.items()}
    for place, revisions in rows.items():
        for revision in sorted(set(revisions) - known):
            yield place, "known-revision", f"{revision} is not a revision of protocol.yaml"


def _unknown_revisions(
    spec: Specification, rows: Iterable[tuple[str, list[str]]]
) -> Iterator[Finding]:
    known = set(spec.protocol.revisions)
    for place, revisions in rows:
        for revision in sorted(set(revisions) - known):
            yield place, "known-revision", f"{revision} is not a revision of protocol.yaml"


def _unknown_points(
    spec: Specification, rows: Iterable[tuple[str, list[str]]]
) -> Iterator[Finding]:
    known = {point.id for point in spec.requirements.open_points}
    for place, points in rows:
        for point in points:
            if point not in known:
                message = f"{point} is not an open point of requirements.yaml"
                yield place, "known-open-point", message


def _unknown_requirements(
    spec: Specification, rows: Iterable[tuple[str, list[str]]]
) -> Iterator[Finding]:
    known = {row.id for row in spec.requirements.requirements}
    for place, ids in rows:
        for name in ids:
            if name and name not in known:
                yield place, "known-requirement", f"{name} is not in requirements.yaml"


def _protocol_references(spec: Specification) -> Iterator[Finding]:
    table = spec.protocol
    rows = [(f"endpoints.{name}", row.open_points) for name, row in table.endpoints.items()]
    constants = [
        (f"constants.{group}.{name}", row)
        for group, members in table.constants.items()
        for name, row in members.items()
    ]
    yield from _unknown_points(spec, rows + [(place, row.open_points) for place, row in constants])
    yield from _unknown_requirements(spec, [(place, [row.requirement]) for place, row in constants])


def _requirements(spec: Specification) -> Iterator[Finding]:
    table = spec.requirements
    for name in _repeated(row.id for row in table.requirements):
        yield "requirements", "unique-ids", f"{name} is repeated"
    for name in _repeated(check for row in table.requirements for check in row.checks):
        yield "requirements", "unique-checks", f"the check {name} belongs to two requirements"
    for name in _repeated(point.id for point in table.open_points):
        yield "open_points", "unique-ids", f"{name} is repeated"
    for row in table.requirements:
        yield from _requirement(row, spec.protocol.prefix)
    yield from _unknown_revisions(spec, [(row.id, row.revisions) for row in table.requirements])
    yield from _unknown_revisions(spec, [(row.id, row.revisions) for row in table.open_points])
    yield from _unknown_points(spec, [(row.id, row.open_points) for row in table.requirements])


def _requirement(row: RequirementRow, prefix: str) -> Iterator[Finding]:
    if not row.id.startswith(f"{prefix}-"):
        message = f"the id must begin with {prefix}-"
        yield row.id, "prefixed-ids", message
    for check in row.checks:
        if check.partition(".")[0] != row.id:
            message = f"the check {check} must be {row.id}, optionally with .suffix"
            yield row.id, "own-checks", message
    roles = ("client", "server") if row.role == "both" else (row.role,)
    seen = [role for role in roles if not row.observable_by(role).startswith("no: ")]
    if seen and row.level != "MAY" and not row.checks:
        message = f"an observable {row.level} needs a check"
        yield row.id, "observable-needs-check", message
    if not seen and row.checks:
        yield row.id, "check-needs-observable", "nothing can be seen, yet there are checks"
    if row.role != "both" and (row.client_observable or row.server_observable):
        message = "client_observable and server_observable are for role both"
        yield row.id, "observable-by-role", message
    if row.proposed is not None and _RANK[row.proposed] <= _RANK[row.level]:
        message = f"{row.level} is not lower than the proposed {row.proposed}"
        yield row.id, "lowered-level", message


_RANK = {"MAY": 0, "SHOULD": 1, "MUST": 2}


def _states(spec: Specification) -> Iterator[Finding]:
    for revision in spec.protocol.revisions:
        for name in _repeated(name for name, _ in spec.states.of(revision)):
            yield "machines", "unique-names", f"revision {revision} has two machines {name}"
    for name, machine in spec.states.machines.items():
        place = f"machines.{name}"
        yield from _machine(place, machine)
        events = [(f"{place}.events.{key}", row) for key, row in machine.events.items()]
        states = [(f"{place}.states.{key}", row) for key, row in machine.states.items()]
        yield from _unknown_revisions(spec, [(place, machine.revisions)])
        yield from _unknown_points(spec, [(place, machine.open_points)])
        yield from _unknown_points(spec, [(where, row.open_points) for where, row in events])
        yield from _unknown_requirements(spec, [(where, row.requirements) for where, row in events])
        yield from _unknown_requirements(spec, [(where, row.requirements) for where, row in states])


def _machine(place: str, machine: MachineTable) -> Iterator[Finding]:
    states, events = set(machine.states), set(machine.events)
    if machine.initial not in states:
        yield place, "known-state", f"the initial state {machine.initial} is not a state"
    used: set[str] = set()
    reached = {machine.initial}
    for name, state in machine.states.items():
        where = f"{place}.states.{name}"
        used |= {*state.on, *state.ignored}
        reached |= set(state.on.values())
        for event in sorted({*state.on, *state.ignored} - events):
            yield where, "known-event", f"{event} is not an event of the machine"
        for target in sorted(set(state.on.values()) - states):
            yield where, "known-state", f"{target} is not a state of the machine"
        for event in sorted(set(state.on) & set(state.ignored)):
            yield where, "one-answer", f"{event} both leads on and is ignored"
    for event in sorted(events - used):
        yield f"{place}.events.{event}", "used-event", "no state names the event"
    for state_name in sorted(states - reached):
        yield f"{place}.states.{state_name}", "reachable-state", "nothing leads to the state"


def _errors(spec: Specification) -> Iterator[Finding]:
    table = spec.errors
    codes = {row.code for row in table.codes}
    for name in _repeated(row.code for row in table.codes):
        yield "codes", "unique-codes", f"{name} is repeated"
    for name in _repeated(row.name for row in table.catalogue):
        yield "catalogue", "unique-names", f"{name} is repeated"
    phases = set(table.phases)
    for row in table.catalogue:
        place = f"catalogue ({row.name})"
        if row.code is not None and row.code not in codes:
            yield place, "known-code", f"{row.code} is not one of the codes"
        if row.phase is not None and row.phase not in phases:
            yield place, "known-phase", f"{row.phase} is not one of the phases"
    catalogue = [(f"catalogue ({row.name})", row) for row in table.catalogue]
    coded = [(f"codes ({row.code})", row) for row in table.codes]
    yield from _unknown_requirements(
        spec, [(place, [row.requirement or ""]) for place, row in catalogue]
    )
    yield from _unknown_requirements(spec, [(place, [row.requirement]) for place, row in coded])
    yield from _unknown_points(spec, [(place, row.open_points) for place, row in catalogue])
    yield from _unknown_points(spec, [(place, row.open_points) for place, row in coded])
    yield from _unknown_revisions(spec, [(place, row.revisions) for place, row in catalogue])
    yield from _unknown_revisions(spec, [(place, row.revisions) for place, row in coded])


def _classification(spec: Specification) -> Iterator[Finding]:
    table = spec.errors
    codes, phases = {row.code: row for row in table.codes}, set(table.phases)
    rows = [rule.row for rule in table.classification]
    if rows != sorted(rows):  # a row whose conditions differ by phase stands in parts
        yield "classification", "ordered-rows", "the rows must be numbered upwards"
    for rule in table.classification:
        place = f"classification (row {rule.row})"
        if rule.code not in codes:
            yield place, "known-code", f"{rule.code} is not one of the codes"
        for revision in spec.protocol.revisions if rule.code in codes else ():
            if rule.belongs(revision) and not codes[rule.code].belongs(revision):
                yield place, "known-code", f"revision {revision} has no code {rule.code}"
        for phase in sorted(set(rule.phases) - phases):
            yield place, "known-phase", f"{phase} is not one of the phases"
        if rule.http_range is not None and rule.http_range[0] > rule.http_range[1]:
            yield place, "ordered-range", "the range is empty"
    rules = [(f"classification (row {rule.row})", rule) for rule in table.classification]
    yield from _unknown_revisions(spec, [(place, rule.revisions) for place, rule in rules])
    yield from _unknown_points(spec, [(place, rule.open_points) for place, rule in rules])


def _frames(spec: Specification) -> Iterator[Finding]:
    if spec.frames is None:
        return
    for name, frame in spec.frames.frames.items():
        place = f"frames.{name}"
        yield from _frame(place, frame)
        fields = [(f"{place} ({field.name})", field) for field in frame.fields]
        yield from _unknown_revisions(spec, [(place, frame.revisions)])
        yield from _unknown_requirements(spec, [(place, frame.requirements)])
        yield from _unknown_requirements(spec, [(where, row.requirements) for where, row in fields])
        yield from _unknown_points(spec, [(place, frame.open_points)])
        yield from _unknown_points(spec, [(where, row.open_points) for where, row in fields])


def _frame(place: str, frame: Frame) -> Iterator[Finding]:
    bits = sum(field.bits for field in frame.fields)
    if bits != frame.header_bytes * 8:
        message = f"the fields have {bits} bits, the header {frame.header_bytes * 8}"
        yield place, "whole-header", message
    for name in _repeated(field.name for field in frame.fields):
        yield place, "unique-fields", f"{name} is repeated"
    length = next((row for row in frame.fields if row.name == frame.payload.length_field), None)
    if length is None:
        message = f"the length field {frame.payload.length_field} is not a field"
        yield place, "known-length-field", message
    elif (frame.payload.max or 0) >= 1 << length.bits:
        yield place, "length-fits", f"{frame.payload.max} does not fit {length.bits} bits"
    if any(row.name in {"payload", "pack", "unpack"} for row in frame.fields):
        yield place, "free-names", "payload, pack and unpack are names of the codec"
    for field in frame.fields:
        yield from _field(f"{place} ({field.name})", field)


def _field(place: str, field: FrameField) -> Iterator[Finding]:
    limit = 1 << field.bits
    values = [*(field.enum or {}).values()]
    values += [value for value in (field.const, field.min, field.max) if value is not None]
    if isinstance(field.default, int):
        values.append(field.default)
    for value in values:
        if not 0 <= value < limit:
            yield place, "values-fit", f"{value} does not fit {field.bits} bits"
    if len(set((field.enum or {}).values())) != len(field.enum or {}):
        yield place, "unique-values", "two members of the enum have the same value"
    if isinstance(field.default, str) and field.default not in (field.enum or {}):
        yield place, "known-member", f"{field.default} is not a member of the enum"


def _errata(spec: Specification) -> Iterator[Finding]:
    if spec.errata is None:
        return
    rows = spec.errata.errata
    for name in _repeated(row.subject for row in rows):
        yield "errata", "unique-subjects", f"{name} is repeated"
    places = [(f"errata ({row.subject})", row) for row in rows]
    yield from _unknown_revisions(spec, [(place, row.revisions) for place, row in places])
    points, rules = (
        [
            (place, [name for name in row.see if name.startswith(_POINT) is is_point])
            for place, row in places
        ]
        for is_point in (True, False)
    )
    yield from _unknown_points(spec, points)
    yield from _unknown_requirements(spec, rules)


_CHECKS: tuple[tuple[str, Callable[[Specification], Iterator[Finding]]], ...] = (
    ("protocol", _protocol),
    ("protocol", _revisions),
    ("protocol", _protocol_references),
    ("requirements", _requirements),
    ("states", _states),
    ("errors", _errors),
    ("errors", _classification),
    ("frames", _frames),
    ("errata", _errata),
)


def crosscheck(spec: Specification) -> list[Problem]:
    """Every disagreement between the tables of one protocol."""
    return [
        Problem(file=f"spec/{spec.id}/{table}.yaml", path=place, rule=rule, message=message)
        for table, check in _CHECKS
        for place, rule, message in check(spec)
    ]
