"""What a client sends: keys, ids, contexts, audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._client import (
    CHAT,
    Request,
    Sent,
    audio_of,
    context_of,
    given_audio,
    member,
    option,
    requests,
    turns,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_KEY = "‹api_key›"
_RIFF = b"RIFF"


@check("AIA-AUTH-001", role="client")
def key_goes_along(trace: Trace) -> Findings:
    """Each HTTP request carries the configured key as a bearer token."""
    keys = [members_of((c.data or {}).get("credentials")).get("api_key") for c in _opens(trace)]
    if not any(keys):
        return
    scheme = constants.HeaderValue.BEARER_PREFIX.strip().lower()
    wanted = constants.Header.AUTHORIZATION.lower()
    for request, _ in trace.http():
        given = next((v for k, v in request.headers.items() if k.lower() == wanted), "")
        found, _, key = given.partition(" ")
        if (found.lower(), key.strip()) == (scheme, _KEY):
            yield passed(request)
        else:
            seen = f"{given!r}" if given else "nothing"
            yield failed(request, f"Authorization is {seen}; the rule wants Bearer and the key")


@check("AIA-REQ-001", role="client")
def type_and_session(trace: Trace) -> Findings:
    """Each request has a string type and a non-empty session_id."""
    for request in requests(trace):
        lacking = [
            name
            for name in ("type", "session_id")
            if not isinstance(member(request, name), str) or not member(request, name)
        ]
        if lacking:
            yield failed(request, f"the request has no usable {' and no '.join(lacking)}")
        else:
            yield passed(request)


@check("AIA-REQ-006", role="client")
def http_turns_are_start(trace: Trace) -> Findings:
    """A turn over HTTP has the type start."""
    for request, _ in trace.http(CHAT):
        if member(request, "type") == Request.START:
            yield passed(request)
        else:
            yield failed(request, f"the type is {member(request, 'type')!r}, not {Request.START}")


class _Walk:
    """One walk through a trace: what was announced before each turn, and how it was asked for."""

    def __init__(self, trace: Trace) -> None:
        asked = {record.seq for record in turns(trace)}
        self.steps: list[tuple[Record, str | None, str | None, Record | None]] = []
        """Each request for a turn, the context configured, the one announced, and where."""
        configured: str | None = None
        announced: Record | None = None
        for record in trace.records:
            if record.kind == "command" and record.name == "open":
                if not option(record, "same_client"):
                    configured, announced = option(record, "context_id"), None
            elif record.seq in asked:
                context = None if announced is None else context_of(announced)
                self.steps.append((record, configured, context, announced))
            elif _announces(record):
                announced = record


def _announces(record: Record) -> bool:
    said = record.kind == "message" and record.sender == "server" and record.name == Sent.START
    return said and context_of(record) is not None


@check("AIA-CTX-001", role="client")
def context_goes_along(trace: Trace) -> Findings:
    """The first turn names no context, later ones that which start announced."""
    for request, configured, announced, start in _Walk(trace).steps:
        sent = context_of(request)
        if start is None:
            if configured is None and sent is not None:
                yield failed(request, f"the first turn names the context {sent}; there is none yet")
            elif configured is None:
                yield passed(request)
        elif sent == announced:
            yield passed(request, start)
        else:
            yield failed(request, f"the turn names {sent}, start had announced {announced}", start)


@check("AIA-CTX-003", role="client")
def announced_context_wins(trace: Trace) -> Findings:
    """A context that the server replaced is given up."""
    before: str | None = None
    for request, _, announced, start in _Walk(trace).steps:
        sent = context_of(request)
        if start is not None and before is not None and before != announced:
            if sent == announced:
                yield passed(request, start)
            else:
                yield failed(
                    request, f"the turn names {sent}; start had replaced it by {announced}", start
                )
        before = sent


@check("AIA-AUDIO-001", role="client")
def audio_is_raw_pcm(trace: Trace) -> Findings:
    """Audio is base64 of whole 16-bit samples without a container, and what was given."""
    complete = [c for c in trace.commands("send_audio") if members_of(c.data).get("turn")]
    for request in _with_audio(trace):
        audio = audio_of(request)
        if audio is None:
            yield failed(request, "audio_data is not base64")
        elif len(audio) % constants.Audio.BYTES_PER_SAMPLE:
            yield failed(request, f"{len(audio)} bytes of audio end amid a sample")
        elif audio.startswith(_RIFF):
            yield failed(request, "audio_data is a WAV file; the rule wants raw PCM")
        elif complete and all(given_audio(command) != audio for command in complete):
            yield failed(request, "audio_data is not the PCM that was given", complete[-1])
        else:
            yield passed(request)


@check("AIA-AUDIO-002", role="client")
def data_holds_whole_samples(trace: Trace) -> Findings:
    """Each data message has a positive even number of audio bytes."""
    for record in trace.messages("client", Request.DATA):
        audio = audio_of(record)
        if audio and len(audio) % constants.Audio.BYTES_PER_SAMPLE == 0:
            yield passed(record)
        else:
            size = "no audio" if not audio else f"{len(audio)} bytes of audio"
            yield failed(record, f"a data message with {size}; it must be positive and even")


@check("AIA-VAD-003", role="client")
def utterances_are_posted(trace: Trace) -> Findings:
    """Over HTTP each utterance becomes one complete request, silence none."""
    expected = trace.expect.get("utterances")
    posted = [r for r in _with_audio(trace) if r.kind == "http_request"]
    if expected is None:
        return
    if len(posted) != expected:
        last = posted[-1] if posted else None
        yield failed(last, f"{expected} utterances were posted as {len(posted)} requests")
        return
    least = trace.expect.get("seconds", 0) * constants.Audio.SAMPLE_RATE
    for request in posted:
        samples = len(audio_of(request) or b"") // constants.Audio.BYTES_PER_SAMPLE
        if samples < least:
            yield failed(
                request, f"the request holds {samples} samples of {least:g} that were said"
            )
        else:
            yield passed(request)


def _opens(trace: Trace) -> list[Record]:
    return trace.commands("open")


def _with_audio(trace: Trace) -> Iterator[Record]:
    return (r for r in requests(trace) if member(r, "audio_data"))
