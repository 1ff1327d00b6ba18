"""Reports, all made from one result file: terminal, JUnit XML, HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from avatar_protocols.results import ResultFile

__all__ = ["write_reports"]


def write_reports(out: Path, results: ResultFile) -> None:
    """Write ``junit.xml`` and ``index.html`` beside ``results.json``.

    Raises:
        OSError: the folder cannot be written.
    """
    from conformance.reports.html import write_html
    from conformance.reports.junit import write_junit

    write_junit(out / "junit.xml", results)
    write_html(out / "index.html", results, traces=out)
