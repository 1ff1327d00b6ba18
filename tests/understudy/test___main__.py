"""The process: its exit status, and what it prints when it is stopped."""

from __future__ import annotations

import subprocess
import sys

import pytest

from understudy import __main__ as command
from understudy import cli


def test_the_process_ends_with_the_status_of_the_command_line() -> None:
    arguments = [sys.executable, "-m", "understudy", "explain", "X-1"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "understudy: no requirement 'X-1': ids look like AVK-HS-004\n"


@pytest.mark.parametrize("status", [0, 1])
def test_its_arguments_are_the_commands(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    given: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        given.append(arguments)
        return status

    monkeypatch.setattr(cli, "run", run)
    monkeypatch.setattr(sys, "argv", ["understudy", "scenarios", "--json"])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert (caught.value.code, given) == (status, [["scenarios", "--json"]])


def test_ctrl_c_while_modules_load_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 2
    assert capsys.readouterr() == ("", "understudy: stopped\n")
