"""YAML as data files need it: YAML 1.2's core types, no duplicate keys, line numbers on demand.

PyYAML follows YAML 1.1, where ``on`` and ``no`` are booleans, ``12:30`` is a number and dates are
objects. A plan's key ``on:`` must stay a string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["YAMLError", "line_of", "load"]

YAMLError = yaml.YAMLError

# libyaml is about ten times faster; the pure Python loader reads the same documents.
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc, valid-type]  # chosen at run time
    """PyYAML's safe loader with the types of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's name and type

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands here twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_resolve = cast("Any", _Loader).add_implicit_resolver

for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        (
            r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        "-+0123456789.",
    ),
    ("merge", r"<<", "<"),
):
    _resolve(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _integer(loader: Any, node: yaml.ScalarNode) -> int:  # noqa: ANN401 - PyYAML's loader
    text = str(loader.construct_scalar(node))
    # YAML 1.2: a leading zero does not mean octal.
    return int(text, 0) if text.lower().startswith(("0o", "0x")) else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def load(text: str) -> Any:  # noqa: ANN401 - a document has any shape
    """Read one document.

    Raises:
        YAMLError: it is not YAML, or a mapping has a key twice.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, where the node at ``path`` begins; that of its parent if it is absent."""
    node = yaml.compose(text, Loader=_Loader)
    line = 0
    for step in path:
        if node is None:
            break
        line = node.start_mark.line
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                return line + 1
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            if step >= len(node.value):
                return line + 1
            node = node.value[step]
            line = node.start_mark.line
        else:
            return line + 1
    return line + 1
