"""The tables of a protocol as Python modules, and the registry over all protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.naming import revision_module
from codegen.render import render

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codegen.model import Constant, Specification
    from codegen.tree import Tree

__all__ = ["add_registry", "add_revision_tables"]


def add_registry(specifications: Iterable[Specification], tree: Tree) -> None:
    """Take what all protocols share: the tables' types, the registry, the packages."""
    specs = list(specifications)
    sources = ["spec/*/protocol.yaml"]
    tree.add(
        "avatar_protocols/__init__.py",
        '"""Everything generated from the specifications: tables, codecs, messages.\n\n'
        "Importing this package loads nothing else; `avatar_protocols.registry` finds the rest.\n"
        '"""\n',
        sources,
    )
    tree.add("avatar_protocols/py.typed", "")
    tree.add("avatar_protocols/tables.py", render("tables.py.jinja"), ["codegen/templates"])
    registry = render("registry.py.jinja", specifications=specs)
    tree.add("avatar_protocols/registry.py", registry, sources)
    for spec in specs:
        title = f'"""{spec.protocol.title}, a package for each revision."""\n'
        source = f"spec/{spec.id}/protocol.yaml"
        tree.add(f"avatar_protocols/{spec.id}/__init__.py", title, [source])


def add_revision_tables(spec: Specification, revision: str, tree: Tree) -> None:
    """Take the modules of one revision that come from its tables."""
    home = f"avatar_protocols/{spec.id}/{revision_module(revision)}"
    title = f'"""{spec.protocol.title}, revision {revision}."""\n'
    tree.add(f"{home}/__init__.py", title, [f"spec/{spec.id}/protocol.yaml"])
    for name, step in (
        ("constants", _constants),
        ("errors", _errors),
        ("states", _states),
        ("requirements", _requirements),
    ):
        table = "protocol" if name == "constants" else name
        tree.add(f"{home}/{name}.py", step(spec, revision), [f"spec/{spec.id}/{table}.yaml"])


def _constants(spec: Specification, revision: str) -> str:
    table = spec.protocol
    endpoints = {name: row for name, row in table.endpoints.items() if row.belongs(revision)}
    groups: dict[str, dict[str, Constant]] = {}
    for group, rows in table.constants.items():
        kept = {name: row for name, row in rows.items() if row.belongs(revision)}
        if kept:
            groups[group] = kept
    return render(
        "constants.py.jinja",
        spec=spec,
        revision=revision,
        endpoints=endpoints,
        constants=groups,
        exported=sorted(["PROTOCOL", "REVISION", "Endpoint", *groups]),
        describe=describe,
    )


def describe(row: Constant) -> str:
    """What stands below a constant: its unit, its note and its rule."""
    parts = [f"In {row.unit}." if row.unit else "", row.note]
    text = " ".join(part for part in parts if part)
    return f"{text} [{row.requirement}]" if row.requirement else text


def _errors(spec: Specification, revision: str) -> str:
    table = spec.errors
    codes = [row for row in table.codes if row.belongs(revision)]
    exported = ["CATALOGUE", "CLASSIFICATION", "CODES", "ErrorCode"]
    return render(
        "errors.py.jinja",
        spec=spec,
        revision=revision,
        codes=codes,
        phases=table.phases,
        catalogue=[row for row in table.catalogue if row.belongs(revision)],
        classification=[row for row in table.classification if row.belongs(revision)],
        exported=sorted([*exported, "Phase"] if table.phases else exported),
    )


def _states(spec: Specification, revision: str) -> str:
    machines = dict(spec.states.of(revision))
    states: dict[str, str] = {}
    triggers: dict[str, str] = {}
    for machine in machines.values():
        for name, row in machine.states.items():
            states.setdefault(name, row.description)
        for name, event in machine.events.items():
            triggers.setdefault(name, event.description)
    return render(
        "states.py.jinja",
        spec=spec,
        revision=revision,
        machines=machines,
        states=states,
        triggers=triggers,
        exported=sorted([*(name.upper() for name in machines), "State", "Trigger"]),
    )


def _requirements(spec: Specification, revision: str) -> str:
    table = spec.requirements
    return render(
        "requirements.py.jinja",
        spec=spec,
        revision=revision,
        requirements=[row for row in table.requirements if row.belongs(revision)],
        open_points=[row for row in table.open_points if row.belongs(revision)],
        errata=[
            row for row in (spec.errata.errata if spec.errata else ()) if row.belongs(revision)
        ],
    )
