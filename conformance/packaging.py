"""What an SDK's package says of itself, held against what is in it.

A package may import what it does not declare, promise a Python that cannot parse it, or call itself
by another version. Its users meet that before any protocol, and no scenario can show it.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.errors import UsageError
from conformance.pythons import find_python

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["examine"]

_SCRIPT = Path(__file__).with_name("package_probe.py")
_SECONDS = 60.0
"""How long one look at a package may take."""


@cache
def examine(python: str, distribution: str) -> tuple[str, ...]:
    """What a package gets wrong about itself, one sentence each.

    Args:
        python: the interpreter of the environment that holds it.
        distribution: its name.

    Raises:
        UsageError: the environment cannot be looked into.
    """
    report = _look(python, "describe", distribution)
    found = [
        f"It calls itself {said} in {place}, and is {report['version']}."
        for place, said in sorted(report["versions"].items())
    ]
    if report["undeclared"]:
        modules = ", ".join(sorted(report["undeclared"]))
        found.insert(0, f"Modules of it import what it does not declare: {modules}.")
    if report["floor"]:
        found += _parsed(report["floor"], report["files"])
    return tuple(found)


def _parsed(floor: str, files: Sequence[str]) -> list[str]:
    """What the oldest Python that a package promises cannot parse, if that Python is here."""
    try:
        oldest = find_python(f"=={floor}")
        broken: dict[str, str] = _look(oldest.path, "parse", *files)
    except UsageError:
        return []  # Nobody here can say: it is not here, or older than our script.
    return [
        f"It declares to run on Python {floor}, which cannot parse {Path(name).name}: {why}."
        for name, why in sorted(broken.items())
    ]


def _look(python: str, *arguments: str) -> Any:  # noqa: ANN401 - what the script prints
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            [python, "-I", str(_SCRIPT), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        return json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        told = str(error.stderr).strip().splitlines()[-1:]
        raise UsageError(f"{python} cannot look into its packages: {' '.join(told)}") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise UsageError(f"{python} cannot look into its packages: {error}") from error
