"""``understudy drift``: write the drift table from a run's results, or say whether it is stale."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from conformance.drift import drift
from conformance.errors import UsageError
from conformance.results import read_results
from conformance.vendors import vendors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["write_drift"]

STALE = 1
_MOST_LINES = 20


def write_drift(results: Path, file: Path, *, check: bool, say: Callable[[str], None]) -> int:
    """Write the page, or compare it.

    Args:
        results: result file of a run of all vendors' SDKs; its traces stand beside it.
        file: the page.
        check: only say whether the page is what these results make of it.
        say: told what was done.

    Returns:
        The exit status: 0, or 1 for a page that is stale.

    Raises:
        UsageError: the results cannot be read, or do not tell everything.
        OSError: the page cannot be written.
    """
    try:
        found = read_results(results)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--results {results}: {error}; certify first: "
            "understudy certify --vendors --baseline vendors"
        ) from None
    page = drift(found, results.parent, vendors())
    if not check:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page, encoding="utf-8")
        say(f"{file} is written")
        return 0
    committed = file.read_text(encoding="utf-8") if file.is_file() else ""
    if committed == page:
        say(f"{file} is what the run has found")
        return 0
    changes = difflib.unified_diff(
        committed.splitlines(), page.splitlines(), str(file), "this run", lineterm="", n=0
    )
    lines = list(changes)
    more = [f"… {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    say("\n".join([f"{file} is stale; `understudy drift` writes it", *lines[:_MOST_LINES], *more]))
    return STALE
