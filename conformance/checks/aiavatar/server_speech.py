"""The speech endpoints: transcribe and synthesize."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import data_of, header, wav_fault
from conformance.trace import payload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.checks import Finding
    from conformance.trace import Trace

_TRANSCRIBE = constants.Endpoint.TRANSCRIBE.name
_SYNTHESIZE = constants.Endpoint.SYNTHESIZE.name


@check("AIA-STT-001", role="server")
def audio_becomes_text(trace: Trace) -> Findings:
    """A form with PCM is answered by JSON with text: what was recognised."""
    wanted = trace.expect.get("transcript")
    for request, reply in trace.http(_TRANSCRIBE):
        if reply is None:
            continue
        text = data_of(reply, "text")
        if reply.status != HTTPStatus.OK:
            yield failed(reply, f"audio was answered with {reply.status}", request)
        elif not isinstance(text, str):
            yield failed(reply, f"text is {text!r}, not a string", request)
        elif wanted is not None and text != wanted:
            yield failed(reply, f"text is {text!r}; it was {wanted!r}", request)
        else:
            yield passed(request, reply)


def _refused(trace: Trace, endpoint: str, what: str) -> Iterator[Finding]:
    wanted = trace.expect.get("status")
    for request, reply in trace.http(endpoint):
        if reply is None:
            continue
        if reply.status == wanted:
            yield passed(request, reply)
        else:
            yield failed(
                reply, f"{what} was answered with {reply.status}, not with {wanted}", request
            )


@check("AIA-STT-002", role="server")
def no_audio_is_refused(trace: Trace) -> Findings:
    """An empty file: 400; a missing one: 422."""
    yield from _refused(trace, _TRANSCRIBE, "a form without audio")


@check("AIA-TTS-001", role="server")
def text_becomes_audio(trace: Trace) -> Findings:
    """A text is answered by its speech: a WAV file, as an attachment."""
    for request, reply in trace.http(_SYNTHESIZE):
        if reply is None:
            continue
        media = header(reply, constants.Header.CONTENT_TYPE).partition(";")[0].strip().lower()
        disposition = header(reply, constants.Header.CONTENT_DISPOSITION).strip().lower()
        attachment = constants.HeaderValue.VOICE_ATTACHMENT.partition(";")[0]
        if reply.status != HTTPStatus.OK:
            yield failed(reply, f"a text was answered with {reply.status}", request)
        elif media != constants.HeaderValue.WAV:
            yield failed(reply, f"the speech is {media or 'of no type'}, not audio/wav", request)
        elif not disposition.startswith(attachment):
            yield failed(reply, f"Content-Disposition is {disposition!r}, no attachment", request)
        elif fault := wav_fault(payload(reply)):
            yield failed(reply, f"the speech is {fault}", request)
        else:
            yield passed(request, reply)


@check("AIA-TTS-002", role="server")
def no_text_is_refused(trace: Trace) -> Findings:
    """Empty text: 400; a missing one: 422."""
    yield from _refused(trace, _SYNTHESIZE, "a request without text")
