from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from conformance import pythons as module
from conformance.errors import UsageError
from conformance.pythons import find_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = tuple(sys.version_info[:3])


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with nothing on it but what a test installs."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    module._others.cache_clear()
    yield tmp_path
    module._others.cache_clear()


def install(path: Path, answer: str, status: int = 0) -> None:
    """A program that says of itself that it is a Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("wanted", ["", ">=3.11", f"=={OURS[0]}.{OURS[1]}", ">=3, !=3.2"])
def test_ours_if_it_fits(wanted: str) -> None:
    python = find_python(wanted)
    assert (python.path, python.release) == (sys.executable, OURS)
    assert python.version == sys.version


@pytest.mark.parametrize(
    ("wanted", "release"),
    [
        (">=3.50", (3, 50, 1)),
        (">3.50", (3, 60, 0)),
        ("==3.60", (3, 60, 0)),
        (">=3.50.2", (3, 60, 0)),
        (">3.40,!=3.50,<4", (3, 60, 0)),
    ],
)
def test_the_oldest_of_others_that_fit(
    machine: Path, wanted: str, release: tuple[int, ...]
) -> None:
    install(machine / "versions" / "3.60.0" / "bin" / "python", "3 60 0\\nbuilt once")
    install(machine / "bin" / "python3.12", "3 50 1\\nbuilt twice")  # it may be called anything
    python = find_python(wanted)
    assert python.release == release
    assert python.version.startswith("built")


def test_what_does_not_run_is_none(machine: Path) -> None:
    install(machine / "versions" / "3.60.0" / "bin" / "python", "3 60 0\\nx", status=127)
    install(machine / "bin" / "python3.12", "hello")
    (machine / "versions" / "3.61.0").mkdir()
    with pytest.raises(UsageError) as caught:
        find_python(">=3.60", "somebody needs")
    ours = ".".join(map(str, OURS))
    assert str(caught.value).startswith(
        f"somebody needs Python >=3.60, and this machine has {ours}: install one that fits"
    )


@pytest.mark.parametrize("wanted", ["3.12", "~=3.12", ">=three", ">=3.12 <4"])
def test_what_is_no_version(wanted: str) -> None:
    with pytest.raises(UsageError, match="is no list of versions such as"):
        find_python(wanted)
