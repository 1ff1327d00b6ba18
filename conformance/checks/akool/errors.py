"""Error frames: what reaches the application, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    NEWER,
    dialect_of,
    payload_of,
)
from conformance.checks.akool.connection import in_use_after
from conformance.checks.commands import answer_of, error_of, option, outcomes, told

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


@check("AKO-ERR-002", role="client")
def errors_reach_the_application(trace: Trace) -> Findings:
    """With code and text."""
    of = dialect_of(trace).constants
    if not trace.commands("open"):
        return
    for frame in trace.messages("server", of.MessageType.ERROR):
        payload = payload_of(frame)
        number = str(payload.get("error_code"))
        text = payload.get("error_message", of.Substitute.ERROR_TEXT)
        events = [r for r in trace.events("error") if r.seq > frame.seq]
        found = [r for r in events if str((r.data or {}).get("server_code")) == number]
        if not found:
            yield failed(frame, f"error {number} has not reached the application")
        elif not any(_says(r.data or {}, text) for r in found):
            yield failed(found[0], f"the text {text!r} of error {number} is lost", frame)
        else:
            yield passed(found[0], frame)


def _says(error: dict[str, Any], text: str) -> bool:
    return text in {error.get("server_detail"), error.get("message")} or text in str(
        error.get("message", "")
    )


@check("AKO-ERR-003", role="client")
def errors_do_not_end_the_connection(trace: Trace) -> Findings:
    """It stays open unless the server closes it."""
    frames = trace.messages("server", dialect_of(trace).constants.MessageType.ERROR)
    ends = trace.where(kind=("close", "reset"), sender="server")
    staying = [
        frame
        for frame in frames
        if not any(r.seq > frame.seq and r.connection == frame.connection for r in ends)
    ]
    yield from in_use_after(trace, staying, "an error frame")


@check("AKO-ERR-004", role="client")
def errors_fail_what_is_pending(trace: Trace) -> Findings:
    """At once, without waiting for its time to run out."""
    of = dialect_of(trace)
    names = {"set_params": of.parameters, "interrupt": of.interrupt}
    frames = trace.messages("server", of.constants.MessageType.ERROR)
    for command in trace.commands():
        name = names.get(command.name, "")
        asked = next((r for r in trace.messages("client", name) if r.seq > command.seq), None)
        frame = next((r for r in frames if asked is not None and r.seq > asked.seq), None)
        answer = answer_of(trace, command) if name else None
        if not name or frame is None or (answer is not None and answer.seq < frame.seq):
            continue
        later = [c for c in trace.commands() if c.seq > frame.seq and c.name != "settle"]
        settled = [a for a in trace.answers("settle") if a.seq > frame.seq]
        limit = min((r.seq for r in (*later, *settled)), default=None)
        if answer is not None and told(answer) == "done":
            yield failed(answer, f"{command.name} succeeds after an error frame", frame)
        elif answer is not None and (limit is None or answer.seq < limit):
            yield passed(answer, frame)
        elif limit is not None:
            yield failed(frame, f"{command.name} still waits after the error frame")


@check("AKO-ERR-006", role="client")
def numbers_mean_the_same_everywhere(trace: Trace) -> Findings:
    """4001, 4003 and 4004, in error frames and as close codes."""
    of = dialect_of(trace)
    by_number = {code.number: code.code for code in _codes(of.errors) if code.number}
    first = next((r for r in _numbered(trace, by_number)), None)
    if first is None:
        return
    number = first.code if first.kind == "close" else payload_of(first).get("error_code")
    wanted = by_number[int(number or 0)]
    settled = any(c.seq > first.seq for c in trace.commands())
    reports = _errors_after(trace, first)
    fitting = [record for record, error in reports if _is(trace, error, wanted, int(number or 0))]
    if fitting:
        yield passed(fitting[0], first)
    elif reports or settled:
        report = reports[0][0] if reports else first
        said = f"reported as {reports[0][1].get('code')!r}" if reports else "not reported at all"
        yield failed(report, f"{number}, which means {wanted!r}, is {said}", first)


def _codes(errors: Any) -> list[Any]:  # noqa: ANN401 - generated
    return [*errors.CODES.values()]


def _numbered(trace: Trace, numbers: dict[int, str]) -> list[Record]:
    kind = dialect_of(trace).constants.MessageType.ERROR
    return [
        record
        for record in trace.wire()
        if record.sender == "server"
        and (
            (record.kind == "close" and record.code in numbers)
            or (record.name == kind and payload_of(record).get("error_code") in numbers)
        )
    ]


def _errors_after(trace: Trace, record: Record) -> list[tuple[Record, dict[str, Any]]]:
    found = [(r, error_of(r)) for r in trace.answers("open") if told(r) == "error"]
    found += [(r, r.data or {}) for r in trace.events("error")]
    return [(r, error) for r, error in found if r.seq > record.seq]


def _is(trace: Trace, error: dict[str, Any], code: str, number: int) -> bool:
    """Whether an error is of a code, or the end of attempts whose last one was."""
    exhausted = dialect_of(trace).errors.ErrorCode.RETRIES_EXHAUSTED
    numbers = {str(error.get("server_code")), str(error.get("close_code"))}
    return error.get("code") == code or (error.get("code") == exhausted and str(number) in numbers)


@check("AKO-ERR-007", role="client")
def what_is_not_json(trace: Trace) -> Findings:
    """Reported, and read on."""
    code = dialect_of(trace).errors.ErrorCode.INVALID_MESSAGE
    odd = [r for r in trace.messages("server") if r.opcode == "text" and _is_garbage(r)]
    for record in odd:
        report = next((r for r in trace.events("error") if r.seq > record.seq), None)
        settled = any(c.seq > record.seq for c in trace.commands())
        found = {} if report is None else report.data or {}
        if found.get("code") == code:
            yield passed(report, record)
        elif report is not None:
            yield failed(report, f"it is reported as {found.get('code')!r}, not {code!s}", record)
        elif settled:
            yield failed(record, "a frame that is not JSON is not reported")
    yield from in_use_after(trace, odd, "a frame that is not JSON")


def _is_garbage(record: Record) -> bool:
    return record.data is None and any("not JSON" in problem for problem in record.problems)


@check("AKO-ERR-009", role="client", revisions=NEWER)
def unusable_server_url(trace: Trace) -> Findings:
    """A configuration error, before anything is sent."""
    code = dialect_of(trace).errors.ErrorCode.CONFIGURATION_INVALID
    if option(trace, "server_url") is None:
        return
    for _, answer in outcomes(trace, "open"):
        wire = next((r for r in trace.wire() if r.sender == "client"), None)
        found = error_of(answer).get("code")
        if trace.expect.get("code") != code:
            continue
        if wire is not None:
            yield failed(wire, "something was sent although the server URL is unusable")
        elif found == code:
            yield passed(answer)
        else:
            yield failed(answer, f"it is refused as {found or told(answer)!r}, not {code!s}")
