"""What a platform makes of the agent's text responses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.liveavatar.v0_2.constants import AudioConfig, Mood, SessionState
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import data_of, top
from conformance.checks.liveavatar._server import next_state, reaction_until, responses, spoken
from conformance.trace import members_of

if TYPE_CHECKING:
    from conformance.checks.liveavatar._server import Response
    from conformance.trace import Trace

_MOODS: Final = frozenset(value for name, value in vars(Mood).items() if name.isupper())
_RANGES: Final = {
    "speed": (AudioConfig.SPEED_MIN, AudioConfig.SPEED_MAX),
    "volume": (AudioConfig.VOLUME_MIN, AudioConfig.VOLUME_MAX),
}


@check("LAC-INPUT-005", role="server")
def a_turn_may_have_several_responses(trace: Trace) -> Findings:
    """Each of several responses to one requestId is spoken."""
    found = [response for socket in trace.sockets() for response in responses(socket)]
    number = Counter(response.request_id for response in found)
    yield from spoken(trace, lambda response: number[response.request_id] > 1)


@check("LAC-RESP-002", role="server")
def chunks_need_no_start(trace: Trace) -> Findings:
    """Chunks that no response.start announced are spoken."""
    yield from spoken(trace, lambda response: not response.named(MessageName.RESPONSE_START))


@check("LAC-RESP-009", role="server")
def order_is_restored_and_done_ends_the_text(trace: Trace) -> Findings:
    """Chunks out of order are spoken; speech goes on after response.done."""
    yield from spoken(trace, _is_shuffled)
    if not trace.expect.get("long", False):
        return
    for socket in trace.sockets():
        for response in responses(socket):
            for done in response.named(MessageName.RESPONSE_DONE):
                quiet = next_state(socket, done, SessionState.IDLE)
                if quiet is not None and quiet.seq < reaction_until(socket, done):
                    yield failed(quiet, f"{done.name} of a long text cut its speech short", done)
                else:
                    yield passed(done)


def _is_shuffled(response: Response) -> bool:
    numbers: list[Any] = [top(chunk, "seq") for chunk in response.chunks]
    return numbers != sorted(numbers)


@check("LAC-RESP-010", role="server")
def odd_settings_are_mended(trace: Trace) -> Findings:
    """Speed or volume out of range, an unknown mood: the response is spoken all the same."""
    yield from spoken(trace, _is_odd)


def _is_odd(response: Response) -> bool:
    for start in response.named(MessageName.RESPONSE_START):
        if data_of(start, "audioConfig") is None:
            continue
        config = members_of(data_of(start, "audioConfig"))
        if str(config.get("mood", Mood.NEUTRAL)) not in _MOODS:
            return True
        for member, (least, most) in _RANGES.items():
            value = config.get(member)
            if not isinstance(value, int | float) or not least <= value <= most:
                return True
    return False
