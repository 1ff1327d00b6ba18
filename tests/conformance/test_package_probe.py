from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conformance import package_probe
from conformance.package_probe import describe, parse
from tests.conformance.helpers import install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, beside those that are here."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_package_that_says_what_is_true(site: Path) -> None:
    sources = {"avatar_kit/__init__.py": '__version__ = "1.0"\nimport json\nfrom . import other\n'}
    install(site, "avatar-kit", sources)
    assert describe("avatar-kit") == {
        "version": "1.0",
        "floor": "",
        "files": [str(site / "avatar_kit" / "__init__.py")],
        "undeclared": {},
        "versions": {},
    }


def test_what_is_imported_and_not_declared(site: Path) -> None:
    install(site, "Sound.Library", {"soundlib/__init__.py": ""})
    source = "import soundlib.waves as w, no_such_module\nfrom elsewhere.deep import x\nimport os\n"
    install(site, "avatar-kit", {"avatar_kit/__init__.py": source})
    assert describe("avatar-kit")["undeclared"] == {
        "soundlib": "sound-library",  # the module is told, and who brings it
        "no_such_module": "no-such-module",
        "elsewhere": "elsewhere",
    }


def test_what_is_declared_may_be_imported_however_it_is_spelled(site: Path) -> None:
    asks = 'Requires-Dist: deep>=1; python_version > "3"'
    install(site, "Sound.Library", {"soundlib.py": ""}, asks)
    install(site, "deep", {"deeper/__init__.py": ""}, "Requires-Dist: Sound.Library")  # a circle
    asks = "Requires-Dist: sound_library (>=1)\nRequires-Dist: not-installed"
    install(site, "avatar-kit", {"kit.py": "import soundlib, deeper, not_installed\n"}, asks)
    assert describe("avatar-kit")["undeclared"] == {}


def test_an_extra_is_not_declared(site: Path) -> None:
    install(site, "soundlib", {"soundlib.py": ""})
    asks = 'Provides-Extra: sound\nRequires-Dist: soundlib; extra == "sound"'
    install(site, "avatar-kit", {"kit.py": "import soundlib\n"}, asks)
    assert describe("avatar-kit")["undeclared"] == {"soundlib": "soundlib"}


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("try:\n    import gone\nexcept ImportError:\n    pass", False),
        ("try:\n    import gone\nexcept (OSError, ModuleNotFoundError):\n    pass", False),
        ("try:\n    import gone\nexcept:\n    pass", False),
        ("try:\n    import gone\nexcept ValueError:\n    pass", True),
        ("try:\n    import gone\nfinally:\n    pass", True),
        ("with open('x'):\n    import gone", True),
        ("class C:\n    from gone import x", True),
        ("def f():\n    import gone", False),
        ("if TYPE_CHECKING:\n    import gone", False),
        ("from . import gone", False),
        ("from .gone import x", False),
    ],
)
def test_only_what_is_always_imported_counts(site: Path, source: str, missing: bool) -> None:
    install(site, "avatar-kit", {"kit/__init__.py": source})
    assert ("gone" in describe("avatar-kit")["undeclared"]) == missing


def test_what_it_calls_itself(site: Path) -> None:
    sources = {
        "kit/__init__.py": '__version__ = "0.9"',
        "kit/version.py": '__version__ = "1.0"',
        "kit/client.py": 'VERSION = __version__ = "0.8"\n__author__ = "me"',
        "kit/other.py": "__version__ = 3\n__version__ = version('kit')",
    }
    install(site, "avatar-kit", sources)
    assert describe("avatar-kit")["versions"] == {"kit/__init__.py": "0.9", "client.py": "0.8"}


@pytest.mark.parametrize(
    ("declared", "floor"),
    [(">=3.8", "3.8"), ("<4, >= 3.11.2", "3.11"), ("~=3.8", ""), (">=3", ""), ("<3.13", "")],
)
def test_the_oldest_python_that_it_declares(site: Path, declared: str, floor: str) -> None:
    install(site, "avatar-kit", {"kit.py": ""}, f"Requires-Python: {declared}")
    assert describe("avatar-kit")["floor"] == floor


def test_other_files_are_none_of_its_sources(site: Path) -> None:
    made = install(site, "avatar-kit", {"kit.py": "", "kit.txt": "import gone", "old.py": ""})
    (site / "old.py").unlink()  # as it is after an update that went wrong
    assert describe("avatar-kit")["files"] == [str(site / "kit.py")]
    (made / "RECORD").unlink()  # as some systems package it
    assert describe("avatar-kit")["files"] == []


def test_a_file_that_cannot_be_parsed_hides_nothing_of_the_others(site: Path) -> None:
    sources = {"kit.py": "import gone\n", "template.py": "print {{ name }}\n", "null.py": "x\0"}
    install(site, "avatar-kit", sources)
    told = describe("avatar-kit")
    assert told["undeclared"] == {"gone": "gone"}
    broken = parse(*told["files"])
    assert [name.rpartition("/")[2] for name in broken] == ["template.py", "null.py"]
    assert broken[str(site / "template.py")].endswith(", line 1")
    assert "null bytes" in broken[str(site / "null.py")]


@pytest.mark.parametrize("command", ["describe", "parse"])
def test_run_as_a_script(
    site: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, "avatar-kit", {"kit.py": "import gone\n"})
    argument = "avatar-kit" if command == "describe" else str(site / "kit.py")
    monkeypatch.setattr(sys, "argv", ["package_probe.py", command, argument])
    package_probe.main()
    told = json.loads(capsys.readouterr().out)
    assert told == (describe("avatar-kit") if command == "describe" else {})


def test_it_needs_nothing_of_ours(tmp_path: Path) -> None:
    bare = [sys.executable, "-I", "-S", package_probe.__file__, "parse", __file__]
    done = subprocess.run(bare, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert json.loads(done.stdout) == {}
