"""What the checks of the server role share: the server's messages, and the requests they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from avatar_protocols.trace import Record
from conformance.checks import Finding, failed, passed
from conformance.checks.avatarkit._client import (
    ANIMATION,
    CONFIGURE,
    ERROR,
    INTERRUPT,
    Request,
    confirmed,
    envelope,
    requests,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Socket, Trace

__all__ = [
    "ENDED_BY_SERVER",
    "Answered",
    "Refused",
    "answers",
    "configured",
    "direct",
    "interrupted",
    "matches",
    "refusals",
    "served",
    "server_end",
]

ENDED_BY_SERVER: Final = frozenset({"close", "reset"})


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A ServerError.

    Attributes:
        record: where it stands.
        error: what it says.
    """

    record: Record
    error: pb.ServerError

    @property
    def says(self) -> str:
        """The error as a message shows it."""
        return f"code {self.error.code}, {self.error.message!r}"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request with the animation that answers it.

    Attributes:
        request: the client's chunks.
        animation: the server's messages with its req_id, in order.
    """

    request: Request
    animation: list[tuple[Record, pb.ServerResponseAnimation]]

    @property
    def last(self) -> Record | None:
        """The message that ends the answer; None if it never ended."""
        return next((record for record, part in self.animation if part.end), None)


def refusals(socket: Socket) -> list[Refused]:
    """The ServerErrors of a socket, in order."""
    found: list[Refused] = []
    for record in socket.messages("server", ERROR):
        message = envelope(record)
        if message is not None:
            found.append(Refused(record=record, error=message.server_error))
    return found


def answers(socket: Socket) -> list[Answered]:
    """The requests of a socket in their order, each with its answer."""
    parts: dict[str, list[tuple[Record, pb.ServerResponseAnimation]]] = {}
    for record in socket.messages("server", ANIMATION):
        message = envelope(record)
        if message is not None:
            part = message.server_response_animation
            parts.setdefault(part.req_id, []).append((record, part))
    return [
        Answered(request=request, animation=parts.get(request.req_id, []))
        for request in requests(socket)
    ]


def configured(socket: Socket) -> pb.ClientConfigureSession | None:
    """The configuration that the probe sent first."""
    for record in socket.messages("client", CONFIGURE):
        message = envelope(record)
        return message.client_configure_session if message is not None else None
    return None


def direct(socket: Socket) -> bool:
    """Whether the session's output belongs on the WebSocket."""
    config = configured(socket)
    return config is not None and config.egress_type == pb.EGRESS_TYPE_UNSPECIFIED


def interrupted(socket: Socket) -> set[str]:
    """The requests that the probe interrupted."""
    messages = (envelope(record) for record in socket.messages("client", INTERRUPT))
    return {message.client_interrupt.req_id for message in messages if message is not None}


def served(trace: Trace) -> Iterator[Finding]:
    """Each request that ended was answered to its end, and nothing was reported as wrong."""
    for socket in trace.sockets():
        if confirmed(socket) is None:
            continue
        for refused in refusals(socket):
            yield failed(refused.record, f"lawful input was answered with {refused.says}")
        for answered in answers(socket):
            chunks = answered.request
            if not chunks.ended:
                continue
            closing = next(r for r, c in zip(chunks.records, chunks.chunks, strict=True) if c.end)
            if answered.last is None:
                yield failed(closing, f"request {chunks.req_id} was not answered to its end")
            elif answered.last.seq < closing.seq:
                yield failed(answered.last, f"the answer to {chunks.req_id} ended before its audio")
            else:
                yield passed(closing, answered.last)


def matches(refused: Refused, expect: dict[str, Any]) -> str:
    """What is wrong with an error, measured by ``text``, ``code`` and ``code_not``; "" if nothing.

    Fragments of text are sought without regard to case; one of them is enough.
    """
    text = refused.error.message.lower()
    fragments = expect.get("text", [])
    if fragments and not any(fragment.lower() in text for fragment in fragments):
        return f"{refused.says} contains none of {fragments}"
    if "code" in expect and refused.error.code not in expect["code"]:
        return f"{refused.says} has none of the codes {expect['code']}"
    if refused.error.code in expect.get("code_not", []):
        return f"{refused.says} has a code that clients read as something else"
    return ""


def server_end(socket: Socket) -> Record | None:
    """The server's close frame, or its end of the TCP connection."""
    return next(
        (r for r in socket.records if r.kind in ENDED_BY_SERVER and r.sender == "server"), None
    )
