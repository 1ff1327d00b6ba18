"""Looks into an installed package; run by the Python of its environment, or by an older one.

    python package_probe.py describe DISTRIBUTION    what it declares, and what is in it
    python package_probe.py parse FILE...            what this Python cannot parse

Prints JSON. Needs the standard library alone, and Python 3.10; to parse, 3.8.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["describe", "parse"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_FLOOR = re.compile(r">=\s*(\d+\.\d+)")
_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


def describe(distribution: str) -> dict[str, Any]:
    """What a distribution declares, and what is in it.

    Returns:
        ``version``; ``floor``: the oldest Python that it declares, or ""; ``files``: its sources;
        ``undeclared``: what it imports and declares nowhere, the distribution by the module;
        ``versions``: the ``__version__`` of files where it is another.
    """
    found = metadata.distribution(distribution)
    sources = [Path(str(found.locate_file(file))) for file in found.files or ()]
    files = [path for path in sources if path.suffix == ".py" and path.is_file()]
    broken = parse(*map(str, files))
    trees = {path: ast.parse(path.read_bytes()) for path in files if str(path) not in broken}
    own = {file.parts[0].removesuffix(".py") for file in found.files or ()}
    declared = found.metadata
    asked = _FLOOR.search(
        declared["Requires-Python"] if "Requires-Python" in declared else ""  # noqa: SIM401 - it has no `get` in its types
    )
    return {
        "version": found.version,
        "floor": asked[1] if asked else "",
        "files": [str(path) for path in files],
        "undeclared": _undeclared(distribution, trees, own),
        "versions": {
            path.name if path.name != "__init__.py" else f"{path.parent.name}/{path.name}": said
            for path, tree in trees.items()
            if (said := _version(tree)) not in {"", found.version}
        },
    }


def parse(*files: str) -> dict[str, str]:
    """The files that this Python cannot parse, each with the reason."""
    broken: dict[str, str] = {}
    for name in files:
        try:
            ast.parse(Path(name).read_bytes())
        except SyntaxError as error:
            broken[name] = f"{error.msg}, line {error.lineno}"
        except ValueError as error:  # a null byte, before Python 3.12
            broken[name] = str(error)
    return broken


def _undeclared(distribution: str, trees: dict[Path, ast.Module], own: set[str]) -> dict[str, str]:
    """What is imported unconditionally, and comes neither with Python nor with what is declared."""
    declared = _closure(distribution)
    providers = metadata.packages_distributions()
    missing: dict[str, str] = {}
    for tree in trees.values():
        for module in _imports(tree.body):
            if module in own or module in sys.stdlib_module_names:
                continue
            names = {_plain(name) for name in providers.get(module, [module])}
            if not names & declared:
                missing[module] = min(names)
    return missing


def _closure(distribution: str) -> set[str]:
    """A distribution and all that it declares to need, directly or not; no extras."""
    known: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = _plain(waiting.pop())
        if name in known:
            continue
        known.add(name)
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # declared, and not installed here
        waiting += [_NAME.match(row)[0] for row in requires if "extra ==" not in row]  # type: ignore[index]
    return known


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    """First names of the modules that are imported when a file is, unless a failure is caught."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (name.name.partition(".")[0] for name in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            if statement.level == 0 and statement.module:
                yield statement.module.partition(".")[0]
        elif isinstance(statement, ast.Try):
            if not any(_forgives(handler) for handler in statement.handlers):
                yield from _imports(statement.body)
        elif isinstance(statement, (ast.ClassDef, ast.With)):
            yield from _imports(statement.body)


def _forgives(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & _FORGIVING)


def _version(tree: ast.Module) -> str:
    """What a file says its version is; "" if nothing."""
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
            continue
        targets = {node.id for node in statement.targets if isinstance(node, ast.Name)}
        if "__version__" in targets and isinstance(statement.value.value, str):
            return statement.value.value
    return ""


def main() -> None:
    """Run from the command line."""
    commands: dict[str, Callable[..., object]] = {"describe": describe, "parse": parse}
    command, *arguments = sys.argv[1:]
    json.dump(commands[command](*arguments), sys.stdout)


if __name__ == "__main__":
    main()
