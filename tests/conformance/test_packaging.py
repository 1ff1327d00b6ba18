from __future__ import annotations

import json
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance import packaging as module
from conformance.errors import UsageError
from conformance.packaging import examine
from conformance.pythons import Python
from tests.conformance.helpers import install

if TYPE_CHECKING:
    from collections.abc import Iterator

FLOOR = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Environment:
    """A virtual environment that holds what a test installs."""

    def __init__(self, home: Path) -> None:
        venv.create(home, symlinks=True)
        self.python = str(home / "bin" / "python")
        paths = {"base": str(home), "platbase": str(home)}
        self.site = Path(sysconfig.get_path("purelib", "venv", paths))

    def look(self, metadata: str = "", **sources: str) -> tuple[str, ...]:
        """What is found of a package of these files."""
        install(self.site, "avatar-kit", {f"{k}.py": v for k, v in sources.items()}, metadata)
        return examine(self.python, "avatar-kit")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    examine.cache_clear()
    yield Environment(tmp_path / "environment")
    examine.cache_clear()


def script(path: Path, answer: str, status: int = 0) -> str:
    """A program that prints something, whatever it is asked."""
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_nothing_is_wrong(environment: Environment) -> None:
    asks = f"Requires-Python: >={FLOOR}"
    assert environment.look(asks, kit='import json\n__version__ = "1.0"\n') == ()


def test_everything_is_wrong(environment: Environment) -> None:
    found = environment.look(
        f"Requires-Python: >={FLOOR}",
        kit="import zebra, requests\n",
        other='import aardvark\n__version__ = "0.9"\n',
        broken="print 'hello'\n",
    )
    *told, last = found
    assert told == [
        "Modules of it import what it does not declare: aardvark, requests, zebra.",
        "It calls itself 0.9 in other.py, and is 1.0.",
    ]
    assert last.startswith(f"It declares to run on Python {FLOOR}, which cannot parse broken.py: ")
    assert last.endswith(", line 1.")


def test_it_is_looked_at_once(environment: Environment) -> None:
    assert environment.look(kit="import gone\n")
    assert environment.look(kit="\n")  # a change within one run is not seen
    assert examine.cache_info().misses == 1


def test_an_older_python_is_asked_if_it_is_here(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"/x/two.py": "b, line 2", "/x/one.py": "a, line 1"})
    oldest = script(tmp_path / "python3.4", answer)

    def find(wanted: str) -> Python:
        assert wanted == "==3.4"
        return Python(path=oldest, release=(3, 4, 0), version="3.4.0")

    monkeypatch.setattr(module, "find_python", find)
    assert environment.look("Requires-Python: >=3.4", kit="") == (
        "It declares to run on Python 3.4, which cannot parse one.py: a, line 1.",
        "It declares to run on Python 3.4, which cannot parse two.py: b, line 2.",
    )


def test_a_python_that_is_not_here_tells_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(wanted: str) -> Python:
        raise UsageError(f"no Python {wanted} here")

    monkeypatch.setattr(module, "find_python", find)
    assert environment.look("Requires-Python: >=3.99", kit="") == ()


def test_a_python_too_old_to_look_tells_nothing(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = Python(path=script(tmp_path / "old", "", 1), release=(2, 7, 0), version="2.7.0")
    monkeypatch.setattr(module, "find_python", lambda _: oldest)
    assert environment.look("Requires-Python: >=2.7", kit="") == ()


def test_an_environment_that_cannot_be_looked_into(
    environment: Environment, tmp_path: Path
) -> None:
    python = environment.python
    with pytest.raises(UsageError, match=r"cannot look into its packages: .*PackageNotFound"):
        examine(python, "nobody-knows-this")
    with pytest.raises(UsageError, match="cannot look into its packages"):
        examine(script(tmp_path / "mute", ""), "avatar-kit")
    with pytest.raises(UsageError, match="cannot look into its packages"):
        examine(str(tmp_path / "nowhere" / "python"), "avatar-kit")
