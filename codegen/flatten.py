"""Bringing the schemas of one folder into one flat set of named definitions.

datamodel-code-generator makes one module of one document, so everything that a generated module
needs is first hoisted into ``$defs`` of one document: the root of every file under its title,
every definition under its own name. References across files become references inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

import msgspec

from codegen.load import read_json
from codegen.naming import class_name
from codegen.problems import Problem, SourceError
from codegen.shapes import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from codegen.layout import Layout

__all__ = ["Definitions", "closure", "flatten", "references"]

Schema = dict[str, Any]
_PREFIX = "#/$defs/"
_ENVELOPE = {"$schema", "$id", "$defs"}


class Definitions(msgspec.Struct, frozen=True):
    """Named schemas that refer to each other by ``#/$defs/<name>``.

    Attributes:
        schemas: by class name.
        roots: class name of each file's root, by the file's stem (without ``.schema.json``).
    """

    schemas: dict[str, Schema]
    roots: dict[str, str]


def references(schema: object) -> Iterator[str]:
    """Names that a flattened schema refers to, repetitions included."""
    if is_object(schema):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(_PREFIX)
        for value in schema.values():
            yield from references(value)
    elif is_array(schema):
        for value in schema:
            yield from references(value)


def closure(schemas: Mapping[str, Schema], names: list[str]) -> dict[str, Schema]:
    """The named schemas and all that they refer to, in the order of the mapping."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += references(schemas[name])
    return {name: schema for name, schema in schemas.items() if name in wanted}


def flatten(files: list[Path], layout: Layout) -> Definitions:
    """The definitions of these files and of the files beside them that they refer to.

    Raises:
        SourceError: a reference leads nowhere, a root has no title, or two share a name.
    """
    return _Flattener(layout).run(files)


class _Flattener:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._documents: dict[str, tuple[Path, Schema]] = {}
        self._schemas: dict[str, Schema] = {}
        self._owners: dict[str, str] = {}

    def run(self, files: list[Path]) -> Definitions:
        folders = {file.parent for file in files}
        for path in sorted(file for folder in folders for file in folder.glob("*.json")):
            document = read_json(path, self._layout)
            self._documents[document.get("$id") or path.as_uri()] = (path, document)
        roots: dict[str, str] = {}
        chosen = set(files)
        for uri, (path, document) in self._documents.items():
            if path not in chosen:
                continue
            if set(document) - _ENVELOPE - {"title", "description"}:
                roots[path.name.removesuffix(".schema.json")] = self._take(uri, "")
            for name in document.get("$defs", {}):
                self._take(uri, f"/$defs/{name}")
        return Definitions(schemas=self._schemas, roots=roots)

    def _take(self, uri: str, pointer: str) -> str:
        """Hoist the definition at a pointer; returns its class name."""
        path, document = self._documents[uri]
        schema: Any = document
        for step in pointer.split("/")[1:]:
            if not is_object(schema) or step not in schema:
                raise self._fault(path, pointer, "known-reference", "the reference leads nowhere")
            schema = schema[step]
        name = self._name(path, pointer, schema)
        owner = f"{uri}#{pointer}"
        known = self._owners.setdefault(name, owner)
        if known != owner:
            raise self._fault(path, pointer, "unique-names", f"{name} is also {known}")
        if name not in self._schemas:
            self._schemas[name] = {}  # holds the place, and ends recursion
            body = {key: value for key, value in schema.items() if key not in _ENVELOPE}
            self._schemas[name] = {"title": name} | self._rewrite(uri, body) | {"title": name}
        return name

    def _name(self, path: Path, pointer: str, schema: Schema) -> str:
        if pointer:
            return class_name(pointer.rpartition("/")[2])
        if not isinstance(schema.get("title"), str):
            raise self._fault(path, "title", "titled", "the title names the generated class")
        return class_name(schema["title"])

    def _rewrite(self, uri: str, value: Any) -> Any:  # noqa: ANN401 (any JSON value)
        if is_array(value):
            return [self._rewrite(uri, item) for item in value]
        if not is_object(value):
            return value
        table: Schema = {}
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                table[key] = self._target(uri, item)
            elif key == "discriminator" and is_object(item):
                mapping: dict[str, str] = item.get("mapping", {})
                targets = {tag: self._target(uri, ref) for tag, ref in mapping.items()}
                table[key] = item | {"mapping": targets}
            else:
                table[key] = self._rewrite(uri, item)
        return table

    def _target(self, uri: str, reference: str) -> str:
        base, fragment = urldefrag(reference)
        target = uri if not base else base if base in self._documents else urljoin(uri, base)
        if target not in self._documents:
            path, _ = self._documents[uri]
            raise self._fault(path, "", "known-reference", f"{reference} leads nowhere")
        return _PREFIX + self._take(target, fragment)

    def _fault(self, path: Path, place: str, rule: str, message: str) -> SourceError:
        return SourceError([Problem(self._layout.name(path), place, rule, message)])
