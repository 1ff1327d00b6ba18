from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.errors import UsageError
from conformance.target import ServerTarget, active, command_of, resolve, server_at

if TYPE_CHECKING:
    from pathlib import Path

NOTHING: dict[str, Any] = {"urls": {}, "credentials": {}, "triggers": {}}


def test_revisions() -> None:
    assert resolve("avatarkit").id == "0.1.7"
    assert resolve("liveavatar", "0.2.1").id == "0.2"
    assert {info.protocol for info in active()} >= {"avatarkit", "liveavatar"}


@pytest.mark.parametrize(
    ("protocol", "revision", "told"),
    [("bogus", None, "bogus"), ("avatarkit", "9", "9"), ("liveavatar", "0.4", "planned")],
)
def test_what_does_not_exist(protocol: str, revision: str | None, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        resolve(protocol, revision)


def test_commands() -> None:
    assert command_of("a 'b c' d").command == ("a", "b c", "d")
    for bad in ("", "  ", "a 'b"):
        with pytest.raises(UsageError, match="--client"):
            command_of(bad)


def test_a_url_stands_for_every_base() -> None:
    server = server_at("http://x", "avatarkit", **NOTHING)
    assert server.urls == {"console": "http://x", "ingress": "http://x"}
    assert not server.in_process
    assert str(server) == "http://x"
    given = {**NOTHING, "urls": {"ingress": "ws://y"}, "features": ("f",)}
    server = server_at("http://x", "avatarkit", **given)
    assert server.urls == {"console": "http://x", "ingress": "ws://y"}
    assert server.features == ("f",)


def test_a_port_file(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    described = {
        "urls": {"ingress": "ws://h:1/avatarkit/x"},
        "credentials": {"api_key": "k"},
        "control": "http://h:1/_understudy/avatarkit",
    }
    path.write_text(json.dumps({"avatarkit": described}), encoding="utf-8")
    server = server_at(str(path), "avatarkit", **NOTHING)
    assert server.control == "http://h:1/_understudy/avatarkit"
    assert server.credentials == {"api_key": "k"}
    with pytest.raises(UsageError, match="has no liveavatar"):
        server_at(str(path), "liveavatar", **NOTHING)


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"avatarkit": {}}'])
def test_a_file_that_is_no_port_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ports.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"ports\.json"):
        server_at(str(path), "avatarkit", **NOTHING)
    with pytest.raises(UsageError, match="neither a URL nor"):
        server_at(str(tmp_path / "absent"), "avatarkit", **NOTHING)


def test_a_mock_platform_is_in_process() -> None:
    assert ServerTarget().in_process
    assert "in process" in str(ServerTarget())
