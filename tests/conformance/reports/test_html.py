from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from conformance.reports import write_reports
from conformance.reports.html import render_html

from tests.conformance.reports.sample import implementation, results, verdict, write_traces

if TYPE_CHECKING:
    from pathlib import Path

VOID = {"meta", "input", "br", "line", "path", "rect"}


class Strict(HTMLParser):
    """Checks that every element is closed, and collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        for name in ("href", "src", "action"):
            if told.get(name):
                self.links.append(str(told[name]))
        if told.get("id"):
            assert told["id"] not in self.ids
            self.ids.add(str(told["id"]))
        self.scripts += tag == "script"
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


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    found = page(text)
    assert found.scripts == 1
    for link in found.links:
        assert link.startswith(("#", "traces/"))
        if link.startswith("#"):
            assert link[1:] in found.ids
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text


def test_hostile_content_stays_text(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in text
    assert "\x00" not in text


def test_a_failure_is_told_in_full(tmp_path: Path) -> None:
    write_traces(tmp_path)
    text = render_html(results(), traces=tmp_path)
    assert "Sequence diagram: 4 records" in text
    assert 'class="message guilty"' in text
    assert "Offending record, decoded" in text
    assert "understudy certify --client" in text
    assert "confirm" in text or "configuration" in text
    assert "The trace is not where the results say." in text
    assert "What the adapter logged" in text
    assert "Ended at" in text


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


def test_every_report_is_written(tmp_path: Path) -> None:
    write_reports(tmp_path, results(outcome="certified"))
    assert (tmp_path / "junit.xml").is_file()
    assert "Certified" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_thousand_failures_stay_loadable(tmp_path: Path) -> None:
    many = [verdict("AVK-HS-002", "fail", scenario=f"a/{n}", message="m") for n in range(1000)]
    text = render_html(results(verdicts=many, scenarios=[]), traces=tmp_path)
    assert "700 more are in results.json" in text
    assert text.count("<article") == 300
