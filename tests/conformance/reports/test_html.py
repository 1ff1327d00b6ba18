from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from avatar_protocols.results import Counts, Remark
from conformance.reports import write_reports
from conformance.reports.html import render_html, short_command, write_html
from conformance.trace import write_trace
from tests.conformance.helpers import record, trace
from tests.conformance.reports.browser import CHROMIUM, Page, browser
from tests.conformance.reports.sample import implementation, results, verdict, write_traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VOID = {"meta", "input", "br", "link", "rect"}
NOT_DRAWN = "Not drawn, so that this page stays small."


class Strict(HTMLParser):
    """Checks that every element is closed, and collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        for name in ("href", "src", "action"):
            if told.get(name):
                self.links.append(str(told[name]))
        if told.get("id"):
            assert told["id"] not in self.ids
            self.ids.add(str(told["id"]))
        self.tags[tag] += 1
        self.attributes |= set(told)
        if told.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(told["content"])
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A void element of SVG."""

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def page(text: str) -> Strict:
    parser = Strict()
    parser.feed(text)
    assert parser.stack == []
    return parser


def inside(text: str, tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    found = page(text)
    for link in found.links:
        assert link.startswith(("#", "./traces/", "data:,"))
        if link.startswith("#"):
            assert link[1:] in found.ids
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in inside(text, "style")
    assert "@import" not in text


def test_only_our_script_and_style_may_act(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    found = page(text)
    assert "default-src 'none'" in found.policy
    assert "unsafe" not in found.policy
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(hashlib.sha256(inside(text, tag).encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in found.policy
    assert "style" not in found.attributes
    assert not [name for name in found.attributes if name.startswith("on")]


def test_hostile_content_stays_text(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text
    assert "\x00" not in text


NASTY = "\"'><img src=x onerror=alert(1)>\u202e\ud800\x1b]0;x\x07\x9b" + "A" * 1_000_000


def test_no_member_of_a_result_is_trusted(tmp_path: Path) -> None:
    bad = verdict(
        NASTY[:50],
        "fail",
        implementation=NASTY,
        scenario=NASTY[:500],
        message=NASTY,
        trace="javascript:alert(1)",
        observed=[NASTY],
        known="",
    )
    skipped = verdict("AVK-HS-001", "not-applicable", implementation=NASTY, message=NASTY)
    who = implementation(
        NASTY,
        version=NASTY,
        language=NASTY,
        target=NASTY,
        features=[NASTY],
        missing={NASTY: NASTY},
        packaging=[NASTY],
    )
    told = results(
        suite=NASTY,
        started=NASTY,
        command=shlex.join(["understudy", NASTY[:500]]),
        implementations=[who],
        verdicts=[bad, skipped],
        scenarios=[],
    )
    text = render_html(told, traces=tmp_path)
    found = page(text)
    assert found.tags["img"] == 0
    assert found.tags["script"] == 1
    assert not [link for link in found.links if not link.startswith(("#", "./", "data:,"))]
    assert not set("\u202e\ud800\x1b\x07\x9b\x00") & set(text)
    assert len(text) < 1_500_000
    text.encode()


def test_hostile_traces_are_drawn_harmlessly(tmp_path: Path) -> None:
    nasty = NASTY.replace("\ud800", "")
    write_trace(
        tmp_path / "traces" / "t.jsonl",
        trace(
            record(1, "message", sender="client", name=nasty, data={nasty: [nasty]}, raw=nasty),
            record(2, "message", sender="server", opcode="binary", raw="//79", problems=[nasty]),
            record(3, "answer", source="adapter", sender="adapter", data={"error": nasty}),
        ),
    )
    text = render_html(results(), traces=tmp_path)
    assert page(text).tags["img"] == 0
    assert not set("\u202e\x1b\x07\x9b") & set(text)
    assert "ff fe fd" in text
    assert len(text) < 200_000


def test_a_trace_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "t.jsonl").write_bytes(b"\xff\xfe not a trace")
    text = render_html(results(), traces=tmp_path)
    assert text.count("The trace is missing or unreadable.") == 2
    assert "There is no trace." in text


def test_a_failure_is_told_in_full(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    assert "Sequence diagram: 4 records" in text
    assert '<li class="at-message guilty">' in text
    assert "✗ AVK-HS-002</span>" in text
    assert "record 3, message, client under test to mock platform" in text
    assert "understudy certify --client" in text
    assert "<dt>Source</dt>" in text
    assert "What the adapter logged" in text
    assert "Ended at" in text


def test_cases_of_one_requirement_stand_together(tmp_path: Path) -> None:
    three = [verdict("AVK-HS-002", "fail", scenario=f"a/{n}", message=f"m{n}") for n in range(3)]
    text = render_html(results(verdicts=three, scenarios=[]), traces=tmp_path)
    assert text.count('<details class="failure ') == 1
    assert text.count('<details class="case"') == 3
    assert "3 scenarios" in text


def test_a_known_deviation_is_told_apart(tmp_path: Path) -> None:
    known = verdict("AVK-HS-002", "fail", message="late", known="The vendor knows.")
    counts = Counts(
        pass_=1, fail=0, warning=0, known=1, not_applicable=0, could_not_run=0, harness_error=0
    )
    stale = Remark(kind="stale", file="b.yaml", line=3, requirement="AVK-HS-001", message="gone")
    told = results(
        outcome="certified",
        counts=counts,
        verdicts=[known, verdict("AVK-HS-001", "pass")],
        remarks=[stale],
    )
    text = render_html(told, traces=tmp_path)
    assert "Certified with known deviations" in text
    assert '<details class="failure known"' in text
    assert '<span class="message soft small">The vendor knows.</span>' in text
    assert '<h2 id="known">Known deviations</h2>' in text
    assert "What went wrong" not in text
    assert "Baseline, stale" in text
    assert "b.yaml:3" in text


def test_what_was_not_checked_is_said(tmp_path: Path) -> None:
    missing = {"opus_encoder": "no libopus here", "clock": "no hook"}
    reason = "the implementation does not claim opus_encoder (no libopus here)"
    verdicts = [
        verdict("AVK-HS-001", "pass"),
        verdict("AVK-OGG-001", "not-applicable", scenario="a/b/c/d", message=reason),
        verdict("AVK-OGG-002", "not-applicable", scenario="a/b/c/e", message=reason),
        verdict("AVK-HS-003", "not-applicable", scenario="a/b/c/f", message="it cannot be reached"),
    ]
    told = results(verdicts=verdicts, implementations=[implementation(missing=missing)])
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", render_html(told, traces=tmp_path)))
    assert "opus_encoder: no libopus here 2 scenarios" in text
    assert "it cannot be reached 1 scenario" in text
    assert "clock: no hook" in text
    assert "Nothing was seen of AVK-HS-003, AVK-OGG-001, AVK-OGG-002." in text
    whole = results(implementations=[implementation(missing={})], verdicts=verdicts[:1])
    assert "Every scenario of this run applied." in render_html(whole, traces=tmp_path)


def test_what_a_package_gets_wrong(tmp_path: Path) -> None:
    wrong = ["It calls itself <2>.", "It imports what it does not declare."]
    text = render_html(results(implementations=[implementation(packaging=wrong)]), traces=tmp_path)
    told = "It calls itself &lt;2&gt;. It imports what it does not declare."
    assert f"<b>Its package.</b> {told}</p>" in text
    assert "Its package" not in render_html(results(), traces=tmp_path)


def test_a_part_of_a_run_says_so(tmp_path: Path) -> None:
    assert "This is part 1/2 of a run" in render_html(results(shard="1/2"), traces=tmp_path)


@pytest.mark.parametrize(
    ("command", "short"),
    [
        ("/home/me/venv/bin/python /home/me/a.py --x=/home/me/y", "…/python …/a.py --x=…/y"),
        ("C:/tools/node.exe b.js", "…/node.exe b.js"),
        ("node adapters/b.js /x", "node adapters/b.js /x"),
        ("it's /a/b", "it's …/b"),
    ],
)
def test_commands_are_shortened(command: str, short: str) -> None:
    assert short_command(command) == short


def test_implementations_stand_side_by_side(tmp_path: Path) -> None:
    two = results(
        implementations=[implementation(), implementation("second")],
        verdicts=[
            verdict("AVK-HS-001", "pass"),
            verdict("AVK-HS-002", "pass", implementation="second"),
        ],
    )
    text = render_html(two, traces=tmp_path)
    assert text.count("not tested") == 2
    assert "What went wrong" not in text


def test_dialects_are_told_apart(tmp_path: Path) -> None:
    spoken = ({"protocol": "akool", "revision": name} for name in ("0.1.8", "0.1.8-documented"))
    documents = [
        {
            **told,
            "trace": f"traces/{told['revision']}.jsonl",
            "scenario": "akool/client/t/n",
        }
        for told in spoken
    ]
    bad = [verdict("AKO-DISC-001", "fail", message="bad", **told) for told in documents]
    who = [
        implementation(protocol="akool", revision=told["revision"], missing={})
        for told in documents
    ]
    text = render_html(results(verdicts=bad, implementations=who, scenarios=[]), traces=tmp_path)
    found = page(text)
    assert {"f1", "f2"} <= found.ids
    matrix = text[text.index('id="requirements"') :]
    assert "<h3>akool 0.1.8-documented, client</h3>" in matrix
    assert "The dialect of README&#39;s sections" in matrix
    assert matrix.count('<a href="#f1">') == matrix.count('<a href="#f2">') == 1
    assert 'title="The dialect of README&#39;s' in text


def test_every_report_is_written(tmp_path: Path) -> None:
    write_reports(tmp_path, results(outcome="certified"))
    assert (tmp_path / "junit.xml").is_file()
    assert "Certified" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_thousand_failures_stay_loadable(tmp_path: Path) -> None:
    many = [verdict("AVK-HS-002", "fail", scenario=f"a/{n}", message="m") for n in range(1000)]
    text = render_html(results(verdicts=many, scenarios=[]), traces=tmp_path)
    assert "700 more are in results.json" in text
    assert text.count('<details class="case"') == 300
    assert text.count(NOT_DRAWN) == 240


def test_each_requirement_is_drawn_before_any_is_drawn_twice(tmp_path: Path) -> None:
    many = [
        verdict(f"AVK-HS-0{number}", "fail", scenario=f"a/{n}", message="m")
        for number in ("02", "04")
        for n in range(100)
    ]
    text = render_html(results(verdicts=many, scenarios=[]), traces=tmp_path)
    first, second = text[text.index('id="failures"') :].split('<details class="failure')[1:]
    assert first.count(NOT_DRAWN) == second.count(NOT_DRAWN) == 70
    assert first.count("There is no trace.") == 30


def test_a_known_reason_is_told_once_unless_it_differs(tmp_path: Path) -> None:
    reasons = ("it dawdles", "it dawdles", "it drops")
    known = [
        verdict("AVK-HS-002", "fail", scenario=f"a/{n}", message="m", known=why)
        for n, why in enumerate(reasons)
    ]
    text = render_html(results(verdicts=known, scenarios=[]), traces=tmp_path)
    told = text[text.index('id="known"') : text.index('id="requirements"')]
    assert told.count("it dawdles") == 1
    assert "<dt>Known</dt><dd>it drops</dd>" in told


def test_many_passes_are_counted_instead_of_listed(tmp_path: Path) -> None:
    many = [verdict("AVK-HS-002", "pass", scenario=f"a/{n}") for n in range(1000)]
    text = render_html(results(verdicts=many, scenarios=[]), traces=tmp_path)
    assert "and 988 more that passed" in text


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the page was not seen in a browser")
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report with failures, hostile content and traces."""
    write_traces(tmp_path)
    path = tmp_path / "index.html"
    write_html(path, results(), traces=tmp_path)
    return path


WIDER_THAN_THE_SCREEN = "document.documentElement.scrollWidth > innerWidth"


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_the_page_fits_the_screen(tab: Page, report: Path, width: int) -> None:
    tab.open(report, width=width)
    assert not tab.ask(WIDER_THAN_THE_SCREEN)
    tab.ask("for (const part of document.querySelectorAll('details')) part.open = true")
    assert not tab.ask(WIDER_THAN_THE_SCREEN)
    assert tab.complaints == []  # neither errors nor anything that the policy refused


def test_light_and_dark_follow_the_reader(tab: Page, report: Path) -> None:
    back = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    tab.open(report, width=1280)
    assert min(tab.ask(back)) > 200
    tab.open(report, width=1280, dark=True)
    assert max(tab.ask(back)) < 60


def test_paper_is_white_and_failures_print_open(tab: Page, report: Path) -> None:
    tab.open(report, width=800, dark=True)
    tab.command("Emulation.setEmulatedMedia", media="print")
    assert tab.ask("getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    closed = "document.querySelectorAll('.failure:not([open])').length"
    before = tab.ask(closed)
    tab.ask("dispatchEvent(new Event('beforeprint'))")
    assert (before > 0, tab.ask(closed)) == (True, 0)
    tab.ask("dispatchEvent(new Event('afterprint'))")
    assert tab.ask(closed) == before


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(tab: Page, report: Path, dark: bool) -> None:
    """Every text colour has the contrast of WCAG 2 AA, 4.5, against what it is printed on."""
    tab.open(report, width=1280, dark=dark)
    assert tab.ask(CONTRAST) == []


CONTRAST = """(() => {
  const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = text => text.match(/[0-9.]+/g).map(Number);
  const ground = part => { for (; part; part = part.parentElement) {
    const c = parse(getComputedStyle(part).backgroundColor); if (c.length < 4 || c[3]) return c.slice(0, 3); }
    return [255, 255, 255]; };
  const poor = new Set();
  for (const part of document.querySelectorAll("details")) part.open = true;
  for (const part of document.body.querySelectorAll("*")) {
    if (![...part.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || part.closest("script, svg")) continue;
    const [a, b] = [parse(getComputedStyle(part).color).slice(0, 3), ground(part)].map(light);
    if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5) poor.add(part.outerHTML.slice(0, 80));
  }
  return [...poor];
})()"""  # noqa: E501 - a program of another language


def test_filters(tab: Page, report: Path) -> None:
    rows = (
        "[...document.querySelectorAll('section.matrix tbody tr')]"
        ".filter(r => r.offsetParent).map(r => r.querySelector('th').textContent)"
    )
    say = "document.getElementById('{}').value = '{}'; form.dispatchEvent(new Event('input'))"
    tab.open(report, width=1280)
    assert len(tab.ask(rows)) == 7
    tab.ask(say.format("level", "SHOULD"))
    assert tab.ask(rows) == ["AVK-HS-012"]
    assert "1 of 7 requirements" in tab.ask("document.getElementById('found').textContent")
    tab.ask(say.format("level", ""))
    tab.ask(say.format("search", "hs-002"))
    assert tab.ask(rows) == ["AVK-HS-002"]
    tab.ask(say.format("search", "no such thing"))
    assert tab.ask(rows) == []
    tab.ask(say.format("search", ""))
    tab.ask("for (const box of boxes) box.checked = box.value === 'fail'; filter()")
    assert tab.ask(rows) == ["AVK-HS-002"]


def test_a_link_opens_what_it_points_to(tab: Page, report: Path) -> None:
    tab.open(report, width=1280)
    tab.ask("for (const part of document.querySelectorAll('details')) part.open = false")
    link = "document.querySelector('td a[href^=\"#f\"]')"
    target = tab.ask(f"{link}.hash.slice(1)")
    tab.ask(f"{link}.click(); reveal()")
    assert tab.ask(f"document.getElementById('{target}').open")


def test_the_keyboard_reaches_and_opens_everything(tab: Page, report: Path) -> None:
    tab.open(report, width=1280)
    tab.ask("for (const part of document.querySelectorAll('details')) part.open = false")
    seen: list[str] = []
    for _ in range(40):
        tab.press("Tab", 9)
        seen.append(tab.ask("document.activeElement.className || document.activeElement.tagName"))
        if tab.ask("document.activeElement.matches('.failure > summary')"):
            break
    assert seen[0] == "skip"
    assert tab.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("Enter", 13, "\r")
    assert tab.ask("document.activeElement.parentElement.open")


def test_everything_that_acts_has_a_name(tab: Page, report: Path) -> None:
    tab.open(report, width=1280)
    nameless = (
        "[...document.querySelectorAll('button, summary, a, input, select, [role=region]')]"
        ".filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    assert tab.ask(nameless) == []
