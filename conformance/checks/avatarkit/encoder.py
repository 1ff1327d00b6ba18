"""An encoder: what a client makes of the PCM it is given, and of the encoder's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.avatarkit.v0_1_7.constants import Opus, Pcm
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import AUDIO, audio_of, calls, envelope, openings
from conformance.checks.avatarkit._states import sent_after
from conformance.checks.avatarkit._streams import encoding

if TYPE_CHECKING:
    from conformance.trace import Trace


@check("AVK-OGG-015", role="client")
def even_number_of_bytes(trace: Trace) -> Findings:
    """An odd number of PCM bytes is refused locally."""
    for _, given, _, _ in encoding(trace):
        for call in given:
            if call.answer is None or len(audio_of(call)) % Pcm.SAMPLE_BYTES == 0:
                continue
            if call.error is not None and call.error.local:
                yield passed(call.answer)
            else:
                yield failed(
                    call.answer,
                    f"{len(audio_of(call))} bytes of PCM were answered by "
                    f"{call.error or call.kind}, not refused locally",
                )


@check("AVK-OGG-016", role="client")
def nothing_without_a_page(trace: Trace) -> Findings:
    """A call that completes no page sends no message."""
    for _, given, _, _ in encoding(trace):
        for call in given:
            if not call.done or call.params.get("end"):
                continue
            if not sent_after(trace, call, AUDIO):
                yield passed(call.answer)
    for record in trace.messages("client", AUDIO):
        message = envelope(record)
        if message is None:
            continue
        chunk = message.client_audio_input
        if not chunk.audio and not chunk.end:
            yield failed(record, "an audio message without audio and without end=true")


@check("AVK-OGG-017", role="client")
def empty_request(trace: Trace) -> Findings:
    """A request without PCM ends by empty audio, without a page."""
    for _, given, found, _ in encoding(trace):
        for request in found:
            mine = [c for c in given if c.done and c.result.get("req_id") == request.req_id]
            if not mine or any(map(audio_of, mine)) or not request.ended:
                continue
            if request.audio:
                yield failed(
                    request.records[0],
                    f"a request without PCM carries {len(request.audio)} bytes, not empty audio",
                )
            else:
                yield passed(request.records[-1])


@check("AVK-OGG-019", role="client")
def encoder_settings(trace: Trace) -> Findings:
    """Frame durations and applications beyond the listed ones are refused locally."""
    for opening in openings(trace):
        settings: dict[str, Any] = opening.setting("encoder") or {}
        duration = settings.get("frame_duration_ms", Opus.FRAME_DURATION_DEFAULT)
        application = settings.get("application", Opus.APPLICATION_DEFAULT)
        if duration in Opus.FRAME_DURATIONS and application in Opus.APPLICATIONS:
            continue
        what = f"an encoder of {duration} ms for {application!r}"
        sent = trace.first(kind="message", sender="client", name=AUDIO)
        refusals = [
            call.error
            for name in ("open", "send_audio")
            for call in calls(trace, name)
            if call.error is not None
        ]
        if sent is not None:
            yield failed(sent, f"{what} was accepted and audio was sent")
        elif any(error.local for error in refusals):
            yield passed(refusals[0].record)
        elif refusals:
            yield failed(refusals[0].record, f"{what} led to {refusals[0]}, not a local refusal")
        elif calls(trace, "send_audio"):
            yield failed(opening.call.answer, f"{what} was accepted, not refused locally")
