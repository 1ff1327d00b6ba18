from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conformance.subject import suite_version
from tests.conformance.helpers import FAKES
from understudy import cli

if TYPE_CHECKING:
    from pathlib import Path

FAKE = f"{sys.executable} -S -E {FAKES}"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.run(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["certify", "--bogus"], "--bogus"),
        (["certify", "--jobs", "x"], "--jobs"),
        (["certify", "--shard", "3/2"], "--shard takes i/n"),
        (["certify", "--client", "x"], "--client needs --protocol: aiavatar, akool"),
        (["certify", "--client", "x", "--protocol", "bogus"], "bogus"),
        (["certify", "--client", "'", "--protocol", "avatarkit"], "--client"),
        (["certify", "--protocol", "liveavatar", "--revision", "0.4"], "planned"),
        (["certify", "--revision", "0.4"], "--revision needs --protocol"),
        (["certify", "--role", "judge"], "--role is client or server"),
        (["certify", "--client", "x", "--server", "y"], "exclude each other"),
        (["certify", "--client", "x", "--protocol", "avatarkit", "--role", "server"], "a client"),
        (["certify", "--attach", "nowhere", "--protocol", "avatarkit"], "HOST:PORT"),
        (["certify", "--server", "absent.json", "--protocol", "avatarkit"], "absent.json"),
        (
            ["certify", "--server", "http://x", "--protocol", "avatarkit", "--url", "x"],
            "--url takes",
        ),
        (
            ["certify", "--vendors", "--protocol", "liveavatar", "--role", "server"],
            "no vendor's SDK speaks liveavatar as a server",
        ),
        (["certify", "--server-command", "x"], "--server-command needs --protocol"),
        (
            ["certify", "--server-command", "x", "--server", "http://x"],
            "--server and --server-command exclude each other",
        ),
        (
            ["certify", "--server-command", "", "--protocol", "avatarkit"],
            "--server-command needs a command",
        ),
        (["certify", "--client", "", "--protocol", "avatarkit"], "--client needs a command"),
        (["certify", "--attach", "", "--protocol", "avatarkit"], "HOST:PORT"),
        (["certify", "--attach", ":1", "--protocol", "avatarkit", "--jobs", "2"], "--jobs"),
        (["certify", "--server", "", "--protocol", "avatarkit"], "--server"),
        (["certify", "--server", "ftp://x", "--protocol", "avatarkit"], "ftp://x: not a URL"),
        (
            ["certify", "--server", "http://x", "--protocol", "liveavatar"],
            "--server needs --credential api_key=… --credential avatar_id=…",
        ),
        (["certify", "--feature", "idle_limit"], "--feature goes with --server"),
        (["certify", "--url", "x=http://y"], "--url goes with --server"),
        (
            ["certify", "--server", "http://x", "--protocol", "avatarkit", "--feature", "flight"],
            "--feature flight: avatarkit knows",
        ),
        (["certify", "--out", "/dev/null", "--protocol", "avatarkit"], "--out /dev/null"),
        (["explain", "AVK-HS-001", "--revision", "9"], "a rule of avatarkit 0.1.7"),
        (["certify", "--only", "nothing-is-so-named"], "no scenario is so named"),
        (["scenarios", "--role", "x"], "--role"),
        (["scenarios", "--protocol", "x"], "unknown protocol 'x'"),
        (["explain", "AVK-XX-999"], "no requirement"),
        (["serve", "bogus"], "bogus"),
        (["serve"], "protocol"),
        (["dance"], "dance"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert told in err
    assert err.startswith("understudy: ")
    assert err.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for command in ("certify", "serve", "scenarios", "explain"):
        assert command in out
    _, out, _ = run(capsys, "certify", "--help")
    for flag in [
        "--client",
        "--attach",
        "--server",
        "--vendors",
        "--protocol",
        "--revision",
        "--out",
        "--only",
        "--jobs",
        "--shard",
        "--repeat",
        "--shuffle",
        "--fail-fast",
        "--strict",
        "--json",
        "--verbose",
    ]:
        assert flag in out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"understudy {suite_version()}\n", "")


def test_without_arguments_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: understudy")


def test_ctrl_c_before_a_run_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_request: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("understudy.certify.certify_request", interrupted)
    assert run(capsys, "certify") == (2, "", "understudy: stopped\n")


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from understudy import cli; cli.run(['--help']);"
        "heavy = {'aiohttp', 'websockets', 'rich', 'jinja2', 'yaml', 'jsonschema_rs', 'google'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    best = 10.0
    for _ in range(3):
        # Processor time: on a busy machine the wall clock says nothing about this process.
        begun = _spent()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        best = min(best, _spent() - begun)
    assert best < 0.3


def _spent() -> float:
    """Seconds of processor time that child processes have taken."""
    times = os.times()
    return times.children_user + times.children_system


def test_importing_is_light() -> None:
    code = "import sys, understudy; assert not {'typer', 'msgspec', 'aiohttp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_client_is_certified_through_its_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(
        capsys,
        "certify",
        "--client",
        f"{FAKE} nothing",
        "--protocol",
        "avatarkit",
        "--only",
        "handshake/confirm*",
        "--deadline",
        "0.1",
        "--out",
        str(tmp_path),
    )
    assert status == 1
    assert "FAILED" in out
    assert "never reached" in out
    document = json.loads((tmp_path / "results.json").read_bytes())
    assert document["outcome"] == "failed"
    assert {verdict["role"] for verdict in document["verdicts"]} == {"client"}
    assert (tmp_path / "junit.xml").is_file()
    assert (tmp_path / "index.html").is_file()
    assert list(tmp_path.glob("traces/fake-0-1-7/avatarkit/client/handshake/*.jsonl"))


def test_an_adapter_that_cannot_be_started_could_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("certify", "--client", "no-such-adapter", "--protocol", "avatarkit")
    status, out, _ = run(capsys, *command, "--only", "handshake", "--out", str(tmp_path))
    assert status == 2
    assert "COULD NOT RUN" in out
    assert "no-such-adapter" in out


def test_json_instead_of_a_table(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    arguments = ["certify", "--client", f"{FAKE} crash", "--protocol", "avatarkit", "--json"]
    only = ["--only", "handshake/confirm*", "--out", str(tmp_path)]
    assert cli.run([*arguments, *only]) == 1
    out, _ = capfdbinary.readouterr()
    assert json.loads(out)["version"] == 1


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "scenarios", "--protocol", "avatarkit", "--only", "handshake")
    assert (status, err) == (0, "")
    assert "avatarkit/client/handshake/" in out
    assert "liveavatar" not in out
    status, out, _ = run(capsys, "scenarios", "--role", "client", "--json")
    found = json.loads(out)
    assert found["broken"] == []
    assert all(item["role"] == "client" for item in found["scenarios"])


def test_a_requirement_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "explain", "AVK-HS-001")
    assert status == 0
    assert "AVK-HS-001  MUST  client  avatarkit 0.1.7" in out
    assert "check     AVK-HS-001" in out
    assert "understudy certify --protocol avatarkit --role client --only AVK-HS-001" in out


def test_a_seed_is_drawn_for_a_shuffle_that_names_none():
    drawn = cli._seeded(["certify", "--shuffle", "--jobs", "2"])
    assert drawn[:2] == ["certify", "--shuffle"]
    assert drawn[2].isdecimal()
    assert drawn[3:] == ["--jobs", "2"]
    assert cli._seeded(["certify", "--shuffle"])[2].isdecimal()
    assert cli._seeded(["--shuffle", "7"]) == ["--shuffle", "7"]
