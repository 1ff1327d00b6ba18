"""A session on the server's side: parameters, acks, audio, heartbeat, errors, silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.akool.v0_1_8.constants import AckStatus, CloseCode
from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._server import (
    ACK,
    AGORA_CONNECTED,
    AUDIO,
    ERROR,
    INTERRUPT,
    LEAVE,
    PARAMETERS,
    PING,
    PONG,
    REQUESTS,
    SET_PARAMS,
    V2,
    acks_of,
    answered_in_order,
    mid_of,
    pld,
    server_end,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Socket, Trace


# --- acks ----------------------------------------------------------------------------------------


def _acknowledged(trace: Trace, name: str) -> Iterator[Finding]:
    """Whether each request of a name got an ack of its own."""
    for socket in trace.sockets():
        for request in socket.messages("client", name):
            acks = acks_of(socket, request)
            if acks:
                yield passed(request, acks[0])
            elif answered_in_order(socket, request) is not None or server_end(socket) is not None:
                yield failed(request, f"{name} got no ack that names its mid {mid_of(request)!r}")


@check("AKO-PARAM-007", role="server", always=True, revisions=V2)
def set_params_is_acknowledged(trace: Trace) -> Findings:
    """set-params gets an ack."""
    yield from _acknowledged(trace, SET_PARAMS)


@check("AKO-INT-003", role="server", always=True, revisions=V2)
def interrupt_is_acknowledged(trace: Trace) -> Findings:
    """Interrupt gets an ack, also when nothing is playing."""
    yield from _acknowledged(trace, INTERRUPT)


@check("AKO-LEAVE-003", role="server", always=True, revisions=V2)
def leave_is_acknowledged(trace: Trace) -> Findings:
    """The leave event gets an ack."""
    yield from _acknowledged(trace, LEAVE)


@check("AKO-ACK-001", role="server", always=True, revisions=V2)
def acks_name_their_request(trace: Trace) -> Findings:
    """Each ack repeats the mid of a request that came before it."""
    for socket in trace.sockets():
        for ack in socket.messages("server", ACK):
            earlier = [r for r in socket.before(ack) if r.sender == "client"]
            sent = [r for r in earlier if r.name in REQUESTS | AUDIO]
            named = pld(ack).get("original_mid")
            request = next((r for r in sent if mid_of(r) == named), None)
            if request is None:
                yield failed(ack, f"original_mid is {named!r}, which no request before it has")
            else:
                yield passed(ack, request)


@check("AKO-ACK-003", role="server", revisions=V2)
def success_is_said(trace: Trace) -> Findings:
    """The ack of a request that succeeded says success."""
    for ack in trace.messages("server", ACK):
        status = pld(ack).get("status")
        if status == AckStatus.SUCCESS:
            yield passed(ack)
        else:
            yield failed(ack, f"the status of an ack is {status!r}, not {AckStatus.SUCCESS!r}")


# --- parameters ----------------------------------------------------------------------------------


@check("AKO-PARAM-005", role="server", revisions=V2)
def a_number_is_a_uid(trace: Trace) -> Findings:
    """A uid that is a number is taken like a text."""
    for socket in trace.sockets():
        for request in socket.messages("client", SET_PARAMS):
            agora = members_of(members_of(pld(request).get("metadata")).get("agora_data"))
            if not isinstance(agora.get("uid"), int):
                continue
            acks = acks_of(socket, request)
            errors = [r for r in socket.after(request) if r.kind == "message" and r.name == ERROR]
            status = pld(acks[0]).get("status", AckStatus.SUCCESS) if acks else None
            if errors:
                yield failed(errors[0], "a uid that is a number was answered by an error", request)
            elif acks and status != AckStatus.SUCCESS:
                yield failed(acks[0], f"a uid that is a number got status {status!r}", request)
            elif acks:
                yield passed(request, acks[0])


@check("AKO-PARAM-008", role="server", always=True)
def the_join_is_told(trace: Trace) -> Findings:
    """agora_connected names the channel that the parameters name."""
    for socket in trace.sockets():
        for told in socket.messages("server", AGORA_CONNECTED):
            asked = [r for r in socket.before(told) if r.name in PARAMETERS]
            channel = pld(told).get("channel_id")
            if not asked:
                yield failed(told, "agora_connected came although no channel had been named")
            elif not isinstance(channel, str):
                yield failed(told, f"channel_id is {channel!r}, no text")
            elif channel != _channel(asked[-1]):
                wanted = _channel(asked[-1])
                yield failed(told, f"channel_id is {channel!r}, not {wanted!r}", asked[-1])
            else:
                yield passed(told, asked[-1])


def _channel(parameters: Record) -> object:
    """The channel that parameters name, in either dialect."""
    bare = members_of((parameters.data or {}).get("data"))
    agora = members_of(members_of(pld(parameters).get("metadata")).get("agora_data"))
    return agora.get("channel_id", bare.get("channel"))


@check("AKO-PARAM-101", role="server", always=True, revisions=["0.1.8-documented"])
def the_join_answers_alone(trace: Trace) -> Findings:
    """agora_params is answered by agora_connected, without an ack."""
    for socket in trace.sockets():
        acks = socket.messages("server", ACK)
        if acks:
            yield failed(acks[0], "an ack came, and the dialect has nothing that it could name")
            continue
        for told in socket.messages("server", AGORA_CONNECTED):
            yield passed(told)


# --- audio ---------------------------------------------------------------------------------------


@check("AKO-AUDIO-004", role="server", always=True, revisions=V2)
def audio_is_not_acknowledged(trace: Trace) -> Findings:
    """No ack names a chat."""
    for socket in trace.sockets():
        for chat in socket.messages("client"):
            if chat.name not in AUDIO:
                continue
            acks = acks_of(socket, chat)
            barrier = answered_in_order(socket, chat)
            if acks:
                yield failed(acks[0], "an ack came for chat, which has none", chat)
            elif barrier is not None:
                yield passed(chat, barrier)


@check("AKO-AUDIO-008", role="server")
def early_audio_is_refused(trace: Trace) -> Findings:
    """Audio before the session is ready gets an error frame, and the connection stays."""
    for socket in trace.sockets():
        ready = next((r.seq for r in socket.messages("server", AGORA_CONNECTED)), None)
        for chat in socket.messages("client"):
            if chat.name not in AUDIO or (ready is not None and chat.seq > ready):
                continue
            errors = [r for r in socket.after(chat) if r.kind == "message" and r.name == ERROR]
            end = server_end(socket)
            if not errors:
                yield failed(chat, "audio before the parameters got no error frame", end)
            elif end is not None:
                yield failed(end, "the server gave up the connection over early audio", chat)
            elif answered_in_order(socket, errors[0]) is not None:
                yield passed(chat, errors[0])


# --- heartbeat, errors, silence ------------------------------------------------------------------


@check("AKO-HB-002", role="server", always=True)
def pings_are_answered(trace: Trace) -> Findings:
    """Each ping gets a pong with an empty payload."""
    for socket in trace.sockets():
        pongs = socket.messages("server", PONG)
        for place, ping in enumerate(socket.messages("client", PING)):
            if place >= len(pongs):
                if _missed(socket, ping):
                    yield failed(ping, "a ping got no pong")
                continue
            pong = pongs[place]
            payload = (pong.data or {}).get("pld")
            if pong.seq < ping.seq:
                yield failed(pong, "a pong came before its ping", ping)
            elif payload != {}:
                yield failed(pong, f"the pld of a pong is {payload!r}, not empty", ping)
            else:
                yield passed(ping, pong)


def _missed(socket: Socket, ping: Record) -> bool:
    """Whether a pong had its chance: the server has answered what came after the ping."""
    return answered_in_order(socket, ping) is not None or socket.end is None


@check("AKO-ERR-001", role="server", always=True)
def errors_have_number_and_text(trace: Trace) -> Findings:
    """An error frame has a number error_code and a text error_message."""
    for error in trace.messages("server", ERROR):
        number, text = pld(error).get("error_code"), pld(error).get("error_message")
        if isinstance(number, bool) or not isinstance(number, int):
            yield failed(error, f"error_code is {number!r}, no whole number")
        elif not isinstance(text, str):
            yield failed(error, f"error_message is {text!r}, no text")
        else:
            yield passed(error)


@check("AKO-HB-005", role="server")
def silence_ends_a_connection(trace: Trace) -> Findings:
    """A client that is silent for too long is closed with 1000."""
    if not trace.expect.get("silence"):
        return
    for socket in trace.sockets():
        end = server_end(socket)
        if end is None:
            yield failed(socket.upgrade, "a silent connection was kept")
        elif end.code != CloseCode.NORMAL:
            yield failed(
                end, f"a silent connection ended with {end.code!r}, not {CloseCode.NORMAL}"
            )
        else:
            yield passed(end)
