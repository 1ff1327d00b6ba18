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
    assert server.urls == {"console": "http://x", "ingress": "ws://x"}
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


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"urls": ["http://x"]}, "avatarkit.urls is no table of strings"),
        ({"urls": {"console": 5}}, "avatarkit.urls is no table"),
        ({"urls": {"console": "http://x"}, "credentials": [1]}, "avatarkit.credentials is no"),
        ({"urls": {"console": "ftp://x"}}, r"avatarkit\.urls\.console: ftp://x: not a URL of"),
        ({"urls": {"console": "http://x"}, "control": "7"}, r"avatarkit\.control: 7"),
    ],
)
def test_a_port_file_of_the_wrong_shape(
    tmp_path: Path, described: dict[str, Any], told: str
) -> None:
    path = tmp_path / "ports.json"
    path.write_text(json.dumps({"avatarkit": described}), encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        server_at(str(path), "avatarkit", **NOTHING)


@pytest.mark.parametrize("place", ["ftp://x", "http://[::1", "http://h:p", "http://"])
def test_a_url_that_is_none(place: str) -> None:
    with pytest.raises(UsageError, match=r"--server .*not a URL"):
        server_at(place, "avatarkit", **NOTHING)
    for flag in ("urls", "triggers"):
        with pytest.raises(UsageError, match=r"console: .*not a URL"):
            server_at("http://x", "avatarkit", **{**NOTHING, flag: {"console": place}})


def test_only_base_urls_that_the_protocol_has() -> None:
    with pytest.raises(UsageError, match="--url bogus: avatarkit has console, ingress"):
        server_at("http://x", "avatarkit", **{**NOTHING, "urls": {"bogus": "http://y"}})


def test_every_active_revision_is_certified() -> None:
    found = [(info.protocol, info.id) for info in active()]
    assert len(set(found)) == len(found)
    assert {info.status for info in active()} == {"active"}
    mine = [revision for protocol, revision in found if protocol == "akool"]
    assert mine == ["0.1.8", "0.1.8-documented", "0.1.9"]
    assert [revision for protocol, revision in found if protocol == "aiavatar"] == ["0.7"]


def test_the_schemes_of_one_url() -> None:
    server = server_at("https://x:1", "aiavatar", **NOTHING)
    assert server.urls == {"http": "https://x:1", "websocket": "wss://x:1"}


def test_a_mock_platform_is_in_process() -> None:
    assert ServerTarget().in_process
    assert "in process" in str(ServerTarget())
