"""What moves the platform's states: speech, interrupts, prompts, and what must not move them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.constants import SessionState
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Finding, Findings, check, failed, passed
from conformance.checks.liveavatar._common import AUDIO, data_of, texts, top
from conformance.checks.liveavatar._server import (
    NEVER,
    PLATFORM_EVENTS,
    next_state,
    owner_of_asr,
    reaction_until,
    session_of,
    state_before,
    state_of,
    states,
    turns,
)

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_STATES: Final = frozenset(value for name, value in vars(SessionState).items() if name.isupper())
_STOPPED: Final = frozenset({SessionState.IDLE, SessionState.LISTENING})
_EPOCH_FACTOR: Final = 10
"""A count of seconds or of microseconds is off by more."""
_BRACKETS: Final = {
    MessageName.RESPONSE_AUDIO_START: True,
    MessageName.RESPONSE_AUDIO_PROMPT_START: True,
    MessageName.RESPONSE_AUDIO_FINISH: False,
    MessageName.RESPONSE_AUDIO_PROMPT_FINISH: False,
}
_IDLE_GROWTH: Final = 1.1
"""By how much a further idle time must exceed the one before, if the count went on."""
_NO_ACTIVITY: Final = frozenset(
    {
        MessageName.SYSTEM_PROMPT,
        MessageName.RESPONSE_AUDIO_PROMPT_START,
        MessageName.RESPONSE_AUDIO_PROMPT_FINISH,
        AUDIO,
    }
)


# --- session.state -------------------------------------------------------------------------------


@check("LAC-STATE-001", role="server", always=True)
def the_state_is_the_platforms(trace: Trace) -> Findings:
    """The platform sends states of the table, and an agent's session.state moves nothing."""
    for socket in trace.sockets():
        for record in states(socket.records):
            if state_of(record) in _STATES:
                yield passed(record)
            else:
                yield failed(record, f"{state_of(record)!r} is no state of the table")
        for record in texts(socket.records, "client", MessageName.SESSION_STATE):
            moved = next_state(socket, record)
            if moved is not None and moved.seq < reaction_until(socket, record):
                yield failed(moved, "a session.state of the agent changed the state", record)


@check("LAC-STATE-002", role="server", always=True)
def states_are_numbered(trace: Trace) -> Findings:
    """``seq`` rises by one on a socket, and goes on rising on the session's next socket."""
    last: dict[str, tuple[int, Record]] = {}
    for socket in trace.sockets():
        session = session_of(socket)
        fresh = True
        for record in states(socket.records):
            seq: Any = top(record, "seq")
            if not isinstance(seq, int) or isinstance(seq, bool):
                yield failed(record, f"seq of session.state is {seq!r}, not an integer")
                continue
            before, earlier = last.get(session, (None, None))
            if before is None:
                yield passed(record)
            elif seq != before + 1 and not (fresh and seq > before):
                yield failed(
                    record, f"seq {before} is followed by {seq}; it must rise by one", earlier
                )
            else:
                yield passed(record)
            last[session], fresh = (seq, record), False


@check("LAC-STATE-003", role="server", always=True)
def states_have_epoch_milliseconds(trace: Trace) -> Findings:
    """``timestamp`` counts milliseconds since 1970."""
    usual = constants.Example.STATE_TIMESTAMP
    for record in states(trace.records):
        stamp: Any = top(record, "timestamp")
        if not isinstance(stamp, int) or isinstance(stamp, bool):
            yield failed(record, f"timestamp of session.state is {stamp!r}, not an integer")
        elif usual / _EPOCH_FACTOR < stamp < usual * _EPOCH_FACTOR:
            yield passed(record)
        else:
            yield failed(record, f"timestamp {stamp} is not in milliseconds since the epoch")


# --- speech of the user --------------------------------------------------------------------------


@check("LAC-ASR-007", role="server")
def voice_start_leads_to_listening(trace: Trace) -> Findings:
    """LISTENING is the next state after input.voice.start."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.INPUT_VOICE_START):
            if state_before(socket, record) == SessionState.LISTENING:
                continue
            told = next_state(socket, record)
            if told is None:
                yield failed(record, f"no session.state followed {record.name}")
            elif state_of(told) != SessionState.LISTENING:
                yield failed(
                    told,
                    f"{record.name} led to {state_of(told)}, not to {SessionState.LISTENING}",
                    record,
                )
            else:
                yield passed(record, told)


@check("LAC-ASR-008", role="server")
def asr_final_moves_on(trace: Trace) -> Findings:
    """input.asr.final leads out of LISTENING."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.INPUT_ASR_FINAL):
            if state_before(socket, record) != SessionState.LISTENING:
                continue
            told = next_state(socket, record)
            if told is None:
                yield failed(
                    record, f"the state stays {SessionState.LISTENING} after {record.name}"
                )
            else:
                yield passed(record, told, observed=state_of(told))


# --- interrupts ----------------------------------------------------------------------------------


@check("LAC-INT-003", role="server", always=True)
def agents_with_asr_are_not_interrupted(trace: Trace) -> Findings:
    """Under developer ASR no control.interrupt comes, not even when the user speaks."""
    if owner_of_asr(trace) != "developer":
        return
    for record in texts(trace.records, "server", MessageName.CONTROL_INTERRUPT):
        yield failed(record, "control.interrupt was sent to an agent that owns speech recognition")
    for socket in trace.sockets():
        for record in socket.messages("server", AUDIO)[:1]:
            yield passed(record)


def _stops(socket: Socket, record: Record) -> Finding | None:
    """Whether an interrupt stopped what was playing; None if nothing was."""
    before = state_before(socket, record)
    if before in _STOPPED:
        return None
    told = next_state(socket, record)
    if told is None:
        return failed(record, f"{before} goes on after the interrupt")
    if state_of(told) not in _STOPPED:
        return failed(told, f"the interrupt led to {state_of(told)}, not to IDLE", record)
    return passed(record, told)


@check("LAC-INT-005", role="server")
def only_the_named_turn_is_stopped(trace: Trace) -> Findings:
    """With a requestId the current turn is stopped, if it is that one; else nothing changes."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.CONTROL_INTERRUPT):
            request = top(record, "requestId")
            known = turns(socket, record)
            if request is None or not known:
                continue
            if request == known[-1]:
                finding = _stops(socket, record)
                if finding is not None:
                    yield finding
                continue
            told = next_state(socket, record)
            if told is not None and told.seq < reaction_until(socket, record):
                yield failed(
                    told,
                    f"an interrupt of turn {request!r} led to {state_of(told)}, though "
                    f"{known[-1]!r} is the current one",
                    record,
                )
            else:
                yield passed(record, observed="not the current turn: nothing")


@check("LAC-INT-006", role="server")
def without_a_turn_everything_stops(trace: Trace) -> Findings:
    """Without a requestId whatever is playing is stopped."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.CONTROL_INTERRUPT):
            finding = _stops(socket, record) if top(record, "requestId") is None else None
            if finding is not None:
                yield finding


@check("LAC-INT-008", role="server", always=True)
def interrupts_have_no_answer(trace: Trace) -> Findings:
    """Nothing answers a control.interrupt but session.state."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.CONTROL_INTERRUPT):
            until = reaction_until(socket, record)
            answer = next(
                (
                    r
                    for r in socket.after(record)
                    if r.kind == "message"
                    and r.sender == "server"
                    and r.opcode == "text"
                    and r.seq < until
                    and (
                        r.name not in PLATFORM_EVENTS
                        or r.name in {MessageName.CONTROL_INTERRUPT, MessageName.ERROR}
                    )
                ),
                None,
            )
            if answer is not None:
                yield failed(
                    answer,
                    f"control.interrupt was answered by {answer.name or 'a message'}",
                    record,
                )
            elif until < NEVER:
                yield passed(record)


# --- prompts, and audio outside of brackets ------------------------------------------------------


@check("LAC-TTS-004", role="server")
def frames_outside_of_brackets_are_discarded(trace: Trace) -> Findings:
    """No state follows from frames that no bracket holds."""
    for socket in trace.sockets():
        for record in socket.messages("client", AUDIO):
            marks = [r for r in socket.before(record) if r.name in _BRACKETS]
            if marks and _BRACKETS[MessageName(marks[-1].name)]:
                continue
            told = next_state(socket, record)
            if told is not None and told.seq < reaction_until(socket, record):
                yield failed(told, f"frames that no bracket holds led to {state_of(told)}", record)
            else:
                yield passed(record)


@check("LAC-SYS-003", role="server")
def prompts_are_spoken(trace: Trace) -> Findings:
    """system.prompt leads to PROMPT_SPEAKING."""
    for socket in trace.sockets():
        for record in texts(socket.records, "client", MessageName.SYSTEM_PROMPT):
            told = next_state(socket, record, SessionState.PROMPT_SPEAKING)
            if told is not None:
                yield passed(record, told)
            else:
                yield failed(record, f"{record.name} was never spoken")


@check("LAC-SYS-004", role="server")
def prompts_do_not_restart_the_idle_time(trace: Trace) -> Findings:
    """After a prompt the idle time goes on from where it was."""
    for socket in trace.sockets():
        idle = texts(socket.records, "server", MessageName.SYSTEM_IDLE_TRIGGER)
        for first, second in itertools.pairwise(idle):
            between = [
                r for r in socket.messages("client") if first.seq < r.seq < second.seq and r.opcode
            ]
            if not between or any(r.name not in _NO_ACTIVITY for r in between):
                continue
            before: Any = data_of(first, "idleTimeMs")
            after: Any = data_of(second, "idleTimeMs")
            if not isinstance(before, int) or not isinstance(after, int):
                yield failed(second, f"idleTimeMs is {before!r}, then {after!r}: no integers")
            elif after > before * _IDLE_GROWTH:
                yield passed(second, first)
            else:
                yield failed(
                    second,
                    f"idle for {before} ms, and {after} ms after a prompt: the prompt restarted "
                    "the count",
                    first,
                )
