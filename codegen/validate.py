"""Holding the sources against the meta-schemas, and turning them into types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import jsonschema_rs
import msgspec

from codegen.load import read_json, read_yaml
from codegen.model import (
    ErrataTable,
    ErrorTable,
    FrameTable,
    ProtocolTable,
    RequirementTable,
    Specification,
    StateTable,
)
from codegen.problems import Problem, SourceError
from codegen.shapes import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from codegen.layout import Layout

__all__ = [
    "BASE64",
    "MetaSchemas",
    "json_path",
    "load_specification",
    "validate_schemas",
    "validate_vectors",
]

T = TypeVar("T")
Schema = dict[str, Any]

BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""The pattern that every base64 string must have, because validators ignore contentEncoding."""

_BASE = "understudy:///schemas/meta/"


def json_path(steps: Iterable[str | int]) -> str:
    """``["requirements", 3, "level"]`` -> ``requirements[3].level``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class MetaSchemas:
    """The meta-schemas of one repository, compiled once each."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._documents = {
            path.name: read_json(path, layout) for path in sorted(layout.meta.glob("*.schema.json"))
        }
        self._registry = jsonschema_rs.Registry(
            [(_BASE + name, document) for name, document in self._documents.items()]
        )
        self._validators: dict[str, Any] = {}

    def problems(self, data: object, table: str, file: Path) -> list[Problem]:
        """Every fault of the data of one file under ``<table>.schema.json``."""
        name = f"{table}.schema.json"
        if name not in self._validators:
            self._validators[name] = jsonschema_rs.Draft202012Validator(
                self._documents[name],
                base_uri=_BASE + name,
                registry=self._registry,
                validate_formats=True,
            )
        shown = self._layout.name(file)
        return [
            Problem(
                file=shown,
                path=_place(data, list(error.instance_path)),
                rule="/".join(str(step) for step in error.schema_path),
                message=_shorten(error.message),
            )
            for error in self._validators[name].iter_errors(data)
        ]


def _place(data: Any, steps: list[str | int]) -> str:  # noqa: ANN401 (any JSON value)
    """The JSON path, with the id of the row it stands in, so that nobody has to count rows."""
    path = json_path(steps)
    for depth in range(1, len(steps) + 1):
        row = data
        for step in steps[:depth]:
            row = row[step]
        if isinstance(steps[depth - 1], int) and is_object(row):
            for key in ("id", "name", "code"):
                if isinstance(row.get(key), str):
                    return f"{path} ({row[key]})"
    return path


def _shorten(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _table(kind: type[T], table: str, file: Path, layout: Layout, meta: MetaSchemas) -> T:
    data = read_yaml(file, layout)
    problems = meta.problems(data, table, file)
    if problems:
        raise SourceError(problems)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise SourceError(
            [Problem(file=layout.name(file), path="", rule="types", message=str(error))]
        ) from None


def load_specification(protocol: str, layout: Layout, meta: MetaSchemas) -> Specification:
    """All tables of one protocol, each valid on its own.

    Raises:
        SourceError: with the faults of every table, not only of the first.
    """
    folder = layout.spec / protocol
    problems: list[Problem] = []

    def load(kind: type[T], table: str) -> T | None:
        try:
            return _table(kind, table, folder / f"{table}.yaml", layout, meta)
        except SourceError as error:
            problems.extend(error.problems)
            return None

    tables = load(ProtocolTable, "protocol")
    requirements = load(RequirementTable, "requirements")
    states = load(StateTable, "states")
    errors = load(ErrorTable, "errors")
    frames = load(FrameTable, "frames") if (folder / "frames.yaml").exists() else None
    errata = load(ErrataTable, "errata") if (folder / "errata.yaml").exists() else None
    if problems or tables is None or requirements is None or states is None or errors is None:
        raise SourceError(problems)
    return Specification(
        protocol=tables,
        requirements=requirements,
        states=states,
        errors=errors,
        frames=frames,
        errata=errata,
    )


def validate_vectors(layout: Layout, meta: MetaSchemas) -> list[Problem]:
    """Faults of the golden vectors: their form, repeated ids, half bytes."""
    problems: list[Problem] = []
    for file in sorted(layout.vectors.glob("*/*.yaml")):
        try:
            data = read_yaml(file, layout)
        except SourceError as error:
            problems += error.problems
            continue
        found = meta.problems(data, "vectors", file)
        problems += found
        if found:
            continue
        problems += _vector_problems(data, layout.name(file))
    return problems


def _vector_problems(data: dict[str, Any], shown: str) -> list[Problem]:
    """What the meta-schema of vectors cannot say."""
    problems: list[Problem] = []
    seen: set[str] = set()
    flags = set(data.get("flags", {}))
    for index, vector in enumerate(data["vectors"]):
        place = f"vectors[{index}] ({vector['id']})"
        if vector["id"] in seen:
            problems.append(Problem(shown, place, "unique-ids", "the id is repeated"))
        seen.add(vector["id"])
        if len(vector.get("hex", "")) % 2:
            problems.append(Problem(shown, place, "whole-bytes", "hex has half a byte"))
        for flag in sorted(set(vector.get("flags", [])) - flags):
            message = f"the file does not define the flag {flag}"
            problems.append(Problem(shown, place, "known-flag", message))
    return problems


def validate_schemas(layout: Layout) -> list[Problem]:
    """Faults of every file below ``schemas/`` as a JSON Schema 2020-12."""
    problems: list[Problem] = []
    folders: dict[Path, dict[Path, Schema]] = {}
    for file in sorted(layout.schemas.rglob("*.json")):
        shown = layout.name(file)
        try:
            document = read_json(file, layout)
        except SourceError as error:
            problems += error.problems
            continue
        if not file.name.endswith(".schema.json"):
            problems.append(Problem(shown, "", "file-name", "the name must end in .schema.json"))
        dialect = "https://json-schema.org/draft/2020-12/schema"
        if not is_object(document) or document.get("$schema") != dialect:
            problems.append(Problem(shown, "$schema", "dialect", f"must be {dialect}"))
            continue
        try:
            jsonschema_rs.meta.validate(document)
        except jsonschema_rs.ValidationError as error:
            place = json_path(error.instance_path)
            problems.append(Problem(shown, place, "json-schema", _shorten(error.message)))
            continue
        problems += [
            Problem(shown, place, "base64-pattern", f"base64 needs the pattern {BASE64}")
            for place in _unchecked_base64(document)
        ]
        folders.setdefault(file.parent, {})[file] = document
    for documents in folders.values():
        problems += _unresolved(documents, layout)
    return problems


def _unchecked_base64(schema: object, *steps: str | int) -> Iterator[str]:
    """Places of base64 strings that no validator would check: ``contentEncoding`` is a remark."""
    if is_object(schema):
        if schema.get("contentEncoding") == "base64" and schema.get("pattern") != BASE64:
            yield json_path(steps)
        for key, value in schema.items():
            yield from _unchecked_base64(value, *steps, key)
    elif is_array(schema):
        for index, value in enumerate(schema):
            yield from _unchecked_base64(value, *steps, index)


def _unresolved(documents: dict[Path, Schema], layout: Layout) -> list[Problem]:
    """Schemas of one folder whose references lead nowhere, as a validator sees them."""
    uris = {file: str(schema.get("$id", file.as_uri())) for file, schema in documents.items()}
    problems: list[Problem] = []
    place = next(iter(documents))
    try:
        registry = jsonschema_rs.Registry([(uris[file], it) for file, it in documents.items()])
        for file, schema in documents.items():
            place = file
            jsonschema_rs.Draft202012Validator(schema, base_uri=uris[file], registry=registry)
    except ValueError as error:  # the library's own errors are ValueErrors
        message = str(error).partition("\n")[0]
        problems.append(Problem(layout.name(place), "", "resolvable", message))
    return problems
