"""Audio: its form, its order, and when it is refused."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.akool._client import (
    DOCUMENTED,
    V2,
    audio_in,
    dialect_of,
    payload_of,
    sent,
)
from conformance.checks.commands import error_of, outcomes, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@check("AKO-AUDIO-001", role="client")
def the_very_samples(trace: Trace) -> Findings:
    """What the application gave arrives unchanged, in whole samples."""
    of = dialect_of(trace)
    messages = sent(trace, of.audio)
    given = b"".join(_given(trace))
    if not messages or not given:
        return
    heard = b"".join(audio_in(of, r) or b"" for r in messages)
    size = of.constants.Audio.SAMPLE_BYTES
    if len(heard) % size:
        yield failed(messages[-1], f"{len(heard)} bytes are no whole samples of {size} bytes")
    elif sorted(heard) == sorted(given):
        yield passed(*messages)  # their order is AKO-AUDIO-005's
    else:
        yield failed(
            messages[-1],
            f"the application gave {len(given)} bytes of PCM, sent are {len(heard)} bytes "
            "of other content",
        )


@check("AKO-AUDIO-002", role="client", revisions=V2)
def audio_is_chat(trace: Trace) -> Findings:
    """``chat`` with base64 in ``pld.audio``."""
    of = dialect_of(trace)
    yield from _carried(trace, lambda r: payload_of(r).get("audio"), f"{of.audio} with pld.audio")


@check("AKO-AUDIO-009", role="client", revisions=DOCUMENTED)
def documented_audio(trace: Trace) -> Findings:
    """``audio_data`` with base64 in ``data``."""
    of = dialect_of(trace)
    yield from _carried(trace, lambda r: (r.data or {}).get("data"), f"{of.audio} with data")


def _carried(trace: Trace, text_of: Callable[[Record], object], form: str) -> Findings:
    of = dialect_of(trace)
    messages = sent(trace, of.audio)
    for message in messages:
        if isinstance(text_of(message), str):
            yield passed(message)
        else:
            yield failed(message, f"{of.audio} without audio; it is {form}")
    done = [c for c, a in outcomes(trace, "send_audio") if told(a) == "done"]
    if done and not messages and any(_bytes_of(c) for c in done):
        yield failed(done[0], f"audio was sent, and no {form} is seen")


@check("AKO-AUDIO-003", role="client", always=True)
def standard_base64(trace: Trace) -> Findings:
    """The standard alphabet, with padding."""
    of = dialect_of(trace)
    for message in sent(trace, of.audio):
        data = message.data or {}
        text = data.get("data") if of.documented else payload_of(message).get("audio")
        if isinstance(text, str) and _BASE64.fullmatch(text):
            yield passed(message)
        else:
            yield failed(message, "the audio is no standard base64 with padding")


@check("AKO-AUDIO-005", role="client")
def in_the_order_of_hearing(trace: Trace) -> Findings:
    """Chunks follow one another as the application gave them."""
    of = dialect_of(trace)
    messages = sent(trace, of.audio)
    given = b"".join(_given(trace))
    position = 0
    for message in messages:
        chunk = audio_in(of, message) or b""
        if given[position : position + len(chunk)] != chunk:
            yield failed(message, "this audio is not what comes next; chunks keep their order")
            return
        position += len(chunk)
    if len(messages) > 1:
        yield passed(*messages)


@check("AKO-AUDIO-006", role="client")
def even_chunks(trace: Trace) -> Findings:
    """Every chunk has whole samples."""
    of = dialect_of(trace)
    size = of.constants.Audio.SAMPLE_BYTES
    for message in sent(trace, of.audio):
        audio = audio_in(of, message)
        if audio is not None and len(audio) % size:
            yield failed(message, f"a chunk of {len(audio)} bytes splits a sample")
        elif audio is not None:
            yield passed(message)


@check("AKO-AUDIO-007", role="client")
def no_audio_without_connection(trace: Trace) -> Findings:
    """Refused before the session is open and after it was left."""
    code = dialect_of(trace).errors.ErrorCode.NOT_CONNECTED
    for command, answer in outcomes(trace, "send_audio"):
        if _connected_at(trace, command):
            continue
        found = error_of(answer).get("code")
        if told(answer) == "done":
            yield failed(answer, "audio is accepted without a connection", command)
        elif found == code:
            yield passed(answer)
        else:
            yield failed(answer, f"the refusal is {found!r}, not {code!s}", command)


def _connected_at(trace: Trace, record: Record) -> bool:
    """Whether the last `open` has succeeded, and no `close` has."""
    decided = [answer for _, answer in outcomes(trace, "open", "close") if answer.seq < record.seq]
    last = max(decided, key=lambda answer: answer.seq, default=None)
    return last is not None and last.name == "open" and told(last) == "done"


def _given(trace: Trace) -> list[bytes]:
    return [_bytes_of(c) for c, a in outcomes(trace, "send_audio") if told(a) == "done"]


def _bytes_of(command: Record) -> bytes:
    data = command.data or {}
    chunks = data.get("chunks", [data.get("audio", "")])
    return b"".join(base64.b64decode(chunk) for chunk in chunks)
