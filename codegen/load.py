"""Reading YAML and JSON sources, refusing what a parser would silently mend.

Plain words mean what they mean in YAML 1.2: `on` and `no` are text, as are dates; only `true` and
`false` are booleans.

YAML keeps the last of two equal keys; here a repeated key is a fault, because a requirement or
a state that disappears like that is never missed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from codegen.problems import Problem, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from codegen.layout import Layout

__all__ = ["read_json", "read_yaml"]


class _RepeatedKeyError(Exception):
    pass


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise _RepeatedKeyError(f"line {line}: the key {key!r} is repeated")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {_TAG + "null", _TAG + "merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?", "-+0123456789"),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType] (its stub says nothing)
        _TAG + _name, re.compile(f"^({_pattern})$"), list(_first)
    )


def read_yaml(path: Path, layout: Layout) -> Any:  # noqa: ANN401 (any YAML or JSON value)
    """The content of a YAML file.

    Raises:
        SourceError: the file is absent, is not YAML, or repeats a key.
    """
    text = _read(path, layout)
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except _RepeatedKeyError as error:
        raise _broken(path, layout, "unique-keys", str(error)) from None
    except yaml.YAMLError as error:
        raise _broken(path, layout, "yaml", " ".join(str(error).split())) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise _RepeatedKeyError(f"the key {repeated[0]!r} is repeated")
    return table


def read_json(path: Path, layout: Layout) -> Any:  # noqa: ANN401 (any YAML or JSON value)
    """The content of a JSON file.

    Raises:
        SourceError: the file is absent, is not JSON, or repeats a key.
    """
    text = _read(path, layout)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except _RepeatedKeyError as error:
        raise _broken(path, layout, "unique-keys", str(error)) from None
    except json.JSONDecodeError as error:
        raise _broken(path, layout, "json", str(error)) from None


def _read(path: Path, layout: Layout) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _broken(path, layout, "present", "the file is missing") from None
    except UnicodeDecodeError as error:
        raise _broken(path, layout, "utf-8", str(error)) from None


def _broken(path: Path, layout: Layout, rule: str, message: str) -> SourceError:
    return SourceError([Problem(file=layout.name(path), path="", rule=rule, message=message)])
