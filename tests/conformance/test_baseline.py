from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from conformance.baseline import BASELINES, VENDORS, Baseline, load_baselines
from conformance.errors import UsageError
from conformance.judge import Judgement, Outcome
from conformance.results import EXIT_STATUS, Collector, RunInfo
from conformance.run import Order, run
from conformance.scenario import Broken, Scenario, discover
from conformance.subject import Subject
from conformance.target import Target
from conformance.vendors import vendors
from conformance.worker import Job, Report
from tests.conformance.helpers import REFERENCE, fake, reference, scenario
from understudy import cli

if TYPE_CHECKING:
    from pathlib import Path

    from avatar_protocols.results import ResultFile

TARGET = Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=fake(), name="impl")
HEAD = {
    "implementation": "impl",
    "version": '"2"',
    "protocol": "avatarkit",
    "revision": '"0.1.7"',
    "role": "client",
}
ROW = '{requirement: AVK-HS-001, message: too late, reason: "It dawdles, against its README."}'


def written(folder: Path, *rows: str, name: str = "impl.yaml", **head: str) -> Path:
    """A baseline with these rows."""
    lines = [f"{key}: {value}" for key, value in {**HEAD, **head}.items()]
    lines += ["deviations:", *(f"  - {row}" for row in rows)] if rows else ["deviations: []"]
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def played(
    baselines: tuple[Baseline, ...],
    *found: tuple[str, str, str],
    left_out: tuple[str, ...] = (),
    strict: bool = False,
    level: Any = "MUST",
    version: str = "2",
) -> ResultFile:
    """A run: (scenario, outcome, message) for AVK-HS-001, and AVK-HS-002, which passes."""
    name = "avatarkit/client/topic"
    scenarios = [scenario({"open": {}}, id=f"{name}/{place}") for place, _, _ in found]
    other = scenario({"open": {}}, id=f"{name}/other", verifies=("AVK-HS-002",))
    jobs = tuple(
        Job(number=number, target=0, scenario=item)
        for number, item in enumerate([*scenarios, other])
    )
    collector = Collector(
        RunInfo(seed=0, strict=strict),
        (TARGET,),
        jobs,
        baselines=baselines,
        left_out=[(scenario({"open": {}}, id=f"{name}/{place}"), 0) for place in left_out],
    )
    subject = Subject(name="impl", version=version)
    judged = [
        Judgement(requirement="AVK-HS-001", level=level, outcome=Outcome(outcome), message=message)
        for _, outcome, message in found
    ]
    judged.append(Judgement(requirement="AVK-HS-002", level="MUST", outcome=Outcome.PASS))
    for number, judgement in enumerate(judged):
        collector.add(Report(job=number, judgements=(judgement,), subject=subject))
    return collector.finish()


LATE = ("a", "fail", "the answer came too late by 3 s")
KEPT = ("b", "pass", "")


# -- what a row does -------------------------------------------------------------------------------


def test_a_known_failure_stays_a_failure_and_does_not_fail_the_run(tmp_path: Path) -> None:
    results = played(load_baselines(str(written(tmp_path, ROW))), LATE, KEPT)
    first = results.verdicts[0]
    assert (first.outcome, first.known) == ("fail", "It dawdles, against its README.")
    assert [verdict.known for verdict in results.verdicts[1:]] == ["", ""]
    assert (results.counts.known, results.counts.fail, results.counts.pass_) == (1, 0, 2)
    assert (results.outcome, results.remarks) == ("certified", [])


def test_without_its_row_the_failure_fails_the_run(tmp_path: Path) -> None:
    results = played(load_baselines(str(written(tmp_path))), LATE)
    assert results.outcome == "failed"
    assert (results.counts.known, results.counts.fail) == (0, 1)


def test_a_failure_that_says_something_else_is_news(tmp_path: Path) -> None:
    results = played(load_baselines(str(written(tmp_path, ROW))), LATE, ("b", "fail", "a crash"))
    assert results.outcome == "failed"
    assert (results.counts.known, results.counts.fail) == (1, 1)
    assert results.remarks == []


@pytest.mark.parametrize(("strict", "level"), [(False, "SHOULD"), (True, "SHOULD"), (True, "MAY")])
def test_a_known_warning_is_known_too(tmp_path: Path, strict: bool, level: str) -> None:
    baselines = load_baselines(str(written(tmp_path, ROW)))
    results = played(baselines, LATE, strict=strict, level=level)
    assert (results.counts.known, results.counts.warning) == (1, 0)
    assert results.outcome == "certified"


def test_a_link_is_told_with_the_reason(tmp_path: Path) -> None:
    row = ROW.replace("}", ", link: https://example.com/issues/7}")
    results = played(load_baselines(str(written(tmp_path, row))), LATE)
    assert results.verdicts[0].known.endswith("README. (https://example.com/issues/7)")


@pytest.mark.parametrize(
    ("glob", "known"),
    [("topic/a", True), ("avatarkit/client/topic", True), ("*/a", True), ("topic/b", False)],
)
def test_a_row_may_be_limited_to_scenarios(tmp_path: Path, glob: str, known: bool) -> None:
    row = ROW.replace("}", f', scenario: "{glob}"}}')
    results = played(load_baselines(str(written(tmp_path, row))), LATE, ("b", "could-not-run", ""))
    assert bool(results.verdicts[0].known) is known


# -- stale, expired, unused ------------------------------------------------------------------------


def test_a_row_that_the_implementation_has_outgrown_is_stale(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    results = played(load_baselines(str(path)), ("a", "pass", ""), KEPT)
    (remark,) = results.remarks
    assert results.outcome == "failed"
    assert (remark.kind, remark.requirement, remark.line) == ("stale", "AVK-HS-001", 7)
    assert remark.file == path.as_posix()
    assert remark.message == "the rule was kept in all 2 scenarios that showed it: remove the row"


def test_a_row_whose_message_is_wrong_is_stale(tmp_path: Path) -> None:
    results = played(load_baselines(str(written(tmp_path, ROW))), ("a", "fail", "too early"))
    (remark,) = results.remarks
    assert remark.kind == "stale"
    assert "no failure's message contains 'too late', but there is 'too early'" in remark.message


def test_a_row_that_was_not_judged_is_not_stale(tmp_path: Path) -> None:
    baselines = load_baselines(str(written(tmp_path, ROW)))
    assert played(baselines, ("a", "not-applicable", "no clock")).remarks == []
    assert played(baselines, ("a", "not-applicable", "")).outcome == "certified"
    spoilt = played(baselines, KEPT, ("a", "harness-error", "garbage"))
    assert (spoilt.remarks, spoilt.outcome) == ([], "could-not-run")


def test_a_part_of_a_run_calls_a_row_stale_only_if_no_other_part_can_show_it(
    tmp_path: Path,
) -> None:
    baselines = load_baselines(str(written(tmp_path, ROW)))
    assert played(baselines, KEPT, left_out=("a",)).remarks == []
    limited = load_baselines(str(written(tmp_path, ROW.replace("}", ", scenario: topic/b}"))))
    (remark,) = played(limited, KEPT, left_out=("a",)).remarks
    assert "in the only scenario that showed it" in remark.message


def test_a_run_that_ended_early_calls_nothing_stale(tmp_path: Path) -> None:
    jobs = tuple(Job(number=n, target=0, scenario=scenario({"open": {}})) for n in range(2))
    baselines = load_baselines(str(written(tmp_path, ROW)))
    collector = Collector(RunInfo(seed=0), (TARGET,), jobs, baselines=baselines)
    good = Judgement(requirement="AVK-HS-001", level="MUST", outcome=Outcome.PASS)
    collector.add(Report(job=0, judgements=(good,), subject=Subject(name="impl", version="2")))
    results = collector.finish()
    assert (results.remarks, results.outcome) == ([], "could-not-run")


def test_a_rule_that_every_scenario_shows_needs_every_scenario(tmp_path: Path) -> None:
    row = ROW.replace("AVK-HS-001", "AVK-HS-006")
    baselines = load_baselines(str(written(tmp_path, row)))
    job = Job(number=0, target=0, scenario=scenario({"open": {}}))
    good = Judgement(requirement="AVK-HS-006", level="MUST", outcome=Outcome.PASS)
    report = Report(job=0, judgements=(good,), subject=Subject(name="impl", version="2"))
    for left_out, kinds in (([(job.scenario, 0)], []), ([], ["stale"])):
        collector = Collector(
            RunInfo(seed=0), (TARGET,), (job,), baselines=baselines, left_out=left_out
        )
        collector.add(report)
        assert [remark.kind for remark in collector.finish().remarks] == kinds


def test_a_malformed_scenario_may_hide_the_deviation(tmp_path: Path) -> None:
    baselines = load_baselines(str(written(tmp_path, ROW)))
    job = Job(number=0, target=0, scenario=scenario({"open": {}}))
    collector = Collector(RunInfo(seed=0), (TARGET,), (job,), baselines=baselines)
    collector.add_broken(Broken(id="x", protocol="avatarkit", role="client", message="bad"), 0)
    good = Judgement(requirement="AVK-HS-001", level="MUST", outcome=Outcome.PASS)
    collector.add(Report(job=0, judgements=(good,), subject=Subject(name="impl", version="2")))
    results = collector.finish()
    assert (results.remarks, results.outcome) == ([], "could-not-run")


def test_an_expired_row_counts_as_absent_and_says_so(tmp_path: Path) -> None:
    over = ROW.replace("}", ", expires: 2020-02-29}")
    results = played(load_baselines(str(written(tmp_path, over))), LATE)
    assert (results.outcome, results.counts.fail) == ("failed", 1)
    (remark,) = results.remarks
    assert remark.kind == "expired"
    assert "the row expired on 2020-02-29 and counts as absent" in remark.message
    kept = played(load_baselines(str(written(tmp_path, over))), KEPT)
    assert (kept.outcome, [r.kind for r in kept.remarks]) == ("certified", ["expired"])
    to_come = ROW.replace("}", ", expires: 9999-12-31}")
    assert played(load_baselines(str(written(tmp_path, to_come))), LATE).outcome == "certified"


def test_a_row_for_scenarios_that_do_not_exist(tmp_path: Path) -> None:
    row = ROW.replace("}", ", scenario: topic/never}")
    results = played(load_baselines(str(written(tmp_path, row))), KEPT)
    (remark,) = results.remarks
    assert (remark.kind, results.outcome) == ("unused", "certified")
    assert "no scenario of topic/never shows the rule" in remark.message
    # Another part of the run may have it, or may show a rule that is checked always.
    for requirement in ("AVK-HS-001", "AVK-HS-006"):
        row = ROW.replace("AVK-HS-001", requirement).replace("}", ", scenario: topic/else}")
        part = played(load_baselines(str(written(tmp_path, row))), KEPT, left_out=("else",))
        assert part.remarks == []


def test_a_baseline_of_another_version_does_not_count(tmp_path: Path) -> None:
    baselines = load_baselines(str(written(tmp_path, ROW)))
    results = played(baselines, LATE, version="3")
    (remark,) = results.remarks
    assert (results.outcome, remark.kind) == ("failed", "unused")
    assert remark.message == (
        "it is about impl 2 (avatarkit 0.1.7, client); "
        "certified was impl 3 (avatarkit 0.1.7, client)"
    )
    wider = load_baselines(str(written(tmp_path, ROW, version='"2*"')))
    assert played(wider, LATE, version="2.7").outcome == "certified"


def test_a_folder_may_hold_baselines_of_others(tmp_path: Path) -> None:
    written(tmp_path, ROW)
    written(tmp_path, ROW, name="other.yaml", implementation="other")
    baselines = load_baselines(str(tmp_path))
    assert [baseline.implementation for baseline in baselines] == ["impl", "other"]
    results = played(baselines, LATE)
    assert (results.outcome, results.remarks) == ("certified", [])


# -- files -----------------------------------------------------------------------------------------


def test_an_alias_of_the_revision_will_do(tmp_path: Path) -> None:
    row = ROW.replace("AVK-HS-001", "LAC-MSG-005")
    path = written(tmp_path, row, protocol="liveavatar", revision='"0.2.1"')
    (baseline,) = load_baselines(str(path))
    assert baseline.revision == "0.2"
    assert baseline.deviations[0].line == 7


@pytest.mark.parametrize(
    ("rows", "head", "told"),
    [
        ([ROW.replace("AVK-HS-001", "AVK-HS-999")], {}, ":7: avatarkit 0.1.7 has no requirement"),
        ([ROW.replace("HS-001", "OGG-010")], {"role": "server"}, "AVK-OGG-010 for a server"),
        ([ROW.replace("}", ", scenarios: x}")], {}, "did you mean 'scenario'"),
        ([ROW.replace("}", ", expires: tomorrow}")], {}, "deviations.0.expires"),
        (["{requirement: AVK-HS-001, message: x}"], {}, "reason"),
        ([ROW], {"revision": '"9.9"'}, "9.9"),
        ([ROW], {"revision": "0.2"}, "revision"),
        ([ROW], {"role": "["}, "not a readable baseline"),
    ],
)
def test_a_malformed_file(tmp_path: Path, rows: list[str], head: Any, told: str) -> None:
    path = written(tmp_path, *rows, **head)
    with pytest.raises(UsageError) as caught:
        load_baselines(str(path))
    assert told in str(caught.value)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no"):
        load_baselines(str(tmp_path))
    with pytest.raises(UsageError, match=r"absent\.yaml"):
        load_baselines(str(tmp_path / "absent.yaml"))


def test_the_vendors_baselines_are_about_the_vendors_sdks() -> None:
    packaged = load_baselines(VENDORS)
    assert {b.implementation for b in packaged} <= {vendor.name for vendor in vendors()}
    assert len(packaged) == len(list(BASELINES.iterdir()))
    by_name = {vendor.name: vendor for vendor in vendors()}
    for baseline in packaged:
        vendor = by_name[baseline.implementation]
        assert (baseline.protocol, baseline.revision) == (vendor.protocol, vendor.revision)
        assert any(pin.endswith(f"=={baseline.version}") for pin in vendor.requires)


@pytest.mark.parametrize("baseline", load_baselines(VENDORS), ids=lambda b: b.implementation)
def test_the_vendors_rows_can_match(baseline: Baseline) -> None:
    known = [
        item
        for item in discover([baseline.protocol], [baseline.role])
        if isinstance(item, Scenario)
    ]
    for row in baseline.deviations:
        reached = [item for item in known if row.reaches(item.id)]
        assert reached, row
        if not row.scenario:
            assert any(row.requirement in item.requirements for item in reached), row


# -- played ----------------------------------------------------------------------------------------

PLAYED = """
    protocol: avatarkit
    role: client
    topic: topic
    scenarios:
      - id: good
        title: A rule that is kept
        steps: [{open: {}}]
        verifies: [AVK-HS-001]
      - id: bad
        title: A rule that seems broken
        steps: [{open: {}}, {await: {event: never, within: 0.05}}]
        verifies: [AVK-HS-004]
"""
UNREACHED = "{requirement: AVK-HS-004, message: never reached, reason: It is not there yet.}"
TOO_MANY = "{requirement: AVK-HS-001, message: anything, reason: It once was so.}"


OURS = {"implementation": "understudy reference client", "version": '"*"'}
CLIENT = Target(protocol="avatarkit", revision="0.1.7", role="client", adapter=reference())


@pytest.mark.parametrize(
    ("rows", "status", "kinds"),
    [
        ([UNREACHED], 0, []),
        ([], 1, []),
        ([UNREACHED, TOO_MANY], 1, ["stale"]),
    ],
    ids=["all known", "a row removed", "a row too many"],
)
def test_a_whole_run(
    scenarios: Any, tmp_path: Path, rows: list[str], status: int, kinds: list[str]
) -> None:
    scenarios(PLAYED)
    baselines = load_baselines(str(written(tmp_path, *rows, **OURS)))
    results = run(Order(folder=scenarios.folder, baselines=baselines), [CLIENT])
    assert EXIT_STATUS[results.outcome] == status
    assert [remark.kind for remark in results.remarks] == kinds
    assert results.counts.known == len(rows[:1])


@pytest.mark.parametrize("part", [{"only": ("topic/good",)}, {"shard": (1, 2)}])
def test_a_selection_does_not_make_rows_stale(scenarios: Any, tmp_path: Path, part: Any) -> None:
    scenarios(PLAYED)
    baselines = load_baselines(str(written(tmp_path, UNREACHED, **OURS)))
    results = run(Order(folder=scenarios.folder, baselines=baselines, **part), [CLIENT])
    assert (results.outcome, results.remarks) == ("certified", [])


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        *("certify", "--client", f"{sys.executable} {REFERENCE}", "--protocol", "avatarkit"),
        *("--only", "handshake/confirmed", "--out", str(tmp_path / "out"), "--baseline"),
    ]
    row = ROW.replace("}", ", scenario: handshake/confirmed}")
    assert cli.run([*arguments, str(written(tmp_path, **OURS))]) == 0
    path = written(tmp_path, row, **OURS)
    assert cli.run([*arguments, str(path)]) == 1
    assert f"✗ AVK-HS-001  stale  {path.as_posix()}:7" in capsys.readouterr().out
    assert cli.run([*arguments, str(tmp_path / "absent")]) == 2
    assert "not a readable baseline" in capsys.readouterr().err
