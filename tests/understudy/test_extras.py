"""An installation of the base alone: no protobuf, so AvatarKit says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADVICE = "avatarkit needs protobuf, which is not installed: pip install 'understudy[avatarkit]'\n"

# None in sys.modules is what Python itself takes for "there is no such module".
WITHOUT = "import sys; sys.modules['google'] = sys.modules['google.protobuf'] = None; "


def run(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    path = f"sys.path[:0] = {[str(ROOT), str(ROOT / 'generated' / 'python')]!r}; "
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + path + code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "avatarkit"],
        ["serve", "--all"],
        ["certify", "--protocol", "avatarkit"],
        ["certify"],
        ["explain", "AVK-HS-001"],
    ],
)
def test_avatarkit_says_what_to_install(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, f"from understudy import cli; sys.exit(cli.run({arguments}))")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"understudy: {ADVICE}")


@pytest.mark.parametrize(
    "code",
    [
        "import reference_client.avatarkit",
        "import understudy; understudy.mock('avatarkit')",
    ],
)
def test_so_do_imports(tmp_path: Path, code: str) -> None:
    done = run(tmp_path, code)
    assert done.returncode == 1
    assert done.stderr.endswith(ADVICE)


def test_everything_else_works(tmp_path: Path) -> None:
    certify = ["certify", "--protocol", "liveavatar", "--role", "server", "--only", "*/session/*"]
    for arguments in (["--help"], certify, ["explain", "LAC-HS-001"], ["scenarios"]):
        done = run(tmp_path, f"from understudy import cli; sys.exit(cli.run({arguments}))")
        assert done.returncode == 0, done.stderr


def test_the_reference_adapter_leaves_out_what_is_not_installed(tmp_path: Path) -> None:
    adapter = ROOT / "conformance" / "adapters" / "reference.py"
    code = (
        "import runpy, io, os; r, w = os.pipe(); "
        'os.write(w, b\'{"id": 1, "command": "describe"}\\n\'); os.close(w); os.dup2(r, 0); '
        f"runpy.run_path({str(adapter)!r}, run_name='__main__')"
    )
    done = run(tmp_path, f"sys.argv = ['reference.py']; {code}")
    assert '"protocol":"liveavatar"' in done.stdout
    assert '"protocol":"avatarkit"' not in done.stdout
    assert ADVICE.strip() in done.stderr
