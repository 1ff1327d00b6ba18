"""The command: what it prints, and its exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codegen import generate
from codegen.__main__ import main
from codegen.layout import REPOSITORY
from codegen.problems import ToolError


@pytest.fixture
def arguments(layout) -> list[str]:
    return ["--root", str(layout.root)]


def test_generate_then_check(arguments, capsys) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith(" changed\n")
    assert main([*arguments, "--check"]) == 0
    assert capsys.readouterr().out == "generated code is what its sources say\n"


def test_check_names_each_difference_and_writes_nothing(layout, arguments, edit, capsys) -> None:
    main(arguments)
    constants = layout.out / "avatar_protocols" / "demo" / "v1_0" / "constants.py"
    before = constants.read_bytes()
    (constants.parent / "stray.py").write_text("", encoding="utf-8")
    (constants.parent / "errors.py").unlink()
    edit("protocol", "value: 10.0", "value: 11.0")
    capsys.readouterr()
    assert main([*arguments, "--check"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "avatar_protocols/demo/v1_0/constants.py: differs from what its sources say",
        "avatar_protocols/demo/v1_0/errors.py: missing",
        "avatar_protocols/demo/v1_0/stray.py: nobody generates it",
        "avatar_protocols/demo/v2_0/constants.py: differs from what its sources say",
        "Run: nox -s generate",
    ]
    assert constants.read_bytes() == before
    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0


def test_another_folder(layout, arguments, tmp_path) -> None:
    out = tmp_path / "other"
    assert main([*arguments, "--out", str(out)]) == 0
    assert (out / "avatar_protocols" / "registry.py").is_file()
    assert not layout.out.exists()


def test_bad_sources_give_a_clear_error(arguments, edit, capsys) -> None:
    edit("errors", "status: 401", "status: 99")
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        "The sources have 1 faults:\nspec/demo/errors.yaml: catalogue[0].http.status"
    )
    assert "Traceback" not in err


def test_the_process_prints_no_traceback(layout, edit) -> None:
    edit("states", "initial: NEW", "initial: [")
    command = [sys.executable, "-m", "codegen", "--root", str(layout.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 2
    assert "spec/demo/states.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failing_tool_gives_a_clear_error(arguments, monkeypatch, capsys) -> None:
    def fail(*_: object) -> None:
        raise ToolError("buf is not installed")

    monkeypatch.setattr(generate, "add_protobuf", fail)
    assert main(arguments) == 2
    assert capsys.readouterr().err == "buf is not installed\n"


def test_this_repository_is_generated(capsys) -> None:
    """The committed code is what the specifications say: the same check as in CI."""
    status = main(["--check"])
    assert status == 0, capsys.readouterr().err
