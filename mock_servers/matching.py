"""Matching by example: a pattern is a piece of what is looked for.

A mapping matches a mapping that has at least its members, a list matches a list of the same length
element by element, and everything else matches its equal. The same rule serves a plan's ``where``,
the journal's ``wait_for`` and near misses, so that an expectation reads alike everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

__all__ = ["agreement", "matches"]


def matches(pattern: object, value: object) -> bool:
    """Whether ``value`` contains ``pattern``.

    Booleans equal only booleans: ``{"end": True}`` does not match ``{"end": 1}``.
    """
    if _is_mapping(pattern):
        return _is_mapping(value) and all(
            key in value and matches(part, value[key]) for key, part in pattern.items()
        )
    if _is_sequence(pattern):
        return (
            _is_sequence(value) and len(value) == len(pattern) and all(map(matches, pattern, value))
        )
    return pattern == value and isinstance(pattern, bool) == isinstance(value, bool)


def agreement(pattern: Mapping[str, Any], value: Mapping[str, Any]) -> tuple[int, list[str]]:
    """How nearly ``value`` matches: the number of leaves that agree, and what differs.

    Returns:
        The count of agreeing leaves, and one sentence for each leaf that does not agree.
    """
    agreed, differences = 0, list[str]()
    for path, wanted in _leaves(pattern, ""):
        found = _look_up(value, path)
        if matches(wanted, found):
            agreed += 1
        else:
            differences.append(f"{path} is {found!r}, not {wanted!r}")
    return agreed, differences


def _leaves(pattern: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, part in pattern.items():
        path = f"{prefix}{key}"
        if _is_mapping(part) and part:
            leaves += _leaves(part, f"{path}.")
        else:
            leaves.append((path, part))
    return leaves


def _look_up(value: object, path: str) -> object:
    for key in path.split("."):
        if not _is_mapping(value) or key not in value:
            return None
        value = value[key]
    return value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
