from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import vendors as module
from conformance.errors import UsageError
from conformance.pythons import Python
from conformance.target import resolve
from conformance.vendors import ADAPTERS, prepare, vendors


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for venv and pip: what was asked of pip. Of packages their own question is told."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        if command[2] == "venv":
            Path(command[3]).mkdir(parents=True)
            return subprocess.CompletedProcess(command, 0, "", "")
        asked.append(command)
        fails = any("nonsense" in word for word in command)
        text = "noise\n" * 50 + "no matching distribution" if fails else ""
        return subprocess.CompletedProcess(command, int(fails), "", text)

    monkeypatch.setattr(module.subprocess, "run", run)
    ours = Python(path=sys.executable, release=(3, 11, 7), version=sys.version)
    monkeypatch.setattr(module, "find_python", lambda *_: ours)
    monkeypatch.setattr(module, "examine", lambda *told: told)
    return asked


def test_the_table_names_what_exists() -> None:
    for vendor in vendors():
        assert resolve(vendor.protocol, vendor.revision).status == "active"
        assert (ADAPTERS / vendor.adapter).is_file()
        assert all("==" in requirement for requirement in vendor.requires)
        assert vendor.requires[0] in resolve(vendor.protocol, vendor.revision).packages


def test_an_environment_is_made_once(tmp_path: Path, pip: list[list[str]]) -> None:
    said: list[str] = []
    first = prepare(tmp_path, say=said.append)
    assert {target.protocol for target in first} >= {"avatarkit", "liveavatar"}
    installed = len(pip)
    assert 1 < len(said) <= len(first)
    assert prepare(tmp_path, say=said.append) == first
    assert len(pip) == installed
    assert first[0].adapter is not None
    assert first[0].adapter.command[0].startswith(str(tmp_path))
    assert [target.known_as for target in first] == [vendor.name for vendor in vendors()]


def test_one_protocol(tmp_path: Path, pip: list[list[str]]) -> None:
    (target,) = prepare(tmp_path, protocol="liveavatar", revision="0.2.1", say=lambda _: None)
    assert (target.protocol, target.revision, target.role) == ("liveavatar", "0.2", "client")
    assert any("liveavatar-channel-sdk==0.2.1" in word for word in pip[0])
    assert target.adapter is not None
    assert target.packaging == (target.adapter.command[0], "liveavatar-channel-sdk")


def test_other_pins_make_another_environment(tmp_path: Path, pip: list[list[str]]) -> None:
    table = tmp_path / "vendors.yaml"
    text = module.TABLE.read_text(encoding="utf-8")
    table.write_text(text.replace("==0.2.1", "==0.2.0"), encoding="utf-8")
    one = prepare(tmp_path, protocol="liveavatar", say=lambda _: None)
    two = prepare(tmp_path, protocol="liveavatar", say=lambda _: None, table=table)
    assert one[0].adapter != two[0].adapter
    assert len(pip) == 2


def test_an_interrupted_installation_is_begun_anew(tmp_path: Path, pip: list[list[str]]) -> None:
    (target,) = prepare(tmp_path, protocol="liveavatar", say=lambda _: None)
    next(tmp_path.glob("*/understudy-complete")).unlink()
    assert prepare(tmp_path, protocol="liveavatar", say=lambda _: None) == [target]
    assert len(pip) == 2


def test_what_cannot_be_installed_is_told_in_short(tmp_path: Path, pip: list[list[str]]) -> None:
    table = tmp_path / "vendors.yaml"
    text = module.TABLE.read_text(encoding="utf-8")
    table.write_text(text.replace("liveavatar-channel-sdk==", "nonsense=="), encoding="utf-8")
    with pytest.raises(UsageError, match="no matching distribution") as caught:
        prepare(tmp_path, protocol="liveavatar", say=lambda _: None, table=table)
    assert str(caught.value).count("\n") < 15
    assert pip


def test_a_table_that_is_malformed(tmp_path: Path) -> None:
    table = tmp_path / "vendors.yaml"
    row = "{name: x, protocol: avatarkit, revision: '0.1.7', requires: [a==1], adapter: x.py}"
    for text in ("a: [", "vendors: [{name: x}]", "{}", f"vendors: [{row}, {row}]"):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"vendors\.yaml"):
            vendors(table)


ROWS = """
vendors:
  - &client
    name: agents
    protocol: videosdk
    revision: "1.0"
    requires: ["videosdk-agents==1.0.30"]
    python: "{python}"
    adapter: videosdk.py
  - <<: *client
    name: agents-worker
    role: server
  - <<: *client
    name: bare
    requires: ["aiavatar==0.7.10", "fastapi==1", "httpx==1"]
    no_deps: true
"""


def table_of(tmp_path: Path, python: str = "") -> Path:
    table = tmp_path / "vendors.yaml"
    table.write_text(ROWS.format(python=python), encoding="utf-8")
    return table


def test_one_sdk_in_both_roles(tmp_path: Path, pip: list[list[str]]) -> None:
    said: list[str] = []
    table = table_of(tmp_path)
    targets = prepare(tmp_path, say=said.append, table=table)
    assert [(t.known_as, t.role) for t in targets] == [
        ("agents", "client"),
        ("agents-worker", "server"),
        ("bare", "client"),
    ]
    commands = [target.adapter.command for target in targets if target.adapter is not None]
    assert commands[0] == commands[1]  # the same environment, the same adapter
    assert "videosdk-agents-" in commands[0][0]
    assert len(said) == 2
    (worker,) = prepare(tmp_path, role="server", say=said.append, table=table)
    assert worker.known_as == "agents-worker"
    assert len(said) == 2
    assert pip


def test_an_sdk_without_what_it_declares(tmp_path: Path, pip: list[list[str]]) -> None:
    prepare(tmp_path, say=lambda _: None, table=table_of(tmp_path))
    assert [command[-2:] for command in pip] == [
        ["--disable-pip-version-check", "videosdk-agents==1.0.30"],
        ["--no-deps", "aiavatar==0.7.10"],
        ["fastapi==1", "httpx==1"],
    ]


def test_a_python_of_another_version(
    tmp_path: Path, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(wanted: str, who: str) -> Python:
        release = (3, 12, 1) if wanted else (3, 11, 7)
        assert who in {"agents needs", "agents-worker needs", "bare needs"}
        return Python(path=f"python{release[1]}", release=release, version=f"{release} {wanted}")

    ours = prepare(tmp_path, say=lambda _: None, table=table_of(tmp_path))
    monkeypatch.setattr(module, "find_python", find)
    theirs = prepare(tmp_path, say=lambda _: None, table=table_of(tmp_path, ">=3.12"))
    assert ours[0].adapter != theirs[0].adapter
    assert len(pip) == 6


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"agents needs Python >=3\.99"):
        prepare(tmp_path, say=lambda _: None, table=table_of(tmp_path, ">=3.99"))


def test_nobody_speaks_that(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        prepare(tmp_path, protocol="bogus", say=lambda _: None)
    with pytest.raises(UsageError):
        prepare(tmp_path, protocol="liveavatar", revision="9", say=lambda _: None)
    with pytest.raises(UsageError, match="speaks liveavatar as a server"):
        prepare(tmp_path, protocol="liveavatar", role="server", say=lambda _: None)


def test_a_venv_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise subprocess.TimeoutExpired("venv", 1)

    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.raises(UsageError, match="cannot be installed"):
        prepare(tmp_path, protocol="avatarkit", say=lambda _: None)
