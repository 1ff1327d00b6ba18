"""Finds a Python on this machine: that of a vendor's SDK need not be ours.

Looked for, in this order: the Python that runs this, those that pyenv has installed, and every
``python3.X`` on PATH. Of several that will do, ours is taken, else the oldest: the closest to what
the SDK's authors must have tried.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from conformance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Python", "find_python"]

_MINORS = range(9, 30)
"""Minor versions of Python 3 that are looked for on PATH."""
_SECONDS = 20.0
"""How long an interpreter may take to say which it is."""
_ASK = "import sys; print(*sys.version_info[:3]); print(sys.version)"
_CLAUSE = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+){0,2})")

Release = tuple[int, ...]


class Python(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter.

    Attributes:
        path: its program.
        release: major, minor and micro number.
        version: ``sys.version``.
    """

    path: str
    release: tuple[int, ...]
    version: str


def find_python(wanted: str, who: str = "needed:") -> Python:
    """An interpreter whose version is among those wanted.

    Args:
        wanted: version specifiers, such as ``>=3.12,<3.14``; "" for ours, whichever it is.
        who: who wants it, for the error.

    Raises:
        UsageError: the specifiers cannot be read, or there is no such interpreter here.
    """
    fits = _specifier(wanted)
    ours = Python(path=sys.executable, release=tuple(sys.version_info[:3]), version=sys.version)
    if fits(ours.release):
        return ours
    found = [python for python in _others() if fits(python.release)]
    if not found:
        seen = sorted({python.release for python in (ours, *_others())})
        told = ", ".join(".".join(map(str, release)) for release in seen)
        raise UsageError(
            f"{who} Python {wanted}, and this machine has {told}: install one that fits "
            "(python.org, pyenv, uv) so that python3.X is on PATH"
        )
    return min(found, key=lambda python: python.release)


def _specifier(text: str) -> Callable[[Release], bool]:
    """A test for versions; of a release only as many numbers count as a clause names."""
    clauses: list[tuple[str, Release]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise UsageError(f"python: {text!r} is no list of versions such as >=3.12,<3.14")
        clauses.append((match[1], tuple(map(int, match[2].split(".")))))
    return lambda release: all(
        _COMPARE[operator](release[: len(version)], version) for operator, version in clauses
    )


_COMPARE: dict[str, Callable[[Release, Release], bool]] = {
    ">=": lambda one, other: one >= other,
    "<=": lambda one, other: one <= other,
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">": lambda one, other: one > other,
    "<": lambda one, other: one < other,
}


@cache
def _others() -> tuple[Python, ...]:
    """Every other interpreter that works, each once."""
    found = {python.path: python for path in _candidates() if (python := _ask(path)) is not None}
    return tuple(found.values())


def _candidates() -> Iterator[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for home in sorted(root.glob("versions/3.*")):
        yield str(home / "bin" / "python")
    for minor in _MINORS:
        if (path := shutil.which(f"python3.{minor}")) is not None:
            yield path


def _ask(path: str) -> Python | None:
    """What an interpreter says that it is; None if it does not run, as the stubs of pyenv may."""
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter that was found here
            [path, "-I", "-c", _ASK], check=True, capture_output=True, text=True, timeout=_SECONDS
        )
        numbers, _, version = done.stdout.partition("\n")
        major, minor, micro = map(int, numbers.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Python(path=path, release=(major, minor, micro), version=version.rstrip("\n"))
