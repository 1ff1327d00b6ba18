"""``understudy scenarios`` and ``understudy explain``: what the suite has, without running it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import msgspec
import typer

from conformance.errors import UsageError
from conformance.scenario import Broken, Scenario, discover, select
from conformance.target import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.tables import Requirement, RevisionInfo

__all__ = ["explain_requirement", "list_scenarios"]

ROLES = ("client", "server")
MALFORMED = 2


def list_scenarios(*, protocol: str, role: str, only: tuple[str, ...], as_json: bool) -> int:
    """Print the scenarios; returns the exit status.

    Raises:
        UsageError: there is no such protocol or role.
    """
    if protocol:
        resolve(protocol)
    if role not in {"", *ROLES}:
        raise UsageError(f"--role is client or server, not {role!r}")
    found = select(discover((protocol,) if protocol else None, (role,) if role else ROLES), only)
    good = [item for item in found if isinstance(item, Scenario)]
    broken = [item.message for item in found if isinstance(item, Broken)]
    if as_json:
        rows = [msgspec.to_builtins(item) for item in good]
        typer.echo(json.dumps({"scenarios": rows, "broken": broken}, indent=1))
    else:
        for item in good:
            needs = f"  needs {', '.join(item.needs)}" if item.needs else ""
            typer.echo(f"{item.id}  [{', '.join(item.verifies)}]{needs}\n    {item.title}")
        typer.echo(f"{len(good)} scenarios")
    for message in broken:
        typer.echo(f"malformed: {message}", err=True)
    return MALFORMED if broken else 0


def explain_requirement(name: str, revision: str) -> int:
    """Print what is known of a requirement; returns the exit status.

    Raises:
        UsageError: no protocol has it.
    """
    rows = _find(name, revision)
    if not rows:
        others = [f"{info.protocol} {info.id}" for info, _ in _find(name, "")] if revision else []
        if others:
            raise UsageError(f"--revision {revision}: {name} is a rule of {', '.join(others)}")
        raise UsageError(f"no requirement {name!r}: ids look like AVK-HS-004")
    said: dict[tuple[str, str], list[RevisionInfo]] = {}
    for info, row in rows:
        said.setdefault((_head(row), _explanation(info, row)), []).append(info)
    for (head, text), infos in said.items():
        revisions = ", ".join(info.id for info in infos)
        typer.echo(f"{head}  {infos[0].protocol} {revisions}\n{text}")
    return 0


def _find(name: str, revision: str) -> list[tuple[RevisionInfo, Requirement]]:
    from avatar_protocols.registry import PROTOCOLS

    found: list[tuple[RevisionInfo, Requirement]] = []
    for protocol in PROTOCOLS.values():
        for info in protocol.revisions.values():
            if info.status != "active" or revision not in {"", info.id, *info.aliases}:
                continue
            row = info.load("requirements").REQUIREMENTS.get(name)
            if row is not None:
                found.append((info, row))
    return found


def _head(row: Requirement) -> str:
    return f"{row.id}  {row.level}  {row.role}"


def _explanation(info: RevisionInfo, row: Requirement) -> str:
    """What there is to say below the head; revisions that differ in nothing say it together."""
    from conformance.checks import checks_of

    roles = [role for role in ROLES if row.role in {role, "both"}]
    lines = [
        textwrap.fill(row.text, 96, initial_indent="  ", subsequent_indent="  "),
        f"  source      {_source(row)}",
    ]
    if row.proposed:
        lines.append(f"  lowered     from {row.proposed}: {row.why}")
    for role in roles:
        checks = checks_of(info.protocol, role).named(row.id)
        scenarios = _verifying(info, role, row.id)
        lines.append(f"  as {role:<9}observable: {row.observable_by(role)}")  # type: ignore[arg-type]  # of ROLES
        lines += [f"    check     {check.id}: {_doc(check.function)}" for check in checks]
        lines += [f"    scenario  {item.id}" for item in scenarios]
        if scenarios:
            lines.append(
                f"    try it    understudy certify --protocol {info.protocol} --role {role} "
                f"--only {row.id}"
            )
    return "\n".join(lines)


def _source(row: Requirement) -> str:
    conflict = ", the sources disagree" if row.conflict else ""
    points = f" ({', '.join(row.open_points)})" if row.open_points else ""
    return f"{row.source}{conflict}{points}"


def _verifying(info: RevisionInfo, role: str, name: str) -> Iterable[Scenario]:
    found = discover((info.protocol,), (role,))
    return [
        item
        for item in found
        if isinstance(item, Scenario)
        and name in item.requirements
        and (not item.revisions or info.id in item.revisions)
    ]


def _doc(function: object) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]
