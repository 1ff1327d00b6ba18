"""Sends that fail: the agent detaches, talks on, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import outcomes, told
from conformance.checks.videosdk._agent import (
    PCM,
    attached,
    buffers,
    failed_sends,
    rejoined,
    spoken,
)

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_SPEECH = ("send_audio", "end_turn", "interrupt")
_NOTICE = "detached"


def _aftermath(trace: Trace, failure: Record) -> list[Record]:
    """What the agent sent, or tried to, between a failure and its next join."""
    back = rejoined(trace, failure)
    return [
        record
        for record in sorted([*spoken(trace), *failed_sends(trace)], key=lambda r: r.seq)
        if record.seq > failure.seq and (back is None or record.seq < back.seq)
    ]


def _first_failures(trace: Trace) -> list[Record]:
    """The failures that hit an attached agent."""
    return [record for record in failed_sends(trace) if attached(trace, record)]


@check("VSD-ERR-001", role="client")
def talks_on_when_a_send_fails(trace: Trace) -> Findings:
    """No error reaches the speaker; the agent detaches and sends nothing more."""
    for failure in _first_failures(trace):
        name = (failure.data or {}).get("name")
        raised = next(
            (
                (command, answer)
                for command, answer in outcomes(trace, *_SPEECH)
                if answer.seq > failure.seq and told(answer) == "error"
            ),
            None,
        )
        more = _aftermath(trace, failure)
        if raised is not None:
            command, answer = raised
            yield failed(
                answer,
                f"`{command.name}` raised an error after a {name} could not be sent",
                failure,
            )
        elif more:
            yield failed(more[0], f"the agent sends on after a {name} could not be sent", failure)
        else:
            yield passed(failure)


@check("VSD-ERR-002", role="client")
def drops_the_rest_of_the_buffer(trace: Trace) -> Findings:
    """What is left of a buffer is dropped after one of its chunks could not be sent."""
    for failure in _first_failures(trace):
        if (failure.data or {}).get("name") != PCM:
            continue
        of_buffer = [b.command for b in buffers(trace) if b.command.seq < failure.seq]
        following = next(
            (c.seq for c in trace.commands() if of_buffer and c.seq > failure.seq), None
        )
        rest = [
            record
            for record in _aftermath(trace, failure)
            if following is None or record.seq < following
        ]
        if rest:
            yield failed(rest[0], "the rest of the buffer was sent after a chunk failed", failure)
        else:
            yield passed(failure)


@check("VSD-ERR-005", role="client")
def makes_its_detachment_visible(trace: Trace) -> Findings:
    """The agent tells that it lost the channel."""
    notices = trace.events(_NOTICE)
    for number, failure in enumerate(_first_failures(trace)):
        if number >= len(notices) or notices[number].seq < failure.seq:
            yield failed(None, "the agent lost the channel and did not say so", failure)
        elif (wanted := (failure.data or {}).get("code")) != (
            seen := (notices[number].data or {}).get("code")
        ):
            yield failed(
                notices[number], f"the loss is told as {seen!r}, it was {wanted!r}", failure
            )
        else:
            yield passed(notices[number], failure)


@check("VSD-LIFE-006", role="client")
def speaks_again_after_a_rejoin(trace: Trace) -> Findings:
    """The same handle, attached again after a rejoin, speaks again."""
    for failure in _first_failures(trace):
        back = rejoined(trace, failure)
        if back is None:
            continue
        wanted = [b for b in buffers(trace) if b.command.seq > back.seq]
        said = [record for record in spoken(trace) if record.seq > back.seq]
        if said:
            yield passed(said[0], back)
        elif wanted:
            yield failed(None, "the agent attached again and stays silent", back)
