"""Errors: what a record tells, and how what was received is classified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.avatarkit.v0_1_7.errors import ErrorCode
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import frames, openings, reported
from conformance.checks.avatarkit._errors import DETAILS, codes_agree, judged, members_agree

if TYPE_CHECKING:
    from conformance.trace import Trace

_RECORD: Final = (
    "phase",
    "http_status",
    *DETAILS,
    "connection_id",
    "req_id",
    "raw_body",
    "close_code",
    "close_reason",
)


@check("AVK-ERR-001", role="client")
def record_is_complete(trace: Trace) -> Findings:
    """An error exposes code, message, phase, and whatever else was received."""
    for error, wanted in judged(trace):
        for member in ("code", "message"):
            if not error.get(member):
                yield failed(error.record, f"the error has no {member}")
        if error.get("connection_id") is None and wanted.get("connection_id") == "$connection_id":
            yield failed(error.record, "connection_id is missing, though it was received")
    yield from members_agree(trace, _RECORD, "an error exposes what was received")


@check("AVK-ERR-002", role="client", always=True)
def codes_are_a_closed_set(trace: Trace) -> Findings:
    """Only the documented codes are reported."""
    for error in reported(trace):
        if error.local:
            continue
        if error.code in frozenset(ErrorCode):
            yield passed(error.record)
        else:
            what = f"the code {error.code!r}" if error.code else f"{error.get('type')} and no code"
            yield failed(error.record, f"an error with {what}; it is to be one of the 19 codes")


@check("AVK-ERR-003", role="client")
def bodies_are_read(trace: Trace) -> Findings:
    """Code, title and detail come out of a body by its shape."""
    return members_agree(trace, DETAILS, "bodies are read in the list form, else the flat form")


@check("AVK-ERR-004", role="client")
def classification(trace: Trace) -> Findings:
    """Server code, then text, then status, then phase; the first match wins."""
    wanted: dict[str, Any] = trace.expect.get("error") or {}
    row = wanted.get("row")
    return codes_agree(trace, f"row {row} of the classification makes it")


@check("AVK-ERR-013", role="client")
def unauthorized_is_about_the_token(trace: Trace) -> Findings:
    """A 401 that says no more than "unauthorized" is reported as the README promises."""
    return codes_agree(trace, "the README promises for an unauthorized session token")


@check("AVK-ERR-005", role="client")
def text_and_codes(trace: Trace) -> Findings:
    """Text is matched in any case over code, title and detail; codes exactly."""
    return codes_agree(trace, "text matches in any case, codes exactly, which makes it")


@check("AVK-ERR-006", role="client")
def server_code_is_decimal(trace: Trace) -> Findings:
    """The code of a ServerError shows as decimal text."""
    return members_agree(trace, ("server_code",), "a ServerError's code is decimal text")


@check("AVK-ERR-007", role="client")
def plain_text_bodies(trace: Trace) -> Findings:
    """Plain text counts at the upgrade only, and is kept as raw body in both cases."""
    yield from codes_agree(trace, "plain text counts at the upgrade and not on the token call")
    yield from members_agree(trace, ("raw_body",), "the body is kept as received")


@check("AVK-ERR-012", role="client")
def failing_callbacks(trace: Trace) -> Findings:
    """Failing error and close callbacks do not disturb the receive loop."""
    faulty = any(o.lets_fail("error") for o in openings(trace))
    errors = trace.events("error")
    if not faulty or not errors:
        return
    late = [event for event, _, _ in frames(trace) if event.seq > errors[0].seq]
    if late:
        yield passed(errors[0], late[0])
    elif trace.events("closed"):
        yield failed(
            trace.events("closed")[0], "after the error callback failed nothing was received"
        )
