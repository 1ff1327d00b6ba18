from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from avatar_protocols.results import Remark, ScenarioRun
from conformance.reports.junit import write_junit
from tests.conformance.reports.sample import implementation, results, verdict

if TYPE_CHECKING:
    from pathlib import Path


def test_every_verdict_is_a_test_case(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "junit.xml"
    write_junit(path, results())
    root = ET.parse(path).getroot()
    (suite,) = root
    assert suite.attrib["tests"] == "8"
    assert suite.attrib["failures"] == "1"
    assert suite.attrib["errors"] == "3"
    assert suite.attrib["skipped"] == "1"
    kinds = {case.attrib["name"]: [part.tag for part in case] for case in suite}
    assert kinds["AVK-HS-001"] == []
    assert kinds["AVK-HS-012"] == ["system-out"]
    assert kinds["AVK-HS-005"] == ["error"]
    assert kinds["AVK-HS-006"] == ["skipped"]
    (failure,) = suite.iter("failure")
    assert "<script>" in failure.attrib["message"]
    assert "reproduce: understudy certify" in (failure.text or "")
    assert failure.attrib["type"] == "MUST fail"


def test_revisions_are_told_apart(tmp_path: Path) -> None:
    spoken = [
        {"protocol": "akool", "revision": "0.1.8", "scenario": "akool/client/t/n"},
        {"protocol": "akool", "revision": "0.1.8-documented", "scenario": "akool/client/t/n"},
    ]
    runs = [
        ScenarioRun(
            title="",
            implementation="impl",
            role="client",
            run=1,
            duration=d,
            problem="",
            trace="",
            **told,
        )
        for d, told in zip((1.0, 2.0), spoken, strict=True)
    ]
    found = [verdict("AKO-DISC-001", "pass", **told) for told in spoken]
    who = [
        implementation(protocol="akool", revision=told["revision"], missing={}) for told in spoken
    ]
    path = tmp_path / "junit.xml"
    write_junit(path, results(verdicts=found, scenarios=runs, implementations=who))
    suites = list(ET.parse(path).getroot())
    assert [suite.attrib["name"] for suite in suites] == [
        "impl 1: akool 0.1.8 client",
        "impl 1: akool 0.1.8-documented client",
    ]
    assert [c.attrib["time"] for suite in suites for c in suite.iter("testcase")] == [
        *("1.000", "2.000")
    ]
    notes = [p.attrib["value"] for suite in suites for p in suite.iter("property")]
    assert notes[1].startswith("The dialect of README's sections")


def test_a_known_deviation_is_skipped_and_a_stale_row_fails(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    place = {"file": "impl.yaml", "line": 7}
    remarks = [
        Remark(kind="stale", requirement="AVK-HS-002", message="remove the row", **place),
        Remark(kind="unused", requirement="", message="another version", **place),
    ]
    bad = verdict("AVK-HS-001", "fail", message="too late", known="it dawdles")
    write_junit(path, results(verdicts=[bad], remarks=remarks))
    suite, baselines = ET.parse(path).getroot()
    (skipped,) = suite.iter("skipped")
    assert skipped.attrib["message"] == "known deviation: it dawdles"
    assert (skipped.text or "").startswith("too late\ntrace: none\nreproduce: understudy")
    assert skipped.attrib["type"] == "MUST known"
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("0", "1")
    (failure,) = baselines.iter("failure")
    assert failure.text == "impl.yaml:7: remove the row"
    assert (baselines.attrib["tests"], baselines.attrib["failures"]) == ("2", "1")
    assert [case.attrib["name"] for case in baselines] == ["AVK-HS-002 stale", "file unused"]


def test_repeats_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    write_junit(path, results(repeat=2))
    assert "AVK-HS-001 (run 1)" in path.read_text(encoding="utf-8")
