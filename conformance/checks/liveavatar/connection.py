"""The WebSocket and its handshake: where the agent dials, what it says first, how long it waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import answer_of, error_of, option, outcomes, told
from conformance.checks.liveavatar._common import (
    AUDIO,
    IMAGE,
    START,
    AgentTime,
    data_of,
    has_adapter,
    texts,
)
from conformance.trace import payload

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_SUBPROTOCOL = "sec-websocket-protocol"
_SENDING = ("send_event", "send_frame", "send_audio", "send_text", "interrupt")
_FRAMES = (AUDIO, IMAGE)


@check("LAC-CONN-001", role="client")
def dials_the_url_it_was_given(trace: Trace) -> Findings:
    """The upgrade goes to agentWsUrl exactly as received."""
    given: Record | None = None
    for record in trace.wire():
        if record.kind == "http_response" and record.name == START:
            given = record
        elif record.kind == "upgrade_request" and given is not None:
            url = data_of(given, "agentWsUrl")
            if not isinstance(url, str) or "://" not in url:
                continue  # hidden as a whole: nothing to compare with
            parts = urlsplit(url)
            wanted = url[url.index(parts.netloc) + len(parts.netloc) :].partition("#")[0] or "/"
            host = record.headers.get("host", "")
            if record.target != wanted:
                yield failed(
                    record, f"the agent dialled {record.target}, agentWsUrl says {wanted}", given
                )
            elif host and host != parts.netloc:
                yield failed(
                    record, f"the agent dialled host {host}, agentWsUrl says {parts.netloc}", given
                )
            else:
                yield passed(record, given)


@check("LAC-CONN-003", role="client", always=True)
def offers_no_subprotocol(trace: Trace) -> Findings:
    """The upgrade offers no WebSocket subprotocol."""
    for socket in trace.sockets():
        upgrade = socket.upgrade
        if upgrade is None:
            continue
        if offered := upgrade.headers.get(_SUBPROTOCOL):
            yield failed(
                upgrade, f"the upgrade offers the subprotocol {offered}; it must offer none"
            )
        else:
            yield passed(upgrade)


@check("LAC-CONN-004", role="client", always=True)
def text_for_events_binary_for_frames(trace: Trace) -> Findings:
    """JSON events travel as text messages, media frames as binary ones."""
    for record in trace.messages("client"):
        if record.opcode == "text":
            yield passed(record)  # what it holds is LAC-MSG-001's affair
        elif _is_json_object(payload(record)):
            yield failed(record, "a JSON event was sent as a binary message; events are text")
        elif record.name not in _FRAMES:
            yield failed(record, "a binary message is no media frame")
        else:
            yield passed(record)


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


@check("LAC-CONN-005", role="client")
def refuses_to_send_without_connection(trace: Trace) -> Findings:
    """What is to be sent without a connection ends in an error of the call."""
    for name in _SENDING:
        for command, answer in outcomes(trace, name):
            before = [s for s in trace.sockets() if s.records[0].seq < command.seq]
            if not before or any(_alive(s, command) for s in before):
                continue
            if told(answer) == "error":
                yield passed(answer)
            elif told(answer) == "done":
                yield failed(answer, f"`{name}` succeeded although no connection was open", command)


def _alive(socket: Socket, record: Record) -> bool:
    return socket.is_open and (socket.end is None or socket.end.seq > record.seq)


def _inits(socket: Socket) -> list[Record]:
    """The session.init of a socket that carry both ids."""
    return [
        r
        for r in texts(socket.records, "server", MessageName.SESSION_INIT)
        if data_of(r, "sessionId") and data_of(r, "userId")
    ]


@check("LAC-HS-002", role="client")
def init_is_answered_by_ready(trace: Trace) -> Findings:
    """Every session.init is answered at once by session.ready."""
    for socket in trace.sockets():
        for init in _inits(socket):
            answers = [r for r in socket.messages("client") if r.seq > init.seq]
            if not answers:
                ended = socket.end is not None
                if not ended and _went_on(trace, init):
                    yield failed(init, "session.init was not answered by session.ready")
            elif answers[0].name == MessageName.SESSION_READY:
                yield passed(answers[0], init)
            else:
                yield failed(
                    answers[0],
                    f"after session.init came {answers[0].name or 'something unreadable'}, "
                    "not session.ready",
                    init,
                )


def _went_on(trace: Trace, record: Record) -> bool:
    """Whether the implementation must have read a session.init.

    It has answered a command that it was given later, or an `open`, which waits for the init. Other
    answers and events may have been on their way while the init was.
    """
    return any(
        answer.seq > record.seq
        and (command.seq > record.seq or (command.name == "open" and told(answer) == "done"))
        for command in trace.commands()
        if (answer := answer_of(trace, command)) is not None
    )


@check("LAC-HS-003", role="client")
def open_only_after_a_valid_init(trace: Trace) -> Findings:
    """The session counts as open only after a session.init with both ids."""
    for command, answer in outcomes(trace, "open"):
        sockets = [s for s in trace.sockets() if command.seq < s.records[0].seq]
        if not any(s.is_open for s in sockets):
            continue
        done = told(answer) == "done"
        valid = [init for s in sockets for init in _inits(s) if init.seq < answer.seq]
        if done and not valid:
            yield failed(answer, "the session counts as open, yet no session.init had both ids")
        elif done:
            yield passed(answer, valid[0])
        elif not valid and told(answer) == "error":
            yield passed(answer)
    opened = next(iter(trace.events("opened")), None)
    if opened is not None and not any(
        init.seq < opened.seq for s in trace.sockets() for init in _inits(s)
    ):
        yield failed(opened, "the session was reported open, yet no session.init had both ids")


@check("LAC-HS-004", role="client")
def wait_for_init_is_limited(trace: Trace) -> Findings:
    """Without session.init the agent closes after the configured time, 30 s by default."""
    if not has_adapter(trace):
        return
    limit = option(trace, "timeout") or constants.Timeout.SESSION_INIT
    time = AgentTime(trace)
    for socket in trace.sockets():
        if not socket.is_open or _inits(socket):
            continue
        opened = socket.first(kind="open")
        if opened is None:
            continue
        end = next(
            (r for r in socket.records if r.kind in {"close", "reset"} and r.sender == "client"),
            None,
        )
        if end is None:
            least, most = time.since(opened)
        else:
            least, most = time.between(opened, end)
        if end is None and least > limit:
            yield failed(
                opened,
                f"no session.init came for {least:g} s, and the agent never closed; "
                f"it must after {limit:g} s",
            )
        elif end is not None and not least <= limit <= most:
            yield failed(
                end,
                f"the agent closed after {least:g} to {most:.1f} s without session.init; "
                f"it must wait {limit:g} s",
            )
        elif end is not None:
            yield passed(end)


@check("LAC-HS-005", role="client")
def session_ids_are_compared(trace: Trace) -> Findings:
    """A session.init that names another session than the start does not open it."""
    started = next(
        (data_of(reply, "sessionId") for _, reply in trace.http(START) if reply is not None), None
    )
    if started is None:
        return
    for socket in trace.sockets():
        inits = _inits(socket)
        wrong = [init for init in inits if data_of(init, "sessionId") != started]
        if not wrong or len(wrong) < len(inits):
            continue
        for _, answer in outcomes(trace, "open"):
            if told(answer) == "done":
                yield failed(
                    answer,
                    f"session.init names session {data_of(wrong[0], 'sessionId')}, the start "
                    f"{started}, and the session counts as open",
                    wrong[0],
                )
            elif told(answer) == "error":
                observed = str(error_of(answer).get("code"))
                yield passed(answer, wrong[0], observed=observed)


@check("LAC-HS-007", role="client")
def silent_until_the_handshake_is_done(trace: Trace) -> Findings:
    """Before the handshake is done the agent sends nothing but session.ready."""
    for socket in trace.sockets():
        if not socket.is_open:
            continue
        first = next(iter(_inits(socket)), None)
        for record in socket.messages("client"):
            if record.name == MessageName.SESSION_READY:
                if first is not None and record.seq > first.seq:
                    break
            else:
                yield failed(
                    record,
                    f"{record.name or 'a message'} was sent before the handshake was done; "
                    "until then only session.ready may be",
                )
                break
        else:
            if first is None:
                yield passed(socket.first(kind="open"))
            continue
        if first is not None and record.name == MessageName.SESSION_READY:
            yield passed(record)


@check("LAC-HS-008", role="client")
def scene_ready_is_not_answered(trace: Trace) -> Findings:
    """Nothing is sent in answer to scene.ready; speech that begins then is no answer."""
    for socket in trace.sockets():
        for scene in texts(socket.records, "server", MessageName.SCENE_READY):
            commands = [c.seq for c in trace.commands() if c.seq > scene.seq and c.name in _SENDING]
            until = min(commands, default=trace.records[-1].seq + 1)
            inits = {r.seq for r in _inits(socket)}
            answer = next(
                (
                    r
                    for r in socket.messages("client")
                    if scene.seq < r.seq < until
                    and _is_answer(trace, r)
                    and not _answers_init(socket, r, inits)
                ),
                None,
            )
            if answer is not None:
                yield failed(
                    answer,
                    f"scene.ready was answered by {answer.name or 'a message'}; it needs no answer",
                    scene,
                )
            else:
                yield passed(scene)


def _is_answer(trace: Trace, record: Record) -> bool:
    """Whether a message can only be an answer: of the domain itself, or sent without an order."""
    domain = record.name.partition(".")[0]
    return domain in _ANSWERING or (has_adapter(trace) and domain not in _SPEAKING)


_ANSWERING = ("scene", "session")
#: Domains of the events by which an agent begins to speak or to act on its own.
_SPEAKING = ("response", "system", "control", "input")


def _answers_init(socket: Socket, record: Record, inits: set[int]) -> bool:
    """Whether this session.ready belongs to a session.init that it is the first to follow."""
    if record.name != MessageName.SESSION_READY:
        return False
    readies = [
        r.seq for r in socket.messages("client", MessageName.SESSION_READY) if r.seq <= record.seq
    ]
    return len(readies) <= len([seq for seq in inits if seq < record.seq])
