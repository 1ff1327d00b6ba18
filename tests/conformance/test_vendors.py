from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from conformance import vendors as module
from conformance.errors import UsageError
from conformance.target import resolve
from conformance.vendors import ADAPTERS, prepare, vendors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands in for venv and pip: what was asked of them."""
    asked: list[list[str]] = []

    class Builder:
        def __init__(self, **_: Any) -> None:
            pass

        def create(self, home: Path) -> None:
            home.mkdir(parents=True)

    def run(command: list[str], **_: Any) -> Any:
        asked.append(command)
        fails = any("nonsense" in word for word in command)
        text = "noise\n" * 50 + "no matching distribution" if fails else ""
        return subprocess.CompletedProcess(command, int(fails), "", text)

    monkeypatch.setattr(module.venv, "EnvBuilder", Builder)
    monkeypatch.setattr(module.subprocess, "run", run)
    return asked


def test_the_table_names_what_exists() -> None:
    for vendor in vendors():
        assert resolve(vendor.protocol, vendor.revision).status == "active"
        assert (ADAPTERS / vendor.adapter).is_file()
        assert all("==" in requirement for requirement in vendor.requires)
        packages = resolve(vendor.protocol, vendor.revision).packages
        assert set(vendor.requires) <= set(packages)


def test_an_environment_is_made_once(tmp_path: Path, pip: list[list[str]]) -> None:
    said: list[str] = []
    first = prepare(tmp_path, say=said.append)
    assert {target.protocol for target in first} == {"avatarkit", "liveavatar"}
    assert len(pip) == len(said) == len(first)
    assert prepare(tmp_path, say=said.append) == first
    assert len(pip) == len(first)
    assert first[0].adapter is not None
    assert first[0].adapter.command[0].startswith(str(tmp_path))


def test_one_protocol(tmp_path: Path, pip: list[list[str]]) -> None:
    (target,) = prepare(tmp_path, protocol="liveavatar", revision="0.2.1", say=lambda _: None)
    assert (target.protocol, target.revision, target.role) == ("liveavatar", "0.2", "client")
    assert any("liveavatar-channel-sdk==0.2.1" in word for word in pip[0])


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
    for text in ("a: [", "vendors: [{name: x}]", "{}"):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"vendors\.yaml"):
            vendors(table)


def test_nobody_speaks_that(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        prepare(tmp_path, protocol="bogus", say=lambda _: None)
    with pytest.raises(UsageError):
        prepare(tmp_path, protocol="liveavatar", revision="9", say=lambda _: None)


def test_a_venv_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise subprocess.TimeoutExpired("pip", 1)

    class Builder:
        def __init__(self, **_: Any) -> None:
            pass

        def create(self, _home: Path) -> None:
            pass

    monkeypatch.setattr(module.venv, "EnvBuilder", Builder)
    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.raises(UsageError, match="cannot be installed"):
        prepare(tmp_path, protocol="avatarkit", say=lambda _: None)
