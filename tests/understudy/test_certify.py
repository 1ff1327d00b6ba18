from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from conformance.errors import UsageError
from conformance.judge import unusable
from conformance.results import read_results
from conformance.worker import Report
from understudy import certify
from understudy.certify import REFERENCE, Request, prepare_out, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.run import Order
    from conformance.worker import Setup


def test_without_flags_everything_of_ours() -> None:
    targets = targets_of(Request())
    assert {(t.protocol, t.role) for t in targets} >= {
        ("avatarkit", "client"),
        ("avatarkit", "server"),
        ("liveavatar", "client"),
        ("liveavatar", "server"),
    }
    clients = [t for t in targets if t.adapter is not None]
    assert {t.adapter.command for t in clients if t.adapter} == {(sys.executable, str(REFERENCE))}
    assert REFERENCE.is_file()


def test_one_protocol_and_one_role() -> None:
    (target,) = targets_of(Request(protocol="liveavatar", revision="0.2.1", role="server"))
    assert (target.protocol, target.revision, target.role) == ("liveavatar", "0.2", "server")
    assert target.server is not None
    assert target.server.in_process


def test_one_protocol_of_ours_in_every_revision() -> None:
    targets = targets_of(Request(protocol="akool", role="client"))
    assert [target.revision for target in targets] == ["0.1.8", "0.1.8-documented", "0.1.9"]
    (default,) = targets_of(Request(protocol="akool", client="x"))
    assert default.revision == "0.1.8"
    with pytest.raises(UsageError, match="--revision needs --protocol"):
        targets_of(Request(revision="0.1.8"))


def test_attaching() -> None:
    (target,) = targets_of(Request(attach=":9000", protocol="avatarkit"))
    assert target.adapter is not None
    assert (target.adapter.host, target.adapter.port) == ("127.0.0.1", 9000)


def test_attaching_to_the_adapter_of_a_server() -> None:
    (target,) = targets_of(Request(attach=":9000", protocol="avatarkit", role="server"))
    assert (target.role, target.server) == ("server", None)
    assert target.adapter is not None


def test_a_server_behind_an_adapter() -> None:
    (target,) = targets_of(Request(server_command="node x.mjs", protocol="avatarkit"))
    assert target.role == "server"
    assert target.adapter is not None
    assert target.adapter.command == ("node", "x.mjs")
    with pytest.raises(UsageError, match="--server-command certifies a server, not a client"):
        targets_of(Request(server_command="x", protocol="avatarkit", role="client"))


def test_a_reference_server_that_is_no_mock_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify, "driven", lambda _: ("liveavatar",))
    targets = targets_of(Request(protocol="liveavatar", role="server"))
    assert [(t.name, t.adapter is None) for t in targets] == [
        ("", True),
        ("reference server", False),
    ]


def test_a_server_elsewhere() -> None:
    request = Request(
        server="https://x",
        protocol="avatarkit",
        urls=("ingress=wss://y",),
        credentials=("api_key=k=1", "app_id=a", "avatar_id="),
        triggers=("error=http://t",),
        features=("idle_limit",),
    )
    (target,) = targets_of(request)
    assert target.server is not None
    assert target.server.urls == {"console": "https://x", "ingress": "wss://y"}
    assert target.server.credentials == {"api_key": "k=1", "app_id": "a", "avatar_id": ""}
    assert target.server.triggers == {"error": "http://t"}
    assert target.server.features == ("idle_limit",)


def test_a_server_that_claims_nothing_is_asked_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certify, "reach", lambda *_, **__: None)
    request = Request(server="http://x", protocol="aiavatar", out=tmp_path, as_json=True)
    with pytest.raises(UsageError, match=r"nothing was played: .* of chat, keyed, "):
        certify.certify_request(request)
    assert read_results(tmp_path / "results.json").outcome == "could-not-run"


def test_reports_that_cannot_be_written_are_refused_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    for out in (file, file / "below"):
        with pytest.raises(UsageError, match=r"--out .*reports cannot be written there"):
            prepare_out(out)


def test_an_interrupted_run_keeps_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(setup: Setup, lanes: int, on_report: Callable[[Report], bool]) -> None:
        del lanes
        judged = unusable(setup.jobs[0].scenario, "a test", {})
        on_report(Report(job=0, judgements=tuple(judged), problem="a test"))
        raise KeyboardInterrupt

    monkeypatch.setattr("conformance.run.play", play)
    with pytest.raises(UsageError, match=r"stopped: 1 of \d+ scenarios were played"):
        certify.certify_request(Request(protocol="liveavatar", role="server", out=tmp_path))
    assert "COULD NOT RUN" in capsys.readouterr().out
    assert len(read_results(tmp_path / "results.json").scenarios) == 1
    assert (tmp_path / "index.html").is_file()


def test_the_seed_of_a_shuffle_is_the_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    orders: list[Order] = []

    def run(order: Order, *_: object) -> object:
        orders.append(order)
        raise RuntimeError("enough")

    monkeypatch.setattr(certify, "run", run)
    for request in (Request(shuffle=7, out=tmp_path), Request(seed=3, jobs=5, out=tmp_path)):
        try:
            certify.certify_request(request)
        except RuntimeError:
            continue
    assert [(o.seed, o.shuffle) for o in orders] == [(7, True), (3, False)]
    assert orders[1].jobs == 5
    assert orders[0].jobs >= 2


def test_an_attached_adapter_has_one_lane() -> None:
    assert certify._order(Request(attach=":1", protocol="avatarkit")).jobs == 1


def test_traces_of_an_earlier_run_are_removed_and_nothing_else(tmp_path: Path) -> None:
    old = tmp_path / "traces" / "x" / "y.jsonl"
    kept = tmp_path / "traces" / "notes.txt"
    other = tmp_path / "z.jsonl"
    old.parent.mkdir(parents=True)
    for path in (old, kept, other):
        path.write_text("", encoding="utf-8")
    prepare_out(tmp_path)
    assert not old.exists()
    assert kept.exists()
    assert other.exists()
