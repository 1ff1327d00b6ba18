"""An installation without what the extras bring: each protocol says what it needs, and no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADVICE = "{} needs {}, which is not installed: pip install 'understudy[{}]'\n"

#: Protocol -> what its extra brings, and how Python calls that.
LIBRARIES = {
    "avatarkit": ("protobuf", ["google", "google.protobuf"]),
    "videosdk": ("PyJWT", ["jwt"]),
}


def run(
    tmp_path: Path, code: str, *, without: tuple[str, ...] = tuple(LIBRARIES)
) -> subprocess.CompletedProcess[str]:
    """Run code where the libraries of these protocols are missing."""
    # None in sys.modules is what Python itself takes for "there is no such module".
    missing = {module: None for protocol in without for module in LIBRARIES[protocol][1]}
    path = [str(ROOT), str(ROOT / "generated" / "python")]
    start = f"import sys; sys.modules.update({missing}); sys.path[:0] = {path}; "
    return subprocess.run(
        [sys.executable, "-c", start + code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def understudy(arguments: list[str]) -> str:
    return f"from understudy import cli; sys.exit(cli.run({arguments}))"


def advice(protocol: str) -> str:
    return ADVICE.format(protocol, LIBRARIES[protocol][0], protocol)


@pytest.mark.parametrize("protocol", LIBRARIES)
@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "{}"],
        ["serve", "--all"],
        ["certify", "--protocol", "{}"],
        ["certify"],
    ],
    ids=" ".join,
)
def test_it_says_what_to_install(tmp_path: Path, protocol: str, arguments: list[str]) -> None:
    words = [word.format(protocol) for word in arguments]
    done = run(tmp_path, understudy(words), without=(protocol,))
    told = f"understudy: {advice(protocol)}"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_an_explanation_of_checks_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, understudy(["explain", "AVK-HS-001"]))
    assert (done.returncode, done.stderr) == (2, f"understudy: {advice('avatarkit')}")


@pytest.mark.parametrize(
    ("code", "protocol"),
    [
        ("import reference_client.avatarkit", "avatarkit"),
        ("import understudy; understudy.mock('avatarkit')", "avatarkit"),
        ("import understudy; understudy.mock('videosdk')", "videosdk"),
    ],
)
def test_so_do_imports(tmp_path: Path, code: str, protocol: str) -> None:
    done = run(tmp_path, code)
    assert done.returncode == 1
    assert done.stderr.endswith(advice(protocol))


def test_so_does_a_protobuf_of_another_version(tmp_path: Path) -> None:
    # What protobuf raises where it is older than the one that generated the code.
    code = """
from google.protobuf import runtime_version as runtime
def refuse(*_): raise runtime.VersionError("too old")
runtime.ValidateProtobufRuntimeVersion = refuse
""" + understudy(["serve", "avatarkit"])
    done = run(tmp_path, code, without=())
    assert done.returncode == 2
    assert done.stderr.startswith("understudy: avatarkit needs another protobuf than the one that ")
    assert done.stderr.endswith(": pip install 'understudy[avatarkit]'\n")


def test_a_fixture_does_too(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_it(videosdk_platform): ...")
    words = ["-q", "-p", "understudy.pytest_plugin", "-p", "no:cacheprovider"]
    # Where Understudy is installed, its plugin would be loaded a second time.
    alone = "import os; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'; "
    code = f"{alone}import pytest; sys.exit(pytest.main({words}))"
    done = run(tmp_path, code)
    assert done.returncode == 1
    assert advice("videosdk").strip() in done.stdout


def test_a_reference_agent_says_so_when_a_token_is_due(tmp_path: Path) -> None:
    code = """
import asyncio
from reference_client.videosdk import AgentConfig, AvatarAgent
url = 'http://127.0.0.1:9/'
config = AgentConfig(api_key='a', secret='b' * 32, room_id='r', dispatcher_url=url)
asyncio.run(AvatarAgent(config).start())
"""
    done = run(tmp_path, code)
    assert done.returncode == 1
    assert "CredentialsError: PyJWT is required" in done.stderr
    assert "SIGNER_MISSING" in done.stderr


@pytest.mark.parametrize("protocol", ["aiavatar", "akool", "liveavatar"])
def test_the_others_need_nothing(tmp_path: Path, protocol: str) -> None:
    code = f"""
import asyncio
from conformance.checks import checks_of
from conformance.drivers import driver_module
from understudy import mock
async def main():
    async with mock({protocol!r}) as platform:
        print(platform.urls)
asyncio.run(main())
checks_of({protocol!r}, "server"), driver_module({protocol!r}, "client")
"""
    done = run(tmp_path, code)
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_else_works(tmp_path: Path) -> None:
    certify = ["certify", "--protocol", "liveavatar", "--role", "server", "--only", "*/session/*"]
    explain = [["explain", rule] for rule in ("LAC-HS-001", "VSD-AUTH-001")]
    for arguments in (["--help"], certify, *explain, ["scenarios"]):
        done = run(tmp_path, understudy(arguments))
        assert done.returncode == 0, done.stderr


def test_the_reference_adapter_leaves_out_what_is_not_installed(tmp_path: Path) -> None:
    adapter = ROOT / "conformance" / "adapters" / "reference.py"
    code = (
        "import runpy, io, os; r, w = os.pipe(); "
        'os.write(w, b\'{"id": 1, "command": "describe"}\\n\'); os.close(w); os.dup2(r, 0); '
        f"runpy.run_path({str(adapter)!r}, run_name='__main__')"
    )
    done = run(tmp_path, f"sys.argv = ['reference.py']; {code}")
    for protocol in ("aiavatar", "akool", "liveavatar"):
        assert f'"protocol":"{protocol}"' in done.stdout
    assert '"protocol":"avatarkit"' not in done.stdout
    assert advice("avatarkit").strip() in done.stderr
    # A worker needs no library: its token is somebody else's. An agent signs one.
    assert '"protocol":"videosdk","name":"understudy reference client"' not in done.stdout
    assert "videosdk (client) is left out" in done.stderr
