"""Sessions on the WebSocket: how a client opens and leaves them, and how it loses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._client import (
    Heard,
    Request,
    Sent,
    audio_of,
    carried,
    context_of,
    given_audio,
    member,
    metadata,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_TYPES = frozenset(value for name, value in vars(Request).items() if name.isupper())


@check("AIA-WS-001", role="client")
def text_of_one_object(trace: Trace) -> Findings:
    """Each message is text and one JSON object."""
    for record in _said(trace):
        if record.opcode != "text":
            yield failed(record, f"a {record.opcode} message; the rule wants text")
        elif record.data is None:
            yield failed(record, "the message is no JSON object")
        else:
            yield passed(record)


@check("AIA-WS-002", role="client")
def start_is_first(trace: Trace) -> Findings:
    """The first message of a socket is start."""
    for socket in trace.sockets():
        first = next(iter(socket.messages("client")), None)
        if first is not None and first.name == Request.START:
            yield passed(first)
        elif first is not None:
            yield failed(first, f"the first message is {first.name or 'unreadable'}, not start")


@check("AIA-WS-005", role="client")
def turns_are_invokes(trace: Trace) -> Findings:
    """A turn from text, files or complete audio is an invoke."""
    if not trace.sockets():
        return
    for command in trace.commands():
        data = members_of(command.data)
        if command.name != "send_text" and not (command.name == "send_audio" and data.get("turn")):
            continue
        carriers = [r for r in trace.messages("client") if r.seq > command.seq]
        found = next((r for r in carriers if _carries(r, command, data)), None)
        if found is None:
            yield failed(command, "no message carries the turn that was ordered")
        elif found.name != Request.INVOKE:
            yield failed(found, f"the turn was sent as {found.name}, not invoke", command)
        else:
            yield passed(found, command)


def _carries(record: Record, command: Record, data: dict[str, Any]) -> bool:
    if command.name == "send_audio":
        return audio_of(record) == given_audio(command)
    files = data.get("files")
    same_files = not files or member(record, "files") == files
    return same_files and (member(record, "text") or "") == (data.get("text") or "")


@check("AIA-WS-006", role="client")
def microphone_is_data(trace: Trace) -> Findings:
    """Microphone audio goes out as data, complete and in order."""
    streamed = [c for c in trace.commands("send_audio") if not members_of(c.data).get("turn")]
    if not trace.sockets() or not streamed:
        return
    given = b"".join(given_audio(command) for command in streamed)
    for record in trace.messages("client"):
        if member(record, "audio_data") and record.name != Request.DATA:
            yield failed(record, f"microphone audio was sent as {record.name}, not data")
    messages = trace.messages("client", Request.DATA)
    sent = carried(messages)
    if not messages:
        yield failed(streamed[0], "no data message followed the microphone audio")
    elif not given.startswith(sent[: len(given)]):
        yield failed(messages[-1], "the data messages do not hold the audio that was given")
    else:
        yield passed(messages[-1])


@check("AIA-WS-009", role="client")
def stop_before_leaving(trace: Trace) -> Findings:
    """A client that leaves says stop first."""
    for command in trace.commands("close"):
        for socket in trace.sockets():
            if not socket.is_open or _over(socket, command):
                continue
            last = next(iter(reversed(socket.messages("client"))), None)
            if last is not None and last.name == Request.STOP:
                yield passed(last, command)
            else:
                said = "nothing" if last is None else last.name
                yield failed(last or command, f"the client left after {said}, without stop")


def _over(socket: Socket, command: Record) -> bool:
    """Whether a socket had ended by then, or a client that said stop only waited for its end."""
    end = socket.end
    return end is not None and (end.seq < command.seq)


@check("AIA-HB-001", role="client")
def no_heartbeats(trace: Trace) -> Findings:
    """A client sends nothing but requests, and does not end a quiet session."""
    for socket in trace.sockets():
        odd = next((r for r in socket.messages("client") if r.name not in _TYPES), None)
        if odd is not None:
            yield failed(odd, f"{odd.name or 'unreadable'} is no request; there are no heartbeats")
        elif socket.is_open:
            yield _left_in_order(trace, socket)


def _left_in_order(trace: Trace, socket: Socket) -> Any:  # noqa: ANN401 - a finding
    end = socket.end
    ordered = next((c for c in trace.commands("close")), None)
    early = ordered is None or end is None or end.seq < ordered.seq
    if end is not None and end.sender == "client" and early:
        return failed(end, "the client ended a session in which nothing was wrong")
    return passed(end or socket.records[-1])


@check("AIA-ERR-003", role="client")
def refusal_is_a_failure(trace: Trace) -> Findings:
    """A final with metadata.error is reported as a failure."""
    for record in trace.messages("server", Sent.FINAL):
        words = metadata(record).get(Heard.ERROR)
        if not words:
            continue
        told = [
            e
            for e in trace.errors()
            if words in {e.get("server_detail"), e.get("message")}
            or words in str(e.get("message") or "")
        ]
        if told:
            yield passed(record)
        else:
            yield failed(record, f"the application was not told of the refusal {words!r}")


@check("AIA-ERR-004", role="client")
def loss_of_the_socket_alone(trace: Trace) -> Findings:
    """An abnormal end is told to the application; the next socket goes on with the context."""
    normal = constants.CloseCode.NORMAL
    sockets = [socket for socket in trace.sockets() if socket.is_open]
    for socket in sockets:
        end = socket.end
        if end is None or end.sender != "server" or end.code == normal:
            continue
        told = [e for e in (*trace.events("closed"), *trace.events("error")) if e.seq > end.seq]
        if not told:
            yield failed(end, "the application was not told that the socket is lost")
            continue
        announced = _announced(socket)
        turn = next((r for r in trace.messages("client", Request.INVOKE) if r.seq > end.seq), None)
        if announced is None or turn is None:
            yield passed(end, told[0])
        elif context_of(turn) == context_of(announced):
            yield passed(end, turn)
        else:
            yield failed(
                turn,
                f"after the loss of the socket the turn names {context_of(turn)}; the "
                f"conversation was {context_of(announced)}",
                announced,
            )


def _announced(socket: Socket) -> Record | None:
    starts = [r for r in socket.messages("server", Sent.START) if context_of(r) is not None]
    return starts[-1] if starts else None


def _said(trace: Trace) -> list[Record]:
    return [record for socket in trace.sockets() for record in socket.messages("client")]
