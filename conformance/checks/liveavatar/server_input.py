"""The user's input, as a platform hands it to the agent."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import AUDIO, data_of, lacking, texts, top
from conformance.checks.liveavatar._server import (
    INPUT_EVENTS,
    SPEECH_EVENTS,
    audio_frames,
    owner_of_asr,
)

if TYPE_CHECKING:
    from avatar_protocols.liveavatar.v0_2.frames import AudioFrame
    from conformance.trace import Trace

_ROUNDING_MS = 1


def _delivered(trace: Trace) -> Findings:
    """Each text of the user comes once, in order, as an input.text of a turn of its own."""
    wanted = trace.expect.get("texts", ())
    found = texts(trace.records, "server", MessageName.INPUT_TEXT)
    seen: set[str] = set()
    for index, record in enumerate(found):
        request = top(record, "requestId")
        absent = lacking(record)
        if absent:
            yield failed(record, f"{record.name} lacks {', '.join(absent)}")
        elif not (isinstance(request, str) and request):
            yield failed(record, f"requestId of {record.name} is {request!r}")
        elif request in seen:
            yield failed(record, f"turn {request!r} has an {record.name} already")
        elif index < len(wanted) and data_of(record, "text") != wanted[index]:
            yield failed(
                record, f"the text is {data_of(record, 'text')!r}, the user's is {wanted[index]!r}"
            )
        else:
            yield passed(record)
        seen.add(str(request))
    for missing in wanted[len(found) :]:
        yield failed(None, f"the user's text {missing!r} was not delivered")


@check("LAC-INPUT-001", role="server")
def text_is_delivered_as_input_text(trace: Trace) -> Findings:
    """Each text of the user comes as input.text with a requestId of its own."""
    yield from _delivered(trace)


@check("LAC-ASR-001", role="server", always=True)
def only_the_owner_recognises(trace: Trace) -> Findings:
    """Under developer ASR the platform hands over audio and says nothing of what was said."""
    owner = owner_of_asr(trace)
    if owner == "developer":
        for record in texts(trace.records, "server", *INPUT_EVENTS):
            yield failed(record, f"{record.name} was sent to an agent that owns speech recognition")
        for record in trace.messages("server", AUDIO)[:1]:
            yield passed(record, observed="audio")
    elif owner == "platform":
        for record in texts(trace.records, "server", MessageName.INPUT_TEXT)[:1]:
            yield passed(record, observed="text")


@check("LAC-ASR-002", role="server")
def results_are_input_text(trace: Trace) -> Findings:
    """Under platform ASR what was recognised is an input.text and nothing else."""
    for record in texts(trace.records, "server", *SPEECH_EVENTS):
        yield failed(record, f"a result of platform ASR came as {record.name}")
    yield from _delivered(trace)


@check("LAC-ASR-003", role="server")
def audio_is_continuous(trace: Trace) -> Findings:
    """Under developer ASR frame follows frame without a gap and without marks of speech."""
    for record in texts(trace.records, "server", *SPEECH_EVENTS, MessageName.RESPONSE_AUDIO_START):
        yield failed(record, f"{record.name} segments the user's audio")
    wanted = trace.expect.get("seconds", 0)
    for socket in trace.sockets():
        frames = audio_frames(socket)
        for (_, before), (record, frame) in itertools.pairwise(frames):
            step = (frame.timestamp - before.timestamp) % constants.Wrap.TIMESTAMP
            gap = step - _milliseconds(before)
            if gap > _ROUNDING_MS:
                yield failed(
                    record,
                    f"a frame of {_milliseconds(before):g} ms at {before.timestamp} is followed by "
                    f"one at {frame.timestamp}: a gap",
                )
            else:
                yield passed(record)
        heard = sum(_milliseconds(frame) for _, frame in frames) / 1000
        if frames and heard < wanted:
            yield failed(
                frames[-1][0],
                f"{heard:g} s of audio came, {wanted:g} s are due: silence is missing",
            )


def _milliseconds(frame: AudioFrame) -> float:
    rate: int = getattr(constants.SampleRate, frame.sample_rate.name)
    return 1000 * frame.samples / rate
