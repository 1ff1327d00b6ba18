"""Faces, animations, pictures and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avatar_protocols.aiavatar.v0_7 import constants
from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._client import (
    Heard,
    Request,
    Sent,
    channel_of,
    member,
    metadata,
    option,
    requests,
    survived,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avatar_protocols.trace import Record
    from conformance.trace import Trace

_SHOWN = {
    # adapter event: where chunks name it, what is known, and what follows
    "face": ("face_name", constants.Face, constants.Face.NEUTRAL),
    "animation": ("animation_name", constants.Animation, constants.Animation.IDLING),
}


@check("AIA-FACE-004", role="client")
def unknown_keys_are_ignored(trace: Trace) -> Findings:
    """A face or animation that the client does not know changes nothing."""
    for record in trace.messages("server", Sent.CHUNK):
        for kind, (place, known, _) in _SHOWN.items():
            name = members_of(member(record, "avatar_control_request")).get(place)
            keys = [*vars(known).values(), *_configured(trace, f"{kind}s")]
            if not name or name in keys:
                continue
            shown = [e for e in trace.events(kind) if members_of(e.data).get("name") == name]
            if shown:
                yield failed(shown[0], f"the {kind} {name} is shown, which nobody knows", record)
            else:
                yield from survived(trace, [record], f"the unknown {kind} {name}")


def _configured(trace: Trace, name: str) -> list[Any]:
    return [key for command in trace.commands("open") for key in option(command, name) or ()]


@check("AIA-FACE-005", role="client")
def back_to_rest(trace: Trace) -> Findings:
    """After its duration a face gives way to the neutral one, an animation to idling."""
    for kind, (_, _, rest) in _SHOWN.items():
        events = trace.events(kind)
        for event, after in zip(events, [*events[1:], None], strict=False):
            data = members_of(event.data)
            seconds = data.get("duration")
            if data.get("name") == rest or not isinstance(seconds, int | float):
                continue
            if after is not None and members_of(after.data).get("name") == rest:
                if _lived(trace, event, after) < seconds:
                    yield passed(event, after)
                else:
                    yield passed(event, after, observed="after the duration")
            elif after is None and _lived(trace, event, None) > seconds:
                yield failed(event, f"{data.get('name')} is still shown after its {seconds:g} s")


def _lived(trace: Trace, begin: Record, end: Record | None) -> float:
    """Seconds of the client's clock between two records, or until the end of the trace."""
    return sum(
        float(members_of(command.data).get("seconds") or 0.0)
        for command in trace.commands("advance")
        if command.seq > begin.seq and (end is None or command.seq < end.seq)
    )


# --- vision --------------------------------------------------------------------------------------


def _images(trace: Trace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for command in trace.commands("open"):
        found |= members_of(option(command, "images"))
    return found


def _asked(trace: Trace, *, available: bool) -> Iterator[tuple[Record, str | None]]:
    """Each vision event with the picture that the application has for it."""
    images = _images(trace)
    for record in trace.messages("server", Sent.VISION):
        image = images.get(str(metadata(record).get(Heard.SOURCE)))
        if (image is not None) == available:
            yield record, image


def _reply(trace: Trace, vision: Record) -> Record | None:
    """The first request after it that carries files."""
    return next((r for r in requests(trace) if r.seq > vision.seq and member(r, "files")), None)


@check("AIA-VISION-002", role="client")
def picture_is_sent(trace: Trace) -> Findings:
    """A vision event is answered by a turn with one image of the same session, user and context."""
    for vision, image in _asked(trace, available=True):
        reply = _reply(trace, vision)
        if reply is None:
            yield failed(vision, "the picture that the application has was not sent")
            continue
        wanted = [{"type": constants.FileType.IMAGE, "url": image}]
        files = member(reply, "files")
        other = [
            name
            for name in ("session_id", "user_id", "context_id")
            if member(reply, name) != member(vision, name)
        ]
        if files != wanted:
            yield failed(reply, f"the turn carries {len(files)} files, or another picture", vision)
        elif other:
            yield failed(reply, f"the turn has another {' and another '.join(other)}", vision)
        else:
            yield passed(reply, vision)


@check("AIA-VISION-003", role="client")
def picture_is_an_invoke(trace: Trace) -> Findings:
    """On the WebSocket that turn is an invoke."""
    for vision, _ in _asked(trace, available=True):
        reply = _reply(trace, vision)
        if reply is None or reply.kind != "message":
            continue
        if reply.name == Request.INVOKE:
            yield passed(reply, vision)
        else:
            yield failed(reply, f"the picture was sent as {reply.name}, not invoke", vision)


@check("AIA-VISION-004", role="client")
def no_picture_no_turn(trace: Trace) -> Findings:
    """Where there is no picture nothing is sent."""
    for vision, _ in _asked(trace, available=False):
        reply = _unasked(trace, vision)
        if reply is not None:
            yield failed(reply, "the client asks for a turn, although it has no picture", vision)
        else:
            yield passed(vision)


@check("AIA-TOOL-003", role="client")
def tools_are_not_answered(trace: Trace) -> Findings:
    """Nothing is sent in answer to a tool_call."""
    for call in trace.messages("server", Sent.TOOL_CALL):
        reply = _unasked(trace, call)
        channel = channel_of(trace, call)
        if reply is not None:
            yield failed(reply, "the client sends something after a tool_call", call)
        elif channel is not None and channel.after(call):
            yield passed(call)


def _unasked(trace: Trace, record: Record) -> Record | None:
    """What the client sends after a record without having been told to, microphone audio aside."""
    orders = [c for c in trace.commands() if c.name not in {"settle", "advance"}]
    order = next((c.seq for c in orders if c.seq > record.seq), None)
    return next(
        (
            r
            for r in requests(trace)
            if r.seq > record.seq and r.name != Request.DATA and (order is None or r.seq < order)
        ),
        None,
    )
