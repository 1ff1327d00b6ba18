"""Checks: each judges one rule over a trace. They stand in ``checks/<protocol>/<topic>.py``.

A check is a generator function under `check`. It looks at a trace and yields one finding for each
time the rule could be observed: `passed` or `failed`. It yields nothing where the trace does not
show the rule at all; "nothing was wrong" is not a pass. The modules are discovered; there is no
list to keep.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec

from conformance.errors import CheckError

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

__all__ = ["Check", "Checks", "Finding", "Findings", "check", "checks_of", "failed", "passed"]

_PATH_LENGTH = 4  # conformance.checks.<protocol>.<topic>
_ID = re.compile(r"^[A-Z]{3}-[A-Z]+-[0-9]{3}(\.[a-z0-9][a-z0-9-]*)?$")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One observation of a rule.

    Attributes:
        ok: whether the rule was kept.
        message: what was wrong and why; "" for a pass.
        records: seq of the records that show it; for a failure the offending one first.
        observed: which of several allowed behaviours was seen; "" where there is only one.
    """

    ok: bool
    message: str = ""
    records: tuple[int, ...] = ()
    observed: str = ""


Findings = Iterator[Finding]
"""What a check returns."""

Function = Callable[["Trace"], Iterable[Finding]]


def passed(*records: Record | None, observed: str = "") -> Finding:
    """The rule was seen to be kept."""
    return Finding(ok=True, records=_numbers(records), observed=observed)


def failed(record: Record | None, message: str, *others: Record | None) -> Finding:
    """The rule was seen to be broken.

    Args:
        record: the record that breaks it; None if something is missing.
        message: what is wrong there, and what the rule wants instead.
        others: further records that help to see it.
    """
    return Finding(ok=False, message=message, records=_numbers((record, *others)))


def _numbers(records: Iterable[Record | None]) -> tuple[int, ...]:
    return tuple(record.seq for record in records if record is not None)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A registered check.

    Attributes:
        id: the requirement's id, with ``.suffix`` where several checks share a requirement.
        protocol: protocol id, from the package it stands in.
        role: role of the implementation it judges.
        always: whether it runs in every scenario of its protocol and role.
        revisions: revisions it holds for; empty means all.
        function: the judge.
    """

    id: str
    protocol: str
    role: Literal["client", "server"]
    always: bool
    revisions: tuple[str, ...]
    function: Function

    @property
    def requirement(self) -> str:
        """The id of the requirement."""
        return self.id.partition(".")[0]


class Checks:
    """The checks of one protocol and role."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._by_requirement: dict[str, list[Check]] = {}
        self._by_id: dict[str, Check] = {}
        for item in checks:
            self._by_id[item.id] = item
            self._by_requirement.setdefault(item.requirement, []).append(item)
        self.always = tuple(item for item in self._by_id.values() if item.always)

    def __iter__(self) -> Iterator[Check]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def named(self, name: str) -> list[Check]:
        """The checks that ``verifies`` means: the one of that id, or all of that requirement."""
        if "." in name:
            return [self._by_id[name]] if name in self._by_id else []
        return self._by_requirement.get(name, [])


_registry: dict[tuple[str, str, str], Check] = {}


def check(
    identifier: str,
    *,
    role: Literal["client", "server", "both"],
    always: bool = False,
    revisions: Iterable[str] = (),
) -> Callable[[Function], Function]:
    """Register a check.

    Args:
        identifier: id of the requirement, or that and ``.suffix``.
        role: role of the implementation it judges.
        always: run it in every scenario of the protocol and role, whatever ``verifies`` lists.
        revisions: revisions it holds for; default all.

    Raises:
        CheckError: the id is malformed or taken, or the module stands in the wrong place.
    """
    if not _ID.match(identifier):
        raise CheckError(f"{identifier!r} is no check id, such as AVK-HS-001 or AVK-HS-001.text")

    def register(function: Function) -> Function:
        parts = function.__module__.split(".")
        if parts[:2] != ["conformance", "checks"] or len(parts) < _PATH_LENGTH:
            raise CheckError(
                f"{identifier} stands in {function.__module__}; "
                "checks live in conformance/checks/<protocol>/<topic>.py"
            )
        _add(identifier, parts[2], role, function, always=always, revisions=tuple(revisions))
        return function

    return register


def _add(
    identifier: str,
    protocol: str,
    role: Literal["client", "server", "both"],
    function: Function,
    *,
    always: bool,
    revisions: tuple[str, ...],
) -> None:
    roles: tuple[Literal["client", "server"], ...] = (
        ("client", "server") if role == "both" else (role,)
    )
    for each in roles:
        key = (protocol, each, identifier)
        taken = _registry.get(key)
        if taken is not None and taken.function is not function:
            raise CheckError(
                f"{identifier} ({each}) is checked by {_where(taken.function)} "
                f"and by {_where(function)}; give one of them a suffix"
            )
        _registry[key] = Check(
            id=identifier,
            protocol=protocol,
            role=each,
            always=always,
            revisions=revisions,
            function=function,
        )


def _where(function: Function) -> str:
    return f"{function.__module__}.{getattr(function, '__name__', 'check')}"


@cache
def checks_of(protocol: str, role: str) -> Checks:
    """The checks of a protocol and role, found by importing each module of its package."""
    name = f"{__name__}.{protocol}"
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return Checks(())
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{name}.{module.name}")
    return Checks(c for c in _registry.values() if c.protocol == protocol and c.role == role)
