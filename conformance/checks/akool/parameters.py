"""Parameters: what a client sends, and when it counts them as set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    DOCUMENTED,
    V2,
    advanced,
    credential,
    dialect_of,
    payload_of,
    sent,
)
from conformance.checks.commands import answer_of, error_of, option, outcomes, told
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

#: member of agora_data -> setting of the scenario
_AGORA = {"appid": "app_id", "channel_id": "channel", "token": "token", "uid": "uid"}
#: member of data -> parameter of the command
_CHOSEN = {"vid": "voice_id", "lang": "language", "bgurl": "background_url"}


@check("AKO-PARAM-001", role="client")
def parameters_before_audio(trace: Trace) -> Findings:
    """Set and complete before the first audio of a connection."""
    of = dialect_of(trace)
    for socket in trace.sockets():
        audio = socket.first(kind="message", sender="client", name=of.audio)
        if audio is None:
            continue
        before = socket.before(audio)
        asked = [r for r in before if r.sender == "client" and r.name == of.parameters]
        missing = [what for what, seen in _completion(trace, before) if not seen]
        if not asked:
            yield failed(audio, "audio before the parameters")
        elif missing:
            yield failed(audio, f"audio before {' and '.join(missing)}", asked[0])
        else:
            yield passed(audio)


def _completion(trace: Trace, records: Sequence[Record]) -> list[tuple[str, bool]]:
    of = dialect_of(trace)
    mids = {(r.data or {}).get(of.constants.Member.ID) for r in records if r.name == of.parameters}
    acked = any(
        r.name == of.constants.MessageType.ACK and payload_of(r).get("original_mid") in mids
        for r in records
    )
    joined = any(r.name == of.joined for r in records)
    ack = [] if of.documented else [("the ack", acked)]
    return [*ack, ("agora_connected", joined)]


@check("AKO-PARAM-002", role="client", revisions=V2)
def parameters_are_complete(trace: Trace) -> Findings:
    """All eight fields, with what the application said."""
    for command, message in _asked(trace):
        payload = payload_of(message)
        data = members_of(payload.get("data"))
        agora = members_of(members_of(payload.get("metadata")).get("agora_data"))
        absent = [
            *(f"data.{name}" for name in ("vid", "lang", "mode", "bgurl") if name not in data),
            *(f"agora_data.{name}" for name in _AGORA if name not in agora),
        ]
        wrong = [
            name
            for name, setting in _AGORA.items()
            if name in agora and str(agora[name]) != str(_setting(trace, command, setting))
        ]
        wrong += [
            name
            for name, setting in _CHOSEN.items()
            if _given(command, setting) and name in data and data[name] != _given(command, setting)
        ]
        if absent:
            yield failed(message, f"{', '.join(absent)} missing in set-params")
        elif wrong:
            yield failed(message, f"{', '.join(wrong)} is not what the application has said")
        else:
            yield passed(message)


@check("AKO-PARAM-003", role="client", revisions=V2)
def mode_is_streaming(trace: Trace) -> Findings:
    """``mode`` is the number for streaming."""
    of = dialect_of(trace)
    for message in sent(trace, of.parameters):
        mode = members_of(payload_of(message).get("data")).get("mode")
        if mode == of.constants.Mode.STREAMING and type(mode) is int:
            yield passed(message)
        else:
            yield failed(message, f"mode is {mode!r}, not {of.constants.Mode.STREAMING}")


@check("AKO-PARAM-004", role="client", revisions=V2)
def uid_is_text(trace: Trace) -> Findings:
    """``uid`` is a text."""
    for message in sent(trace, dialect_of(trace).parameters):
        metadata = members_of(payload_of(message).get("metadata"))
        uid = members_of(metadata.get("agora_data")).get("uid")
        if isinstance(uid, str):
            yield passed(message)
        else:
            yield failed(message, f"uid is {uid!r}, no text")


@check("AKO-PARAM-006", role="client", revisions=V2)
def what_was_not_chosen(trace: Trace) -> Findings:
    """Empty text for no voice and no background, the default for no language."""
    of = dialect_of(trace).constants.Default
    defaults = {"vid": of.VOICE, "lang": of.LANGUAGE, "bgurl": of.BACKGROUND}
    for command, message in _asked(trace):
        data = members_of(payload_of(message).get("data"))
        wrong = {
            name: data.get(name)
            for name, default in defaults.items()
            if not _given(command, _CHOSEN[name]) and data.get(name) != default
        }
        if wrong:
            name, found = next(iter(wrong.items()))
            yield failed(
                message, f"{name} was not chosen and is {found!r}; it must be {defaults[name]!r}"
            )
        else:
            yield passed(message)


@check("AKO-PARAM-013", role="client", revisions=DOCUMENTED)
def documented_parameters(trace: Trace) -> Findings:
    """Channel, user id as a number, and token."""
    for command, message in _asked(trace):
        data = members_of((message.data or {}).get("data"))
        wanted = {name: _setting(trace, command, name) for name in ("channel", "uid", "token")}
        user = data.get("userId")
        if not isinstance(user, int) or isinstance(user, bool):
            yield failed(message, f"userId is {user!r}, no number")
        elif str(user) != str(wanted["uid"]):
            yield failed(message, f"userId is {user!r}, given was {wanted['uid']!r}")
        elif data.get("channel") != wanted["channel"]:
            yield failed(message, f"channel is {data.get('channel')!r}")
        elif data.get("rtcToken") != wanted["token"]:
            yield failed(message, "rtcToken is not the token that was given")
        else:
            yield passed(message)


@check("AKO-PARAM-009", role="client", revisions=V2)
def complete_with_both(trace: Trace) -> Findings:
    """Not before both the ack and agora_connected; a repetition with its ack."""
    of = dialect_of(trace)
    for number, (command, message) in enumerate(_asked(trace)):
        answer = answer_of(trace, command)
        if answer is None or told(answer) != "done":
            continue
        before = [r for r in trace.messages() if r.seq < answer.seq]
        ack = _ack_of(trace, message)
        joined = next((r for r in before if r.name == of.joined), None)
        if ack is None or ack.seq > answer.seq:
            yield failed(answer, "the parameters count as set before their ack", message)
        elif joined is None and number == 0:
            yield failed(answer, "the parameters count as set before agora_connected", message)
        else:
            yield passed(answer, ack, joined)


@check("AKO-PARAM-102", role="client", revisions=DOCUMENTED)
def complete_with_the_join(trace: Trace) -> Findings:
    """agora_connected completes them; without it the call fails."""
    of = dialect_of(trace)
    for command, message in _asked(trace):
        answer = answer_of(trace, command)
        if answer is None:
            continue
        joined = next((r for r in trace.messages("server", of.joined)), None)
        if told(answer) == "done" and (joined is None or joined.seq > answer.seq):
            yield failed(answer, "the parameters count as set before agora_connected", message)
        elif told(answer) == "done" or joined is None:
            yield passed(answer)


@check("AKO-PARAM-010", role="client", revisions=V2)
def setting_is_given_up(trace: Trace) -> Findings:
    """No ack, or no agora_connected, in time."""
    of = dialect_of(trace)
    for command, message in _asked(trace):
        answer = answer_of(trace, command)
        ack = _ack_of(trace, message)
        joined = next((r for r in trace.messages("server", of.joined)), None)
        if ack is not None and joined is not None:
            continue
        timeouts = of.constants.Timeout
        join_limit = option(trace, "connection_timeout") or timeouts.AGORA
        limit = timeouts.ACK if ack is None else join_limit
        waited = advanced(trace, message, answer)
        if answer is None and waited >= limit:
            yield failed(message, f"the call goes on after {waited:g} s; the limit is {limit:g} s")
        elif answer is not None and told(answer) == "done":
            yield failed(answer, "the parameters count as set although the answer is missing")
        elif answer is not None:
            yield passed(answer)


@check("AKO-PARAM-011", role="client", revisions=V2)
def either_order(trace: Trace) -> Findings:
    """agora_connected before the ack will do."""
    of = dialect_of(trace)
    for command, message in _asked(trace):
        ack, answer = _ack_of(trace, message), answer_of(trace, command)
        joined = next((r for r in trace.messages("server", of.joined)), None)
        if ack is None or joined is None or answer is None or joined.seq > ack.seq:
            continue
        if told(answer) == "done":
            yield passed(answer)
        else:
            yield failed(
                answer, "setting the parameters fails where agora_connected precedes the ack", ack
            )


@check("AKO-PARAM-012", role="client", revisions=V2)
def parameters_again(trace: Trace) -> Findings:
    """A second set-params replaces the first."""
    of = dialect_of(trace)
    done = [c for c, a in outcomes(trace, "set_params") if told(a) == "done"]
    messages = sent(trace, of.parameters)
    if len(done) > 1 and len(messages) == len(done):
        yield passed(*messages)
    elif len(trace.answers("set_params")) > 1:
        yield failed(
            trace.answers("set_params")[-1],
            f"parameters were set {len(done)} times by {len(messages)} messages",
        )


@check("AKO-ERR-008", role="client")
def failed_parameters_name_their_cause(trace: Trace) -> Findings:
    """An audio stream error, in words that say why."""
    code = dialect_of(trace).errors.ErrorCode.AUDIO_STREAM_FAILED
    for command, answer in outcomes(trace, "set_params"):
        error = error_of(answer)
        if told(answer) != "error" or error.get("kind") == "local":
            continue
        if error.get("code") != code:
            yield failed(answer, f"the error is {error.get('code')!r}, not {code!s}", command)
        elif not str(error.get("message", "")).strip():
            yield failed(answer, "the error does not say what it is about", command)
        else:
            yield passed(answer)


def _asked(trace: Trace) -> Iterator[tuple[Record, Record]]:
    """Commands to set parameters, each with the message that it has sent."""
    messages = sent(trace, dialect_of(trace).parameters)
    commands = trace.commands("set_params")
    for number, command in enumerate(commands):
        until = commands[number + 1].seq if number + 1 < len(commands) else None
        for message in messages:
            if message.seq > command.seq and (until is None or message.seq < until):
                yield command, message
                break


def _ack_of(trace: Trace, message: Record) -> Record | None:
    of = dialect_of(trace).constants
    mid = (message.data or {}).get(of.Member.ID)
    acks = trace.messages("server", of.MessageType.ACK)
    return next((r for r in acks if payload_of(r).get("original_mid") == mid), None)


def _given(command: Record, name: str) -> Any:  # noqa: ANN401 - any parameter
    return (command.data or {}).get(name)


def _setting(trace: Trace, command: Record, name: str) -> Any:  # noqa: ANN401 - any setting
    given = _given(command, name)
    return credential(trace, name) if given is None else given
