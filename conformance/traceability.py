"""Traceability: from requirements to checks to scenarios, and what is missing on the way.

Five rules; each finding names one:

1. a check's id stands in the `checks` of its requirement, which some active revision has
2. every id in `checks` is a check that exists, for each role that owes the requirement
3. every observable MUST and SHOULD is verified by a scenario, for each role that owes it
4. what a scenario verifies exists
5. what a scenario needs is a feature that the protocol's specification names
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from avatar_protocols.tables import Requirement
from conformance.checks import checks_of
from conformance.scenario import Broken, Scenario, discover, of_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from avatar_protocols.tables import RevisionInfo
    from conformance.checks import Checks

__all__ = ["Gap", "Trail", "gaps", "trails"]

Role = Literal["client", "server"]
ROLES: tuple[Role, ...] = ("client", "server")
FREE_FEATURES = frozenset({"triggers"})
"""Features of the suite's own making: a way to make a server under test do things."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Something missing.

    Attributes:
        rule: number of the rule, from 1.
        role: role concerned.
        subject: id of the requirement, check or scenario.
        message: what is missing.
    """

    rule: int
    role: str
    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject} ({self.role}): {self.message}"


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement and one role that owes it.

    Attributes:
        requirement: the row of the specification.
        role: the role.
        checks: ids of the checks that exist.
        scenarios: ids of the scenarios that verify it.
    """

    requirement: Requirement
    role: Role
    checks: tuple[str, ...]
    scenarios: tuple[str, ...]

    @property
    def observable(self) -> bool:
        """Whether the role's keeping it can be seen at all."""
        return not self.requirement.observable_by(self.role).startswith("no")


def trails(info: RevisionInfo, role: Role) -> list[Trail]:
    """The trail of every requirement that a role owes in a revision."""
    return _trails(
        _requirements(info), role, checks_of(info.protocol, role), _scenarios(info, role)
    )


def gaps(info: RevisionInfo, roles: Iterable[Role] = ROLES) -> list[Gap]:
    """What is missing in a revision."""
    from avatar_protocols.registry import PROTOCOLS

    features = frozenset(PROTOCOLS[info.protocol].features) | FREE_FEATURES
    found: list[Gap] = []
    for role in roles:
        table, checks = _requirements(info), checks_of(info.protocol, role)
        scenarios = _scenarios(info, role)
        found += _check_gaps({**_everywhere(info), **table}, role, checks)
        found += _trail_gaps(_trails(table, role, checks, scenarios))
        found += _scenario_gaps(scenarios, role, checks, features)
        found += [
            Gap(rule=4, role=role, subject=item.id, message=item.message)
            for item in discover((info.protocol,), (role,))
            if isinstance(item, Broken)
        ]
    return found


def _requirements(info: RevisionInfo) -> Mapping[str, Requirement]:
    table: Mapping[str, Requirement] = info.load("requirements").REQUIREMENTS
    return table


def _everywhere(info: RevisionInfo) -> Mapping[str, Requirement]:
    """The requirements of every active revision of a protocol; checks are shared by them."""
    from avatar_protocols.registry import PROTOCOLS

    found: dict[str, Requirement] = {}
    for revision in PROTOCOLS[info.protocol].revisions.values():
        if revision.status == "active":
            found |= _requirements(revision)
    return found


def _scenarios(info: RevisionInfo, role: Role) -> list[Scenario]:
    found = discover((info.protocol,), (role,))
    scenarios = (of_revision(item, info.id) for item in found if isinstance(item, Scenario))
    return [scenario for scenario in scenarios if scenario is not None]


def _trails(
    table: Mapping[str, Requirement], role: Role, checks: Checks, scenarios: Iterable[Scenario]
) -> list[Trail]:
    verified: dict[str, list[str]] = {}
    for scenario in scenarios:
        for name in scenario.requirements:
            verified.setdefault(name, []).append(scenario.id)
    return [
        Trail(
            requirement=row,
            role=role,
            checks=tuple(check.id for check in checks.named(row.id)),
            scenarios=tuple(verified.get(row.id, ())),
        )
        for row in table.values()
        if row.role in {role, "both"}
    ]


def _check_gaps(table: Mapping[str, Requirement], role: Role, checks: Checks) -> list[Gap]:
    """Rule 1."""
    found: list[Gap] = []
    for check in checks:
        row = table.get(check.requirement)
        if row is None or row.role not in {role, "both"}:
            message = "a check of a requirement that this role does not have"
        elif check.id not in row.checks:
            message = f"a check that is not among {check.requirement}'s `checks`"
        else:
            continue
        found.append(Gap(rule=1, role=role, subject=check.id, message=message))
    return found


def _trail_gaps(found: Iterable[Trail]) -> list[Gap]:
    """Rules 2 and 3."""
    missing: list[Gap] = []
    for trail in found:
        row, role = trail.requirement, trail.role
        if not trail.observable:
            continue
        missing += [
            Gap(rule=2, role=role, subject=row.id, message=f"the check {name} does not exist")
            for name in row.checks
            if name not in trail.checks
        ]
        if row.level != "MAY" and not trail.scenarios:
            message = f"an observable {row.level} that no scenario verifies"
            missing.append(Gap(rule=3, role=role, subject=row.id, message=message))
    return missing


def _scenario_gaps(
    scenarios: Iterable[Scenario], role: Role, checks: Checks, features: frozenset[str]
) -> list[Gap]:
    """Rules 4 and 5."""
    found: list[Gap] = []
    for scenario in scenarios:
        found += [
            Gap(rule=4, role=role, subject=scenario.id, message=f"verifies {name}: no such check")
            for name in scenario.verifies
            if not checks.named(name)
        ]
        found += [
            Gap(rule=5, role=role, subject=scenario.id, message=f"needs {need}: no such feature")
            for need in scenario.needs
            if need not in features
        ]
    return found
