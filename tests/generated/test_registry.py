from __future__ import annotations

import pytest

from avatar_protocols.registry import (
    PROTOCOLS,
    UnknownProtocolError,
    UnknownRevisionError,
    protocol,
    resolve,
)

REVISIONS = [revision for info in PROTOCOLS.values() for revision in info.revisions.values()]
ACTIVE = [revision for revision in REVISIONS if revision.status == "active"]


def label(revision) -> str:
    return f"{revision.protocol}-{revision.id}"


@pytest.mark.parametrize("revision", REVISIONS, ids=label)
def test_every_revision_is_found_by_its_id_and_its_aliases(revision) -> None:
    for name in (revision.id, *revision.aliases):
        assert resolve(revision.protocol, name) is revision


def test_the_default_revision() -> None:
    assert resolve("avatarkit").id == "0.1.7"
    assert resolve("liveavatar").id == "0.2"
    assert resolve("liveavatar", "0.2.1").id == "0.2"


def test_what_is_unknown_is_named_with_what_is_known() -> None:
    with pytest.raises(UnknownProtocolError, match="'avatar'; known: .*avatarkit.*liveavatar"):
        protocol("avatar")
    with pytest.raises(UnknownRevisionError, match=r"'7' of avatarkit; known: 0\.1\.7"):
        resolve("avatarkit", "7")


@pytest.mark.parametrize("revision", ACTIVE, ids=label)
def test_an_active_revision_has_its_modules(revision) -> None:
    constants = revision.load("constants")
    assert (revision.protocol, revision.id) == (constants.PROTOCOL, constants.REVISION)
    requirements = revision.load("requirements").REQUIREMENTS
    prefix = PROTOCOLS[revision.protocol].prefix
    assert requirements
    assert all(name == row.id and name.startswith(prefix) for name, row in requirements.items())
    for name in ("errors", "states"):
        assert revision.load(name).__all__


def test_a_planned_revision_has_none() -> None:
    planned = resolve("liveavatar", "0.4")
    assert planned.status == "planned"
    with pytest.raises(ModuleNotFoundError):
        planned.load("constants")


@pytest.mark.parametrize("revision", ACTIVE, ids=label)
def test_the_tables_of_a_revision_fit_together(revision) -> None:
    errors, states = revision.load("errors"), revision.load("states")
    requirements = revision.load("requirements")
    codes = set(errors.ErrorCode)
    for error in errors.CATALOGUE.values():
        assert error.code is None or error.code in codes
        assert error.requirement is None or error.requirement in requirements.REQUIREMENTS
    assert {rule.code for rule in errors.CLASSIFICATION} <= codes
    assert set(errors.CODES) == codes
    machines = [value for name, value in vars(states).items() if name in states.__all__]
    for machine in (it for it in machines if not isinstance(it, type)):
        assert machine.initial in machine.states
        for (state, trigger), target in machine.transitions.items():
            assert {state, target} <= set(machine.states)
            assert trigger in machine.events
            assert states.Trigger(trigger)
        assert not machine.ignored & set(machine.transitions)
    for row in requirements.REQUIREMENTS.values():
        assert set(row.open_points) <= set(requirements.OPEN_POINTS)
