"""A protocol is added by adding folders and files: the proof is one that exists nowhere else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SIXTH = Path(__file__).parent / "fixtures" / "sixth_protocol"
ROOMS = (
    "codegen",
    "conformance",
    "generated",
    "mock_servers",
    "proto",
    "protocol_core",
    "reference_client",
    "schemas",
    "spec",
    "tests/vectors",
    "understudy",
)
FILES = ("pyproject.toml",)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the sixth protocol laid over it, generated."""
    home = tmp_path_factory.mktemp("checkout")
    unneeded = shutil.ignore_patterns("__pycache__", "node_modules")
    for room in ROOMS:
        shutil.copytree(ROOT / room, home / room, ignore=unneeded)
    for file in FILES:
        shutil.copy(ROOT / file, home / file)
    before = {path.relative_to(home) for path in home.rglob("*")}
    added = [path.relative_to(SIXTH) for path in SIXTH.rglob("*") if path.is_file()]
    assert not before & set(added), "the sixth protocol replaces a file"
    shutil.copytree(SIXTH, home, dirs_exist_ok=True)
    run(home, "codegen")
    return home


def run(home: Path, *arguments: str) -> str:
    """Run a module of the copy; its output."""
    path = os.pathsep.join((str(home), str(home / "generated" / "python")))
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        cwd=home,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_both_roles_are_certified(checkout: Path) -> None:
    run(checkout, "understudy", "certify", "--protocol", "parrot", "--out", "reports")
    verdicts = json.loads((checkout / "reports" / "results.json").read_text("utf-8"))["verdicts"]
    assert {(row["role"], row["requirement"]) for row in verdicts if row["outcome"] == "pass"} == {
        ("client", "PAR-SAY-001"),
        ("client", "PAR-ERR-002"),
        ("server", "PAR-ECHO-001"),
        ("server", "PAR-ERR-001"),
    }


def test_the_catalogue_of_scenarios_knows_it(checkout: Path) -> None:
    assert "parrot/server/talk/echo" in run(
        checkout, "understudy", "scenarios", "--protocol", "parrot"
    )
    assert "PAR-ECHO-001" in run(checkout, "understudy", "explain", "PAR-ECHO-001")


def test_nothing_of_it_is_in_the_repository() -> None:
    assert not (ROOT / "spec" / "parrot").exists()
