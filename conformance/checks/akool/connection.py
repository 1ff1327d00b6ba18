"""The socket: where and how a client connects, what it sends on it, and when it is open."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    DOCUMENTED,
    NEWER,
    V2,
    advanced,
    answer_after,
    credential,
    dialect_of,
    host_of,
    query_of,
    sent,
)
from conformance.checks.commands import error_of, option, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_COMMANDS = ("set_params", "send_audio", "interrupt")


# --- the address ---------------------------------------------------------------------------------


@check("AKO-CONN-001", role="client", revisions=V2)
def upgrade_names_session_and_avatar(trace: Trace) -> Findings:
    """Path and query of the upgrade."""
    of = dialect_of(trace).constants
    for socket in trace.sockets():
        if (upgrade := socket.upgrade) is None:
            continue
        path, query = upgrade.target.partition("?")[0], query_of(upgrade)
        wanted = credential(trace, "avatar_id")
        if path != of.Endpoint.WEBSOCKET.path:
            yield failed(upgrade, f"the socket is at {of.Endpoint.WEBSOCKET.path}, not at {path}")
        elif not query.get(of.Query.SESSION_ID):
            yield failed(upgrade, f"the upgrade has no {of.Query.SESSION_ID}")
        elif wanted is not None and query.get(of.Query.AVATAR_ID) != wanted:
            yield failed(
                upgrade,
                f"{of.Query.AVATAR_ID} of the upgrade is {query.get(of.Query.AVATAR_ID)!r}, "
                f"wanted is {wanted!r}",
            )
        else:
            yield passed(upgrade)


@check("AKO-CONN-002", role="client", revisions=V2)
def session_id_is_kept(trace: Trace) -> Findings:
    """The given id, or a random UUID, and the same for all attempts of one connect."""
    name = dialect_of(trace).constants.Query.SESSION_ID
    given = option(trace, "session_id")
    upgrades = [
        (s.upgrade, query_of(s.upgrade).get(name, "")) for s in trace.sockets() if s.upgrade
    ]
    for upgrade, found in upgrades:
        first = upgrades[0][1]
        if given is not None and found != given:
            yield failed(upgrade, f"{name} is {found!r}, given was {given!r}")
        elif given is None and not _is_random(found):
            yield failed(upgrade, f"{name} is {found!r}, no random UUID (version 4)")
        elif len(trace.commands("open")) == 1 and found != first:
            yield failed(upgrade, f"{name} is {found!r} now; the first attempt had {first!r}")
        else:
            yield passed(upgrade)


def _is_random(text: str) -> bool:
    try:
        return uuid.UUID(text).version == 4  # noqa: PLR2004 - the random ones
    except ValueError:
        return False


@check("AKO-CONN-013", role="client", revisions=NEWER)
def a_given_server_needs_no_discovery(trace: Trace) -> Findings:
    """With a server address, nobody is asked for one."""
    if not option(trace, "server_url"):
        return
    for socket in trace.sockets()[:1]:
        if trace.http():
            yield failed(trace.http()[0][0], "discovery was asked although a server was given")
        else:
            yield passed(socket.upgrade)


@check("AKO-CONN-014", role="client", revisions=NEWER)
def host_and_port_of_the_given_server(trace: Trace) -> Findings:
    """Of a server URL, host and port count and the path does not."""
    endpoint = dialect_of(trace).constants.Endpoint.WEBSOCKET
    given = option(trace, "server_url")
    if not given:
        return
    wanted = urlsplit(given if "://" in given else f"//{given}").netloc
    for socket in trace.sockets():
        if (upgrade := socket.upgrade) is None:
            continue
        path = upgrade.target.partition("?")[0]
        if host_of(socket) != wanted:
            yield failed(upgrade, f"{host_of(socket)} was dialled, given was {wanted}")
        elif path != endpoint.path:
            yield failed(upgrade, f"the path is {path}; it is {endpoint.path}, whatever was given")
        else:
            yield passed(upgrade)


@check("AKO-CONN-101", role="client", revisions=DOCUMENTED)
def documented_upgrade(trace: Trace) -> Findings:
    """The path of v2, with neither query nor key."""
    of = dialect_of(trace).constants
    for socket in trace.sockets():
        if (upgrade := socket.upgrade) is None:
            continue
        path, mark, query = upgrade.target.partition("?")
        if path != of.Endpoint.WEBSOCKET.path:
            yield failed(upgrade, f"the socket is at {of.Endpoint.WEBSOCKET.path}, not at {path}")
        elif mark and query:
            yield failed(upgrade, "the upgrade has a query; session and avatar stand in no URL")
        elif of.Header.API_KEY.lower() in upgrade.headers:
            yield failed(upgrade, f"the upgrade has the header {of.Header.API_KEY}; auth has it")
        else:
            yield passed(upgrade)


# --- frames --------------------------------------------------------------------------------------


@check("AKO-CONN-003", role="client", always=True)
def one_object_a_text_frame(trace: Trace) -> Findings:
    """Text frames with one JSON object each."""
    for message in sent(trace, ""):
        if message.opcode != "text":
            yield failed(message, "a binary frame; messages are text")
        elif not isinstance(message.data, dict):
            yield failed(message, "a text frame that is no JSON object")
        else:
            yield passed(message)


@check("AKO-CONN-004", role="client", always=True, revisions=V2)
def envelope(trace: Trace) -> Findings:
    """``v`` (2), ``type``, ``mid`` and ``pld`` in every frame."""
    of = dialect_of(trace).constants
    wanted: dict[str, Any] = {of.Member.TYPE: str, of.Member.ID: str, of.Member.PAYLOAD: dict}
    for message in sent(trace, ""):
        data = message.data or {}
        wrong = [name for name, kind in wanted.items() if not isinstance(data.get(name), kind)]
        if type(data.get(of.Member.VERSION)) is not int or data[of.Member.VERSION] != (
            of.Envelope.VERSION
        ):
            wrong.insert(0, of.Member.VERSION)
        if wrong:
            yield failed(message, f"{', '.join(wrong)} of the envelope missing or wrong")
        else:
            yield passed(message)


@check("AKO-CONN-102", role="client", always=True, revisions=DOCUMENTED)
def bare_frames(trace: Trace) -> Findings:
    """No envelope: ``type`` and that type's own members."""
    of = dialect_of(trace).constants.Member
    envelope_members = {of.VERSION, of.ID, of.PAYLOAD}
    for message in sent(trace, ""):
        found = sorted(envelope_members & (message.data or {}).keys())
        if found:
            yield failed(message, f"{', '.join(found)} of the v2 envelope in a bare frame")
        else:
            yield passed(message)


# --- opening -------------------------------------------------------------------------------------


@check("AKO-CONN-006", role="client")
def open_when_confirmed(trace: Trace) -> Findings:
    """The session is reported as open only after websocket_connected."""
    greeting = dialect_of(trace).greeting
    for socket in trace.sockets():
        opening = socket.first(kind="open")
        greeted = socket.first(kind="message", sender="server", name=greeting)
        if opening is None:
            continue
        reports = [r for r in _reports(trace) if r.seq > opening.seq]
        if reports and (greeted is None or reports[0].seq < greeted.seq):
            yield failed(
                reports[0],
                f"the session is reported as open before {greeting} has come; wait for it",
                opening,
            )
        elif reports:
            yield passed(reports[0])


def _reports(trace: Trace) -> list[Record]:
    answers = [r for r in trace.answers("open") if told(r) == "done"]
    return sorted([*trace.events("opened"), *answers], key=lambda record: record.seq)


@check("AKO-CONN-007", role="client")
def connecting_is_given_up(trace: Trace) -> Findings:
    """No longer than the configured time."""
    of = dialect_of(trace)
    codes = {of.errors.ErrorCode.CONNECTION_FAILED, of.errors.ErrorCode.RETRIES_EXHAUSTED}
    limit = option(trace, "connection_timeout") or of.constants.Timeout.CONNECT
    for socket in trace.sockets()[:1]:
        upgrade = socket.upgrade
        if upgrade is None or socket.response is not None:
            continue
        answer = answer_after(trace, "open", upgrade)
        waited = advanced(trace, upgrade, answer)
        code = {} if answer is None else error_of(answer)
        if answer is None and waited < limit:
            continue
        if answer is None or waited > limit:
            yield failed(
                answer or upgrade,
                f"connecting goes on after {waited:g} s; the limit is {limit:g} s",
            )
        elif code.get("code") not in codes:
            found = code.get("code") or told(answer)
            yield failed(answer, f"it ends as {found!r}, not as a failed connection")
        else:
            yield passed(answer)


# --- frames of the server ------------------------------------------------------------------------


@check("AKO-CONN-010", role="client")
def every_frame_reaches_the_application(trace: Trace) -> Findings:
    """The message callback gets each one, known or not."""
    heard = [(r.data or {}).get("message") for r in trace.events("message")]
    if not trace.commands("open"):
        return
    frames = [r for r in trace.messages("server") if r.data is not None]
    for frame in frames:
        if frame.data in heard:
            heard.remove(frame.data)
            yield passed(frame)
        else:
            yield failed(
                frame, f"{frame.name or 'a frame'} has not reached the application's callback"
            )


@check("AKO-CONN-011", role="client")
def unknown_frames_do_no_harm(trace: Trace) -> Findings:
    """Unknown types and unknown statuses are passed over."""
    of = dialect_of(trace)
    known = {of.greeting, of.joined, *_answers(of.constants.MessageType)}
    odd = [r for r in trace.messages("server") if r.data is not None and r.name not in known]
    yield from in_use_after(trace, odd, "a frame of unknown name")


def _answers(kinds: Any) -> set[str]:  # noqa: ANN401 - a generated class
    return {kinds.ACK, kinds.PONG, kinds.ERROR}


def in_use_after(trace: Trace, odd: Sequence[Record], what: str) -> Findings:
    """Whether the connection is still in use after each of these frames.

    Args:
        trace: the trace.
        odd: frames of the server that must do no harm.
        what: how to name them.
    """
    for record in odd:
        socket = next((s for s in trace.sockets() if s.number == record.connection), None)
        ended = _ended_by_client(socket, record)
        used = next(((c, a) for c, a in outcomes(trace, *_COMMANDS) if c.seq > record.seq), None)
        if ended is not None and (used is None or ended.seq < used[0].seq):
            closing = next((c for c in trace.commands("close") if c.seq < ended.seq), None)
            if closing is None:
                yield failed(ended, f"the client has ended the connection after {what}", record)
        elif used is not None and told(used[1]) == "done":
            yield passed(used[1], record)
        elif used is not None:
            yield failed(
                used[1],
                f"after {what} the connection is of no use: {used[0].name} fails as "
                f"{error_of(used[1]).get('code') or told(used[1])!r}",
                record,
            )


def _ended_by_client(socket: Socket | None, record: Record) -> Record | None:
    if socket is None:
        return None
    later = socket.after(record)
    return next((r for r in later if r.kind in {"close", "reset"} and r.sender == "client"), None)


@check("AKO-CONN-016", role="client")
def the_end_is_told(trace: Trace) -> Findings:
    """The server closes, or the connection drops: the application hears of it."""
    for socket in trace.sockets():
        end = next((r for r in socket.records if r.kind in {"close", "reset"}), None)
        if end is None or end.sender != "server" or not _reports(trace):
            continue
        later = [r for r in trace.commands() if r.seq > end.seq and r.name in {"close", "settle"}]
        told_of = next((r for r in trace.events("closed") if r.seq > end.seq), None)
        closing = next((r for r in later if r.name == "close"), None)
        if told_of is not None and (closing is None or told_of.seq < closing.seq):
            yield passed(told_of, end)
        elif later:
            yield failed(
                end, "the server has ended the connection, and the application is not told"
            )


# --- heartbeat -----------------------------------------------------------------------------------


@check("AKO-HB-001", role="client")
def heartbeat(trace: Trace) -> Findings:
    """A ping at once, and then one each interval."""
    of = dialect_of(trace).constants
    interval = option(trace, "heartbeat_interval") or of.Heartbeat.INTERVAL
    for socket in trace.sockets():
        opening = socket.first(kind="open")
        if opening is None:
            continue
        pings = socket.messages("client", of.MessageType.PING)
        end = socket.end
        time = advanced(trace, opening, end)
        due = 1 + int(time // interval)
        moved = next((c for c in trace.commands("advance") if c.seq > opening.seq), None)
        at_once = [r for r in pings if moved is None or r.seq < moved.seq]
        if not _has_settled(trace, opening):
            continue
        if not at_once:
            yield failed(opening, "no ping as soon as the socket is open")
        elif not due <= len(pings) <= due + 1:
            yield failed(
                pings[-1],
                f"{len(pings)} pings in {time:g} s; one at once and one every {interval:g} s "
                f"are {due}",
            )
        else:
            yield passed(*pings)


def _has_settled(trace: Trace, record: Record) -> bool:
    """Whether the client had the time for what it does at once."""
    return any(r.seq > record.seq for r in trace.commands())


@check("AKO-HB-003", role="client")
def any_pong_will_do(trace: Trace) -> Findings:
    """A pong is accepted whatever its mid is."""
    of = dialect_of(trace).constants
    pings = {(r.data or {}).get(of.Member.ID) for r in sent(trace, of.MessageType.PING)}
    odd = [
        pong
        for pong in trace.messages("server", of.MessageType.PONG)
        if pong.data is None or pong.data.get(of.Member.ID) not in pings
    ]
    yield from in_use_after(trace, odd, "a pong with a mid of its own")


@check("AKO-HB-004", role="client")
def unanswered_pings_end_the_connection(trace: Trace) -> Findings:
    """After so many pings without a pong, the connection counts as dead."""
    of = dialect_of(trace).constants
    limit = option(trace, "missed_pongs")
    if not limit:
        return
    for socket in trace.sockets():
        if socket.messages("server", of.MessageType.PONG):
            continue
        pings = socket.messages("client", of.MessageType.PING)
        told_of = next((r for r in trace.events("closed")), None)
        if told_of is not None and len(pings) >= limit:
            yield passed(told_of, *pings)
        elif told_of is not None:
            yield failed(told_of, f"given up after {len(pings)} pings; {limit} may be missed")
        elif len(pings) > limit:
            yield failed(pings[-1], f"{len(pings)} pings without a pong, and the client goes on")
