"""JUnit XML: a suite for each implementation and role, a test case for each verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement

from conformance.reports.summary import groups, note_of, printable, reproduce, shown

if TYPE_CHECKING:
    from pathlib import Path

    from avatar_protocols.results import ResultFile, ScenarioRun, Verdict
    from conformance.reports.summary import Group

__all__ = ["write_junit"]

_ELEMENTS = {
    "fail": "failure",
    "harness-error": "error",
    "could-not-run": "error",
    "not-applicable": "skipped",
    "known": "skipped",
    "warning": "system-out",
}
"""Element by outcome; a pass has none, and JUnit knows no warnings.

A known deviation is skipped, as pytest writes an expected failure: it neither fails the build nor
passes for a success, and CI shows a skipped case's message.
"""


def write_junit(path: Path, results: ResultFile) -> None:
    """Write the report.

    Raises:
        OSError: the file cannot be written.
    """
    root = Element("testsuites", name="understudy", time=f"{results.duration:.3f}")
    seconds = {_run(run): run.duration for run in results.scenarios}
    for group in groups(results):
        _suite(root, group, results, seconds)
    if results.remarks:
        _remarks(root, results)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(
    root: Element,
    group: Group,
    results: ResultFile,
    seconds: dict[tuple[str, ...], float],
) -> None:
    who = group.implementation
    suite = SubElement(
        root,
        "testsuite",
        name=printable(f"{who.name} {who.version}: {who.protocol} {who.revision} {who.role}"),
        timestamp=results.started,
    )
    if note := note_of(who.protocol, who.revision):
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", name="revision", value=printable(note))
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    tests = 0
    for cell in group.cells:
        for verdict in cell.verdicts:
            tests += 1
            element = _case(suite, verdict, results, seconds)
            if element in counts:
                counts[element] += 1
    suite.set("tests", str(tests))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))


def _run(what: ScenarioRun | Verdict) -> tuple[str, ...]:
    """What tells one playing of a scenario from all others."""
    place = (what.implementation, what.protocol, what.revision, what.role)
    return (*place, what.scenario, str(what.run))


def _remarks(root: Element, results: ResultFile) -> None:
    """A case for each remark on a baseline; a stale row fails the run, so it fails here too."""
    stale = sum(remark.kind == "stale" for remark in results.remarks)
    suite = SubElement(
        root,
        "testsuite",
        name="baselines",
        timestamp=results.started,
        tests=str(len(results.remarks)),
        failures=str(stale),
        errors="0",
        skipped="0",
    )
    for remark in results.remarks:
        name = f"{remark.requirement or 'file'} {remark.kind}"
        place = printable(f"{remark.file}:{remark.line}")
        case = SubElement(suite, "testcase", classname=place, name=name, time="0.000")
        if remark.kind == "stale":
            text = printable(remark.message)
            SubElement(case, "failure", message=text, type="stale").text = f"{place}: {text}"
        else:
            SubElement(case, "system-out").text = printable(remark.message)


def _case(
    suite: Element,
    verdict: Verdict,
    results: ResultFile,
    seconds: dict[tuple[str, ...], float],
) -> str:
    """Add a test case; returns the name of the element that says its outcome."""
    duration = seconds.get(_run(verdict), 0.0)
    repeat = f" (run {verdict.run})" if results.repeat > 1 else ""
    case = SubElement(
        suite,
        "testcase",
        classname=printable(verdict.scenario.replace("/", ".")),
        name=printable(f"{verdict.requirement or 'scenario'}{repeat}"),
        time=f"{duration:.3f}",
    )
    outcome = shown(verdict, strict=results.strict)
    element = _ELEMENTS.get(outcome, "")
    if element == "system-out":
        note = SubElement(case, element)
        note.text = printable(f"{verdict.level} not kept: {verdict.message}")
    elif element:
        known = f"known deviation: {verdict.known}" if verdict.known else ""
        detail = SubElement(
            case,
            element,
            message=printable(known or verdict.message),
            type=f"{verdict.level} {outcome}",
        )
        if known or element != "skipped":
            detail.text = printable(
                f"{verdict.message}\ntrace: {verdict.trace or 'none'}\n"
                f"reproduce: {reproduce(results, verdict.scenario)}"
            )
    return element
