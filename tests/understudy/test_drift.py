from __future__ import annotations

from pathlib import Path

import pytest

from conformance.results import write_results
from tests.conformance import test_drift
from understudy import cli
from understudy import drift as module

folder = test_drift.folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments that name a run and the page; the vendors' table is that of the run."""
    monkeypatch.setattr(module, "vendors", lambda: test_drift.ROWS)
    write_results(folder / "results.json", test_drift.found())
    page = folder / "docs" / "drift.md"
    return ["drift", "--results", str(folder / "results.json"), "--file", str(page)]


def test_written_then_checked_then_stale(
    run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*run, "--check"]) == 1  # there is none yet
    assert cli.run(run) == 0
    assert cli.run([*run, "--check"]) == 0
    assert "is what the run has found" in capsys.readouterr().out
    page = Path(run[-1])
    page.write_text(page.read_text("utf-8") + "one more line\n", encoding="utf-8")
    assert cli.run([*run, "--check"]) == 1
    told = capsys.readouterr().out
    assert "drift.md is stale; `understudy drift` writes it" in told
    assert "-one more line" in told


def test_results_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "results.json"
    assert cli.run(["drift", "--results", str(place)]) == 2
    place.write_text("nonsense", encoding="utf-8")
    assert cli.run(["drift", "--results", str(place)]) == 2
    told = capsys.readouterr().err
    assert told.count("certify first: understudy certify --vendors") == 2
