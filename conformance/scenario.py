"""Scenarios: found on disk, read from YAML, checked against their schema, multiplied.

A malformed file or scenario becomes a `Broken` in place of the scenarios it hides, so that a run
reports it and goes on with everything else.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from conformance import yaml
from conformance.errors import ScenarioError
from conformance.schema import violation
from mock_servers.documents import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "SCENARIOS",
    "Broken",
    "Role",
    "Scenario",
    "Step",
    "discover",
    "load_file",
    "matches",
    "of_revision",
    "select",
]

SCENARIOS = Path(__file__).parent / "scenarios"
"""Folder of the scenarios: ``<protocol>/<role>/<topic>.yaml``."""

Role = Literal["client", "server"]

ROLES: tuple[Role, ...] = ("client", "server")

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step.

    Attributes:
        number: its number, from 1.
        kind: what to do: a key of the step tables in ``conformance/stage``.
        args: how; a mapping for most kinds.
    """

    number: int
    kind: str
    args: Any = None

    def __str__(self) -> str:
        return f"step {self.number} ({self.kind})"


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario, ready to be played.

    Attributes:
        id: ``<protocol>/<role>/<topic>/<name>``.
        protocol, role, topic: what it is about; ``role`` is that of the implementation under test.
        title: what it shows, as a sentence.
        verifies: ids of the checks it is to observe.
        revisions: revisions it holds for; empty means all.
        needs: features an implementation must claim.
        platform: options of the mock platform.
        plan: rules of the mock platform's behaviour.
        steps: what to do, in order.
        expect: data for the checks.
        timeout: deadline of the whole scenario in seconds; None takes the runner's.
        file: the file it stands in, relative to the folder of scenarios.
    """

    id: str
    protocol: str
    role: Role
    topic: str
    title: str
    steps: tuple[Step, ...]
    verifies: tuple[str, ...]
    revisions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    platform: dict[str, Any] = {}
    plan: tuple[dict[str, Any], ...] = ()
    expect: dict[str, Any] = {}
    timeout: float | None = None
    file: str = ""

    @property
    def requirements(self) -> tuple[str, ...]:
        """Ids of the requirements it verifies, without the checks' suffixes, each once."""
        return tuple(dict.fromkeys(check.partition(".")[0] for check in self.verifies))


def of_revision(scenario: Scenario, revision: str) -> Scenario | None:
    """The scenario as a revision is judged by it; None if it does not concern that revision.

    What it verifies need not be the same in all revisions that it holds for: rules that only other
    revisions have are left out.
    """
    if scenario.revisions and revision not in scenario.revisions:
        return None
    own, others = _rules(scenario.protocol, revision)
    verifies = tuple(
        name
        for name in scenario.verifies
        if (rule := name.partition(".")[0]) in own or rule not in others
    )
    if verifies == scenario.verifies:
        return scenario
    return msgspec.structs.replace(scenario, verifies=verifies) if verifies else None


@cache
def _rules(protocol: str, revision: str) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of the requirements of a revision, and those of all others that have code."""
    from avatar_protocols.registry import PROTOCOLS

    revisions = PROTOCOLS[protocol].revisions if protocol in PROTOCOLS else {}
    tables: dict[str, frozenset[str]] = {
        info.id: frozenset(info.load("requirements").REQUIREMENTS)
        for info in revisions.values()
        if info.status == "active"
    }
    own = tables.pop(revision, frozenset())
    return own, frozenset[str]().union(*tables.values())


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario, or a whole file of them, that cannot be used.

    Attributes:
        id: the scenario's id, or the file's path if not even that is known.
        protocol, role: as the file's place says; "" if it stands in the wrong place.
        message: file, place, rule, and what to do.
    """

    id: str
    protocol: str
    role: str
    message: str


def discover(
    protocols: Iterable[str] | None = None,
    roles: Iterable[str] = ROLES,
    *,
    folder: Path = SCENARIOS,
) -> list[Scenario | Broken]:
    """Every scenario of these protocols and roles, in the order of their ids' files."""
    wanted = None if protocols is None else set(protocols)
    found: list[Scenario | Broken] = []
    for role in roles:
        for path in sorted(folder.glob(f"*/{role}/*.yaml")):
            if wanted is None or path.parts[-3] in wanted:
                found += load_file(path, folder=folder)
    return found


def load_file(path: Path, *, folder: Path = SCENARIOS) -> list[Scenario | Broken]:
    """The scenarios of one file; what is malformed comes back as `Broken`."""
    name = path.relative_to(folder).as_posix()
    protocol, role, _ = name.split("/", 2)
    try:
        file = _File(name, _text(path, name))
    except ScenarioError as error:
        return [Broken(id=name, protocol=protocol, role=role, message=str(error))]
    found: list[Scenario | Broken] = []
    for index, raw in enumerate(file.document["scenarios"]):
        try:
            found += file.scenarios(index, raw)
        except ScenarioError as error:
            identifier = f"{file.prefix}/{raw.get('id', f'scenario-{index + 1}')}"
            broken = Broken(id=identifier, protocol=protocol, role=role, message=str(error))
            found.append(broken)
    return found


def select(
    scenarios: Iterable[Scenario | Broken], patterns: Sequence[str]
) -> list[Scenario | Broken]:
    """Those whose id matches a glob, whole or from any path segment on, or that verify a
    requirement so named. A pattern without wildcards also selects everything below it.

    ``handshake/*``, ``avatarkit/client/handshake``, ``*idle*``, ``AVK-HS-*`` do what they say.
    """
    if not patterns:
        return list(scenarios)
    return [s for s in scenarios if any(_selected(s, pattern) for pattern in patterns)]


def matches(identifier: str, pattern: str) -> bool:
    """Whether a scenario's id matches a glob as `select` reads it."""
    tail = identifier
    while True:
        if fnmatchcase(tail, pattern) or tail.startswith(pattern.rstrip("/") + "/"):
            return True
        _, slash, tail = tail.partition("/")
        if not slash:
            return False


def _selected(scenario: Scenario | Broken, pattern: str) -> bool:
    if matches(scenario.id, pattern):
        return True
    ids = scenario.verifies if isinstance(scenario, Scenario) else ()
    return any(fnmatchcase(i, pattern) or i.partition(".")[0] == pattern for i in ids)


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot be read: {error}", file=name) from error


class _File:
    """One scenario file: its text, and its document once it is known to have the right shape.

    Raises:
        ScenarioError: the file as a whole is malformed.
    """

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._seen: set[str] = set()
        self.document = self._read()
        self.prefix = name.removesuffix(".yaml")

    def scenarios(self, index: int, raw: Mapping[str, Any]) -> list[Scenario]:
        """The scenarios that one entry stands for: one, or one for each row of its matrix.

        Raises:
            ScenarioError: the entry is malformed.
        """
        made: list[Scenario] = []
        for suffix, variables in self._rows(index, raw):
            entry = {key: part for key, part in raw.items() if key != "matrix"}
            expanded = self._substitute(entry, variables, index)
            role = self.document["role"]
            self._check(expanded, f"{role}_scenario", ("scenarios", index), row=suffix)
            identifier = f"{self.prefix}/{expanded['id']}{suffix}"
            if identifier in self._seen:
                raise self._error(
                    f"the id {identifier} stands here twice",
                    ("scenarios", index, "id"),
                    hint="ids are unique within a file, matrix rows included",
                )
            self._seen.add(identifier)
            made.append(self._scenario(expanded, identifier))
        return made

    def _read(self) -> dict[str, Any]:
        try:
            document = yaml.load(self._text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise ScenarioError(
                f"is not valid YAML: {getattr(error, 'problem', None) or error}",
                file=self._name,
                line=mark.line + 1 if mark is not None else 0,
                hint="check indentation and quoting",
            ) from error
        self._check(document, "", ())
        said = f"{document['protocol']}/{document['role']}/{document['topic']}.yaml"
        if said != self._name:
            raise self._error(
                f"says that it is {said}, which is not its place",
                (),
                hint="keep it as <protocol>/<role>/<topic>.yaml",
            )
        return dict(document)

    def _check(
        self, value: object, definition: str, prefix: tuple[str | int, ...], *, row: str = ""
    ) -> None:
        found = violation("scenario", definition, value)
        if found is not None:
            raise self._error(found.message, (*prefix, *found.path), hint=found.hint, row=row)

    def _error(
        self, problem: str, path: tuple[str | int, ...], *, hint: str = "", row: str = ""
    ) -> ScenarioError:
        place = _place(path) + (f" (matrix row {row.removeprefix('-')})" if row else "")
        line = yaml.line_of(self._text, path)
        return ScenarioError(problem, file=self._name, place=place, line=line, hint=hint)

    def _rows(self, index: int, raw: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The suffix of the id and the variables, once for each scenario of the entry."""
        if "matrix" not in raw:
            yield "", {}
            return
        self._check(raw["matrix"], "matrix", ("scenarios", index, "matrix"))
        for row in raw["matrix"]:
            yield f"-{row['name']}", row

    def _substitute(self, value: Any, variables: Mapping[str, Any], index: int) -> Any:  # noqa: ANN401 - any document
        """The value with each ``{{variable}}`` replaced; a lone one keeps its type."""
        if is_object(value):
            return {
                self._substitute(key, variables, index): self._substitute(part, variables, index)
                for key, part in value.items()
            }
        if is_list(value):
            return [self._substitute(item, variables, index) for item in value]
        if not isinstance(value, str) or "{{" not in value:
            return value

        def look_up(match: re.Match[str]) -> Any:  # noqa: ANN401 - any document
            if match[1] not in variables:
                known = ", ".join(sorted(variables)) or "nothing, there is no matrix"
                raise self._error(
                    f"{match[0]} is no member of this matrix row",
                    ("scenarios", index),
                    hint=f"known here: {known}",
                )
            return variables[match[1]]

        whole = _VARIABLE.fullmatch(value)
        return look_up(whole) if whole else _VARIABLE.sub(lambda m: str(look_up(m)), value)

    def _scenario(self, raw: Mapping[str, Any], identifier: str) -> Scenario:
        document = self.document
        steps = tuple(
            Step(number=number, kind=kind, args=args)
            for number, step in enumerate(raw["steps"], 1)
            for kind, args in step.items()
        )
        return Scenario(
            id=identifier,
            protocol=document["protocol"],
            role=document["role"],
            topic=document["topic"],
            title=raw["title"],
            steps=steps,
            verifies=tuple(raw["verifies"]),
            revisions=tuple(raw.get("revisions", document.get("revisions", ()))),
            needs=tuple(raw.get("needs", ())),
            platform=raw.get("platform", {}),
            plan=tuple(raw.get("plan", ())),
            expect=raw.get("expect", {}),
            timeout=raw.get("timeout"),
            file=self._name,
        )


def _place(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
