"""What the checks of the client role share about errors: the one that a scenario is about.

A scenario says under ``expect.error`` what is to be reported, in the words of an ErrorRecord:

    expect:
      error: {by: open, code: protocolError, also: [sessionTokenInvalid], http_status: 200}

``by`` is where it surfaces: the name of the command that fails, or ``error`` for the error event.
``also`` lists further codes that the documents allow. A member that is null must be empty; a list
is a choice. ``expect.errors`` is a list of several, in their order at each place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from conformance.checks import Findings, failed, passed
from conformance.checks.avatarkit._client import reported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.checks.avatarkit._client import Reported
    from conformance.trace import Trace

__all__ = ["DETAILS", "accepted", "codes_agree", "judged", "members_agree"]

DETAILS: Final = ("server_code", "server_title", "server_detail")
"""Members that come out of the body of a refusal."""


def judged(trace: Trace) -> Iterator[tuple[Reported, dict[str, Any]]]:
    """The errors that the scenario is about, and what is expected of each."""
    expected = trace.expect.get("errors", [trace.expect.get("error")])
    by_place: dict[str, list[Reported]] = {}
    for error in reported(trace):
        by_place.setdefault(error.record.name, []).append(error)
    for wanted in filter(None, expected):
        waiting = by_place.get(wanted.get("by", "open"))
        if waiting:
            yield waiting.pop(0), wanted


def accepted(wanted: dict[str, Any]) -> list[str]:
    """The codes that the documents allow, the first choice first."""
    return [wanted["code"], *wanted.get("also", [])] if "code" in wanted else []


def codes_agree(trace: Trace, rule: str) -> Findings:
    """The error carries one of the accepted codes; of several, the one seen is recorded."""
    for error, wanted in judged(trace):
        codes = accepted(wanted)
        if not codes:
            continue
        if error.code in codes:
            yield passed(error.record, observed=error.code if len(codes) > 1 else "")
        else:
            yield failed(error.record, f"reported {error}; {rule}: {' or '.join(codes)}")


def members_agree(trace: Trace, members: Iterable[str], rule: str) -> Findings:
    """The error carries what is expected in these members, as far as the scenario names them."""
    for error, wanted in judged(trace):
        named = [member for member in members if member in wanted]
        wrong = [member for member in named if not _same(error.get(member), wanted[member])]
        for member in wrong:
            yield failed(
                error.record,
                f"{member} is {error.get(member)!r}, not {_shown(wanted[member])}; {rule}",
            )
        if named and not wrong:
            yield passed(error.record)


def _same(value: object, wanted: Any) -> bool:  # noqa: ANN401 - a member, or a list of choices
    choices = cast("list[object]", wanted) if isinstance(wanted, list) else [wanted]
    return value in choices or (value is None and any(choice in {None, ""} for choice in choices))


def _shown(wanted: Any) -> str:  # noqa: ANN401 - as above
    if wanted in (None, ""):
        return "empty"
    choices = cast("list[object]", wanted) if isinstance(wanted, list) else [wanted]
    return " or ".join(map(repr, choices))
