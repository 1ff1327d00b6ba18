"""The test tree mirrors the sources, so that whoever changes a module finds its tests by its path.

Each module has a test file of its own, ``package/module.py`` in ``tests/package/test_module.py``,
and each test file has its module; a package's own code is tested in ``test_init.py``. What is
tested otherwise is named here, with the reason.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
ROOMS = (
    "codegen",
    "conformance",
    "mock_servers",
    "protocol_core",
    "reference_client",
    "understudy",
)

#: Sources without a test file each, by pattern.
TESTED_OTHERWISE = {
    "__init__.py": "most only name what a package offers; those that do more have a test_init",
    "_[!_]*.py": "private to the modules beside them, and tested through them",
    "conformance/checks/*/*.py": "judged as a whole, by tables of mutants: each check has its own",
}

#: Test files that are about no single module, by pattern.
ABOUT_MORE = {
    "tests/conformance/adapters/test_contract.py": "what all adapters of vendors' SDKs share",
    "tests/conformance/adapters/test_howto.py": "the adapter in docs/how-to/write-an-adapter.md",
    "tests/conformance/checks/avatarkit/test_vectors.py": "vectors and scenarios, side by side",
    "tests/conformance/checks/test_mutants.py": "every check, against its mutants",
    "tests/examples/test_run.py": "what runs the examples; they are no room",
    "tests/generated/test_*.py": "generated code, by kind: every revision has the same modules",
    "tests/mock_servers/test_fuzz.py": "whole platforms, whatever arrives",
    "tests/protocol_core/*/test_fuzz.py": "whole sessions, whatever arrives",
    "tests/protocol_core/*/test_pair.py": "a session of each role, joined in memory",
    "tests/test_sixth_protocol.py": "what it takes to add a protocol",
    "tests/test_tree.py": "this file",
    "tests/understudy/test_extras.py": "an installation without the optional dependencies",
}


def files(folder: str, pattern: str) -> set[PurePosixPath]:
    """Files below a folder, relative to the repository."""
    found = (ROOT / folder).rglob(pattern)
    return {PurePosixPath(path.relative_to(ROOT).as_posix()) for path in found}


def own_test(source: PurePosixPath) -> PurePosixPath:
    name = "init" if source.stem == "__init__" else source.stem
    return "tests" / source.with_name(f"test_{name}.py")


SOURCES = {source for room in ROOMS for source in files(room, "*.py")}
TESTS = files("tests", "test_*.py")
UNTESTED = {source for source in SOURCES if own_test(source) not in TESTS}
STRAY = TESTS - {own_test(source) for source in SOURCES}


def beside(paths: set[PurePosixPath], patterns: Iterable[str]) -> list[str]:
    """The paths that fit none of the patterns."""
    return sorted(str(path) for path in paths if not any(map(path.match, patterns)))


def test_every_module_has_its_tests() -> None:
    assert beside(UNTESTED, TESTED_OTHERWISE) == []


def test_every_test_file_has_its_module() -> None:
    assert beside(STRAY, ABOUT_MORE) == []


def test_no_exemption_outlives_its_reason() -> None:
    used = {pattern for path in UNTESTED for pattern in TESTED_OTHERWISE if path.match(pattern)}
    used |= {pattern for path in STRAY for pattern in ABOUT_MORE if path.match(pattern)}
    assert sorted({*TESTED_OTHERWISE, *ABOUT_MORE} - used) == []
