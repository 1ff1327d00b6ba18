from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from avatar_protocols.results import Counts, Remark
from conformance.reports.terminal import LiveScreen, Screen, counts_line, terminal
from conformance.results import Collector, RunInfo
from conformance.target import Target
from conformance.worker import Job, Report
from tests.conformance.helpers import fake, scenario
from tests.conformance.reports.sample import implementation, results, verdict


def printed(found: Any, **options: Any) -> str:
    stream = io.StringIO()
    Screen(stream, **options).summary(found, Path("out"))
    return stream.getvalue()


def test_what_passed_is_counted_and_what_went_wrong_is_told() -> None:
    text = printed(results())
    assert "  ✓ 1 requirement passed\n" in text
    assert "✓ AVK-HS-001" not in text
    assert "✗ AVK-HS-002" in text
    assert "! AVK-HS-012" in text
    assert "– 1 requirement not applicable: AVK-HS-006\n" in text  # noqa: RUF001 - a dash is meant
    assert "reproduce  understudy certify --client 'a b' --protocol avatarkit --only" in text
    assert "FAILED  2 passed, 1 failed, 1 warning, 1 not applicable, 1 could not run" in text
    assert "1 scenario played in 1.5 s, seed 7, shuffled" in text


def test_a_line_for_each_requirement_where_that_is_wanted() -> None:
    text = printed(results(), verbose=True)
    assert "  ✓ AVK-HS-001     MUST   pass           1 scenario\n" in text
    assert "requirement passed" not in text


def test_repeats_are_no_scenarios() -> None:
    many = [verdict("AVK-HS-001", "pass", run=number) for number in (1, 2, 3)]
    text = printed(results(verdicts=many), verbose=True)
    assert "AVK-HS-001     MUST   pass           1 scenario, 3 times\n" in text


def test_ids_hang_below_each_other() -> None:
    many = [verdict(f"AVK-HS-0{number}", "not-applicable") for number in range(10, 30)]
    text = printed(results(verdicts=many))
    assert "  – 20 requirements not applicable: AVK-HS-010, " in text  # noqa: RUF001 - a dash is meant
    assert ",\n    AVK-HS-0" in text


def test_the_same_finding_is_told_once() -> None:
    many = [verdict("AVK-HS-002", "fail", scenario=f"a/{n}", message="m") for n in range(10)]
    text = printed(results(verdicts=many))
    assert text.count("reproduce") == 1
    also = "".join(f"               a/{n}\n" for n in range(2, 7))
    assert f"    also       a/1\n{also}               … and 3 more\n" in text


def test_reasons_for_what_was_not_checked() -> None:
    many = [
        verdict("AVK-HS-002", "not-applicable", scenario=f"a/{n}", message=f"reason {n}")
        for n in range(12)
    ]
    found = results(verdicts=many, implementations=[implementation(missing={"clock": "none"})])
    text = printed(found)
    assert "  not checked:\n    reason 0 (1 scenario)\n" in text
    assert "    … and 4 more reasons, in the report\n" in text
    assert "clock: none" not in text
    assert "    clock: none\n" in printed(found, verbose=True)


def test_nothing_hostile_reaches_the_terminal() -> None:
    assert "\x1b" not in printed(results())
    assert "\x00" not in printed(results(), colour=True)


def test_colours_only_where_asked_for() -> None:
    assert "\x1b[31;1m" in printed(results(), colour=True)


def test_known_deviations_are_told_once_with_their_reason() -> None:
    known = [
        verdict("AVK-HS-001", "fail", scenario=f"a/{n}", message="m", known="it dawdles")
        for n in range(2)
    ]
    remark = Remark(kind="stale", file="f.yaml", line=7, requirement="AVK-HS-002", message="gone")
    counts = Counts(
        pass_=1, fail=0, warning=0, known=2, not_applicable=0, could_not_run=0, harness_error=0
    )
    told = {"verdicts": known, "remarks": [remark], "counts": counts}
    text = printed(results(outcome="certified", **told))
    assert "  ~ 1 requirement known: AVK-HS-001\n" in text
    assert "~ AVK-HS-001 MUST  known  impl  2 scenarios\n    it dawdles\n" in text
    assert "✗ AVK-HS-002  stale  f.yaml:7\n    gone\n" in text
    assert "CERTIFIED WITH KNOWN DEVIATIONS  1 passed, 0 failed, 2 known" in text
    assert "2 known, 1 stale row of a baseline" in text
    assert "reproduce" not in text


def test_a_failure_beside_known_ones_is_told_alone() -> None:
    known = verdict("AVK-HS-001", "fail", scenario="a/known", message="m", known="it dawdles")
    news = verdict("AVK-HS-001", "fail", scenario="a/news", message="m")
    text = printed(results(verdicts=[known, news]))
    assert text.count("reproduce") == 1
    assert "scenario   a/news" in text


def test_a_flood_of_failures_is_cut() -> None:
    many = [verdict("AVK-HS-002", "fail", message=f"m{n}") for n in range(100)]
    text = printed(results(verdicts=many))
    assert "… and 60 more, in the report" in text


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("certified", "CERTIFIED"), ("could-not-run", "COULD NOT RUN"), ("failed", "FAILED")],
)
def test_the_headline(outcome: str, word: str) -> None:
    assert f"\n{word}  " in printed(results(outcome=outcome, verdicts=[]))


def test_dialects_say_what_they_are() -> None:
    both = [
        implementation(protocol="akool", revision=name, missing={})
        for name in ("0.1.8", "0.1.8-documented")
    ]
    text = printed(results(implementations=both, verdicts=[]))
    assert "impl 1: akool 0.1.8-documented, client\n    The dialect of README's sections" in text
    assert "The dialect" not in printed(results(implementations=both[1:], verdicts=[]))


def test_quiet() -> None:
    assert printed(results(), quiet=True) == ""
    assert counts_line(results()).startswith("2 passed, 1 failed")


def test_who_claims_everything() -> None:
    assert "not checked" not in printed(
        results(verdicts=[], implementations=[implementation(missing={})])
    )


def test_what_a_package_gets_wrong() -> None:
    wrong = ["It calls itself \x1b[31m2.", "It imports what it does not declare."]
    text = printed(results(implementations=[implementation(packaging=wrong)]))
    assert "\n  its package:\n    It calls itself \ufffd[31m2.\n    It imports what it" in text
    assert "its package" not in printed(results())


def test_progress_on_a_terminal() -> None:
    stream = io.StringIO()
    jobs = tuple(Job(number=n, target=0, scenario=scenario({"open": {}})) for n in range(2))
    target = Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=fake())
    collector = Collector(RunInfo(seed=1), (target,), jobs)
    screen = LiveScreen(stream)
    screen.begin(collector)
    for number in range(2):
        report = Report(job=number, judgements=())
        screen.step(report, collector.add(report))
    screen.end()
    screen.end()
    assert "1/2" in stream.getvalue()
    assert "avatarkit/client/topic/name" in stream.getvalue()


def test_the_screen_fits_where_the_output_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Tty())
    assert isinstance(terminal(), LiveScreen)
    assert type(terminal(quiet=True)) is Screen
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert type(terminal()) is Screen
