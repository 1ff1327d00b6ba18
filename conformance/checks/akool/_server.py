"""What the checks of the server role share: names of messages, their members, ends of sockets.

The probe plays the client, in the dialect of the revision: what a client sends is named differently
there, what a server sends is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from avatar_protocols.akool.v0_1_8 import constants as v2
from avatar_protocols.akool.v0_1_8_documented import constants as documented
from conformance.trace import members_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

__all__ = [
    "ACK",
    "AGORA_CONNECTED",
    "AUDIO",
    "CONNECTED",
    "DISCOVERY",
    "ERROR",
    "INTERRUPT",
    "LEAVE",
    "PARAMETERS",
    "PING",
    "PONG",
    "REQUESTS",
    "SET_PARAMS",
    "V2",
    "acks_of",
    "answered_in_order",
    "expected_socket",
    "mid_of",
    "number_of",
    "pld",
    "server_end",
]

_type = v2.MessageType
DISCOVERY: Final = v2.Endpoint.SERVICE_STATUS.name
CONNECTED: Final = f"{_type.SYSTEM}/{v2.SystemStatus.WEBSOCKET_CONNECTED}"
AGORA_CONNECTED: Final = f"{_type.SYSTEM}/{v2.SystemStatus.AGORA_CONNECTED}"
ACK: Final = _type.ACK
PING: Final = _type.PING
PONG: Final = _type.PONG
ERROR: Final = _type.ERROR
INTERRUPT: Final = f"{_type.COMMAND}/{v2.Command.INTERRUPT}"
LEAVE: Final = f"{_type.EVENT}/{v2.ClientEvent.LEAVE_CHANNEL}"
SET_PARAMS: Final = f"{_type.COMMAND}/{v2.Command.SET_PARAMS}"
PARAMETERS: Final = frozenset({SET_PARAMS, documented.MessageType.AGORA_PARAMS})
"""What names the Agora channel, in either dialect."""
AUDIO: Final = frozenset({_type.CHAT, documented.MessageType.AUDIO_DATA})
"""Speech, in either dialect."""
REQUESTS: Final = frozenset({SET_PARAMS, INTERRUPT, LEAVE})
"""What is answered by an ack (v2)."""
V2: Final = ("0.1.8", "0.1.9")
"""The revisions of the v2 dialect."""

_ENDS: Final = frozenset({"close", "reset"})


def pld(record: Record) -> dict[str, Any]:
    """The payload of a message in the envelope; {} where there is none."""
    return members_of((record.data or {}).get(v2.Member.PAYLOAD))


def mid_of(record: Record) -> Any:  # noqa: ANN401 - any JSON value
    """The id of a message; None where there is none."""
    return (record.data or {}).get(v2.Member.ID)


def number_of(record: Record) -> Any:  # noqa: ANN401 - any JSON value
    """The number of an error frame."""
    return pld(record).get("error_code")


def server_end(socket: Socket) -> Record | None:
    """The server's end of a socket, unless the probe ended it first."""
    end = next((r for r in socket.records if r.kind in _ENDS), None)
    return end if end is not None and end.sender == "server" else None


def acks_of(socket: Socket, request: Record) -> list[Record]:
    """The acks that name a request."""
    mid = mid_of(request)
    later = [r for r in socket.after(request) if r.kind == "message" and r.name == ACK]
    return [r for r in later if r.sender == "server" and pld(r).get("original_mid") == mid]


def answered_in_order(socket: Socket, record: Record) -> Record | None:
    """Something that the server sent later and can only have sent after reading a message.

    That is the answer to anything that the client sent after the message: a server reads in order.
    """
    later = socket.after(record)
    asked = [r for r in later if r.sender == "client" and r.kind in {"message", "ping"}]
    if not asked:
        return None
    barriers = {PONG, ACK, AGORA_CONNECTED, ERROR}
    return next(
        (
            r
            for r in later
            if r.seq > asked[0].seq
            and r.sender == "server"
            and (r.kind == "pong" or (r.kind == "message" and r.name in barriers))
        ),
        None,
    )


def expected_socket(trace: Trace, name: str) -> Iterable[Socket]:
    """The socket that a scenario expects something of, by the number in its ``expect``."""
    wanted = trace.expect.get(name)
    return [socket for socket in trace.sockets() if socket.number == wanted]
