"""What answers say: identity, transcript, text, controls, audio, pictures, tools."""

from __future__ import annotations

import base64
import binascii
import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._server import (
    CHAT,
    MODEL,
    Answer,
    answers,
    asked,
    channels,
    data_of,
    events,
    is_pcm,
    metadata_of,
    plain,
    spoken_part,
    wav_fault,
)
from conformance.trace import Stream, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.checks import Finding
    from conformance.trace import Channel, Trace

Event, Key = constants.EventType, constants.MetadataKey

_NAMELESS = frozenset({Event.STOP, Event.CONNECTED})
"""Events that belong to no turn, and need name no person."""


# --- identity ------------------------------------------------------------------------------------


@check("AIA-RESP-001", role="server")
def events_say_whose_they_are(trace: Trace) -> Findings:
    """The session on every event, the user on those of a turn, and every member of the model."""
    for channel in channels(trace):
        session, users = _identity(channel)
        for record in events(channel):
            if record.data is None or not session:
                continue
            lacking = [name for name in MODEL if name not in record.data]
            if data_of(record, "session_id") != session:
                yield failed(
                    record,
                    f"the event names session {data_of(record, 'session_id')!r}, not {session!r}",
                )
            elif record.name not in _NAMELESS and data_of(record, "user_id") not in users:
                yield failed(
                    record,
                    f"the event names user {data_of(record, 'user_id')!r}, not {users[-1]!r}",
                )
            elif lacking:
                yield failed(record, f"the event lacks {', '.join(lacking)}")
            else:
                yield passed(record)


def _identity(channel: Channel) -> tuple[Any, list[Any]]:
    """The session, and the users of its turns: an invoke may name another than start, or none."""
    if isinstance(channel, Stream):
        return data_of(channel.request, "session_id"), [data_of(channel.request, "user_id")]
    turns = channel.messages("client", constants.RequestType.INVOKE)
    start = channel.first(kind="message", sender="client", name=constants.RequestType.START)
    return data_of(start, "session_id"), [data_of(r, "user_id") for r in (*turns, start)]


@check("AIA-RESP-004", role="server")
def start_says_what_was_understood(trace: Trace) -> Findings:
    """request_text is the text that was sent, or the transcript."""
    heard = trace.expect.get("heard", [])
    for place, answer in enumerate(answers(trace)):
        if answer.start is None or place >= len(heard):
            continue
        told = metadata_of(answer.start).get(Key.REQUEST_TEXT)
        if told == heard[place]:
            yield passed(answer.start)
        else:
            yield failed(answer.start, f"request_text is {told!r}; it was {heard[place]!r}")


@check("AIA-CTX-002", role="server")
def a_context_is_made(trace: Trace) -> Findings:
    """Start names a context; a new one where the request named none, or one that nobody knows."""
    unknown = trace.expect.get("unknown", [])
    seen: set[str] = set()
    for request, answer in _requested(trace):
        if answer is None or answer.start is None:
            continue
        named, told = data_of(request, "context_id"), data_of(answer.start, "context_id")
        if not isinstance(told, str) or not told:
            yield failed(answer.start, "start announces no context")
        elif named in unknown and told == named:
            yield failed(answer.start, f"the unknown context {named!r} was taken over", request)
        elif not named and request.name == CHAT and told in seen:
            yield failed(answer.start, f"a new conversation was given the old context {told!r}")
        else:
            yield passed(request, answer.start, observed="new" if told != named else "kept")
        seen.add(str(told))


def _requested(trace: Trace) -> Iterator[tuple[Record, Answer | None]]:
    yield from asked(trace)
    for channel in channels(trace):
        voice = channel.first(kind="message", sender="client", name=constants.RequestType.DATA)
        if voice is not None:
            yield from ((voice, answer) for answer in answers(trace, channel.number))


# --- text ----------------------------------------------------------------------------------------


@check("AIA-RESP-005", role="server")
def the_first_chunk_is_marked(trace: Trace) -> Findings:
    """is_first_chunk is true on the first chunk of a turn and on no other."""
    for answer in answers(trace):
        for place, record in enumerate(answer.worded):
            marked = metadata_of(record).get(Key.IS_FIRST_CHUNK)
            if place == 0 and marked is not True:
                yield failed(record, f"is_first_chunk of the first chunk is {marked!r}, not true")
            elif place > 0 and marked is True:
                yield failed(record, "is_first_chunk is true again, behind the first chunk")
            else:
                yield passed(record)


def _whole(trace: Trace) -> list[Answer]:
    """The answers that ended as the scenario's dialogue has them."""
    return [it for it in answers(trace) if it.complete and it.channel not in _cut(trace)]


def _cut(trace: Trace) -> list[int]:
    found: list[int] = trace.expect.get("interrupted", [])
    return found


@check("AIA-RESP-006", role="server")
def final_is_the_whole_answer(trace: Trace) -> Findings:
    """Text and voice_text of the end are those of the chunks, and all of the answer."""
    for place, answer in enumerate(_whole(trace)):
        end = answer.end
        text, voice = plain(data_of(end, "text")), plain(data_of(end, "voice_text"))
        wanted = trace.expect if place == 0 else {}
        if text != plain(answer.text):
            yield failed(end, f"text {text[:60]!r} is not that of the chunks, {answer.text[:60]!r}")
        elif voice != plain(answer.voice_text):
            yield failed(
                end,
                f"voice_text {voice[:60]!r} is not that of the chunks, {answer.voice_text[:60]!r}",
            )
        elif "answer" in wanted and text != plain(wanted["answer"]):
            yield failed(end, f"the answer is {text[:60]!r}, not the whole of {wanted['answer']!r}")
        elif "voice" in wanted and voice != plain(wanted["voice"]):
            yield failed(end, f"voice_text is {voice[:60]!r}, not {wanted['voice']!r}")
        else:
            yield passed(answer.start, end)


@check("AIA-RESP-007", role="server")
def tags_are_shown_and_not_spoken(trace: Trace) -> Findings:
    """Control tags stand in text; voice_text is the same without them, trimmed."""
    for place, answer in enumerate(_whole(trace)):
        wanted = trace.expect.get("answer", "") if place == 0 else ""
        lost = [tag for tag in re.findall(r"\[\w+:\w+\]", wanted) if tag not in answer.text]
        if lost:
            yield failed(answer.end, f"the text has lost {', '.join(lost)}")
        for record in answer.worded:
            text, voice = data_of(record, "text") or "", data_of(record, "voice_text") or ""
            if voice != voice.strip():
                yield failed(record, f"voice_text {voice!r} is not trimmed")
            elif plain(voice) != plain(spoken_part(text)):
                yield failed(record, f"voice_text of {text!r} is {voice!r}")
            else:
                yield passed(record)


# --- controls ------------------------------------------------------------------------------------

_CONTROLS = (("face", constants.Tag.FACE), ("animation", constants.Tag.ANIMATION))


def _controlled(trace: Trace) -> Iterator[tuple[Record, dict[str, Any]]]:
    for answer in answers(trace):
        for record in answer.worded:
            yield record, members_of(data_of(record, "avatar_control_request"))


@check("AIA-FACE-001", role="server")
def the_first_tags_control(trace: Trace) -> Findings:
    """The first face and the first animation in a chunk's text are what it shows."""
    for record, control in _controlled(trace):
        text = data_of(record, "text") or ""
        for kind, tag in _CONTROLS:
            found = re.search(rf"\[{tag}:(\w+)\]", text)
            wanted = found.group(1) if found else None
            told = control.get(f"{kind}_name")
            if told != wanted:
                yield failed(record, f"{kind}_name of {text!r} is {told!r}, not {wanted!r}")
            elif found:
                yield passed(record, observed=kind)
            else:
                yield passed(record)


@check("AIA-FACE-002", role="server")
def controls_last_four_seconds(trace: Trace) -> Findings:
    """The duration is 4.0 where there is a name, and null where there is none."""
    lasting = {"face": constants.Face.DURATION, "animation": constants.Animation.DURATION}
    for record, control in _controlled(trace):
        for kind, seconds in lasting.items():
            wanted = seconds if control.get(f"{kind}_name") else None
            told = control.get(f"{kind}_duration")
            if told != wanted or isinstance(told, bool):
                yield failed(record, f"{kind}_duration is {told!r}, not {wanted!r}")
            else:
                yield passed(record)


# --- audio ---------------------------------------------------------------------------------------


def _audio(record: Record) -> bytes | None:
    """The audio of a chunk; None where it is no base64."""
    try:
        return base64.b64decode(data_of(record, "audio_data") or "", validate=True)
    except (binascii.Error, TypeError):
        return None


@check("AIA-AUDIO-003", role="server")
def a_chunk_brings_a_whole_wav(trace: Trace) -> Findings:
    """The audio of each chunk that speaks is one complete WAV file."""
    for answer in answers(trace):
        for record in answer.worded:
            if not plain(data_of(record, "voice_text")):
                continue
            audio = _audio(record)
            fault = "no base64" if audio is None else "missing" if not audio else wav_fault(audio)
            yield failed(record, f"the audio is {fault}") if fault else passed(record)


@check("AIA-AUDIO-004", role="server")
def pcm_follows_its_descriptor(trace: Trace) -> Findings:
    """First texts, controls and the form of the PCM, then PCM in chunks of the configured size."""
    limit = trace.expect.get("pcm_chunk_bytes", 0)
    for answer in answers(trace):
        chunks = answer.chunks
        if chunks and is_pcm(chunks[0]):
            yield failed(chunks[0], "PCM comes without a descriptor before it")
        for record in chunks:
            yield from _pcm_piece(record, limit) if is_pcm(record) else _descriptor(record)
        for before, after in pairwise(chunks):
            if is_pcm(after) and _format(before) != _format(after):
                yield failed(after, "pcm_format differs from that of the chunk before")
        if answer.complete:
            yield from _unfollowed(chunks)


def _descriptor(record: Record) -> Iterator[Finding]:
    told = _format(record)
    members = (told.get(name) for name in ("sample_rate", "channels", "sample_width"))
    if not plain(data_of(record, "voice_text")):
        return
    if data_of(record, "audio_data"):
        yield failed(record, "the descriptor brings audio itself")
    elif not all(isinstance(value, int) and value > 0 for value in members):
        yield failed(record, f"pcm_format is {told!r}")
    else:
        yield passed(record)


def _pcm_piece(record: Record, limit: int) -> Iterator[Finding]:
    audio = _audio(record)
    if not audio:
        yield failed(record, "a PCM chunk has no audio")
    elif len(audio) > limit:
        yield failed(record, f"a PCM chunk has {len(audio)} bytes; {limit} are configured")
    elif data_of(record, "text") or data_of(record, "voice_text"):
        yield failed(record, "a PCM chunk repeats the text")
    else:
        yield passed(record)


def _unfollowed(chunks: list[Record]) -> Iterator[Finding]:
    for record, after in zip(chunks, [*chunks[1:], None], strict=False):
        speaks = not is_pcm(record) and plain(data_of(record, "voice_text"))
        if speaks and (after is None or not is_pcm(after)):
            yield failed(record, "no PCM follows the descriptor of a chunk that speaks")


def _format(record: Record) -> dict[str, Any]:
    return members_of(metadata_of(record).get(Key.PCM_FORMAT))


# --- pictures and tools --------------------------------------------------------------------------


@check("AIA-VISION-001", role="server")
def vision_takes_the_place_of_final(trace: Trace) -> Findings:
    """An answer with a vision tag ends in vision, with the tag's word as its source."""
    wanted = trace.expect.get("source")
    for answer in answers(trace):
        if f"[{constants.Tag.VISION}:" not in answer.text or answer.end is None:
            continue
        told = metadata_of(answer.end).get(Key.SOURCE)
        if answer.end.name != Event.VISION:
            yield failed(answer.end, f"the answer has a vision tag and ends in {answer.end.name}")
        elif told != wanted:
            yield failed(answer.end, f"the source is {told!r}; the tag says {wanted!r}")
        else:
            yield passed(answer.end)


@check("AIA-TOOL-001", role="server")
def tools_are_reported(trace: Trace) -> Findings:
    """What a tool does is reported with its id, name and arguments, and in the end its outcome."""
    wanted = trace.expect.get("tool", {})
    for answer in answers(trace):
        calls = [r for r in answer.events if r.name == Event.TOOL_CALL]
        if not calls:
            if wanted and answer.complete:
                yield failed(answer.end, "a tool was used, and nothing of it was reported")
            continue
        for record in calls:
            fault = _tool_fault(record, wanted)
            yield failed(record, fault) if fault else passed(record)
        outcome = [_tool(r).get("result") for r in calls]
        found = [members_of(result).get("data") for result in outcome]
        if "result" in wanted and wanted["result"] not in found:
            yield failed(calls[-1], f"the outcome {wanted['result']!r} was not reported")


def _tool(record: Record) -> dict[str, Any]:
    return members_of(metadata_of(record).get(Key.TOOL_CALL))


def _tool_fault(record: Record, wanted: dict[str, Any]) -> str:
    call = _tool(record)
    if not isinstance(call.get("id"), str | None) or "id" not in call:
        return "the tool_call has no id"
    if call.get("name") != wanted.get("name", call.get("name")) or not call.get("name"):
        return f"the tool is named {call.get('name')!r}, not {wanted.get('name')!r}"
    try:
        given = json.loads(call.get("arguments") or "")
    except (TypeError, ValueError):
        return f"the arguments are {call.get('arguments')!r}, not a JSON object as text"
    if not isinstance(given, dict):
        return f"the arguments are {given!r}, not an object"
    if "arguments" in wanted and given != wanted["arguments"]:
        return f"the arguments are {given!r}, not {wanted['arguments']!r}"
    return ""
