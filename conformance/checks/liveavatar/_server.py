"""What the checks of the server role share: the platform's states, the agent's responses, survival.

The probe plays the agent. What a platform makes of it shows in session.state alone, so a response
counts as taken when SPEAKING follows it; sound is heard in the media room, outside this channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols import schemas
from avatar_protocols.liveavatar.v0_2 import constants
from avatar_protocols.liveavatar.v0_2.messages import MessageName
from avatar_protocols.trace import Record
from conformance.checks import failed, passed
from conformance.checks.liveavatar._common import data_of, socket_of, texts, top
from conformance.checks.liveavatar._frames import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from avatar_protocols.liveavatar.v0_2.frames import AudioFrame
    from conformance.checks import Finding
    from conformance.trace import Socket, Trace

__all__ = [
    "INPUT_EVENTS",
    "NEVER",
    "PLATFORM_EVENTS",
    "SPEECH_EVENTS",
    "Response",
    "audio_frames",
    "borne",
    "initial",
    "next_state",
    "owner_of_asr",
    "reaction_until",
    "responses",
    "server_end",
    "session_of",
    "spoken",
    "state_before",
    "state_of",
    "states",
    "turns",
]

NEVER: Final = 1 << 62
"""The seq of what never comes."""
SPEECH_EVENTS: Final = (
    MessageName.INPUT_VOICE_START,
    MessageName.INPUT_VOICE_FINISH,
    MessageName.INPUT_ASR_PARTIAL,
    MessageName.INPUT_ASR_FINAL,
)
"""Results and boundaries of speech recognition."""
INPUT_EVENTS: Final = (MessageName.INPUT_TEXT, *SPEECH_EVENTS)
"""All that can say what the user said."""
PLATFORM_EVENTS: Final[frozenset[str]] = frozenset(
    schemas.load(constants.PROTOCOL, constants.REVISION)["platform-events"]["discriminator"][
        "mapping"
    ]
)
"""The events that a platform may send."""

_ENDS: Final = frozenset({"close", "reset"})
_RESPONSE: Final = (
    MessageName.RESPONSE_START,
    MessageName.RESPONSE_CHUNK,
    MessageName.RESPONSE_DONE,
    MessageName.RESPONSE_CANCEL,
)
_TURN: Final = frozenset(
    {
        MessageName.INPUT_TEXT,
        MessageName.INPUT_VOICE_START,
        MessageName.INPUT_ASR_FINAL,
        MessageName.RESPONSE_START,
        MessageName.RESPONSE_CHUNK,
        MessageName.RESPONSE_AUDIO_START,
    }
)


# --- the connection ------------------------------------------------------------------------------


def initial(socket: Socket) -> Record | None:
    """The first session.init of a socket."""
    return next(iter(texts(socket.records, "server", MessageName.SESSION_INIT)), None)


def session_of(socket: Socket) -> str:
    """The id of the session that a socket serves; "" if the platform has not said it."""
    first = initial(socket)
    found = None if first is None else data_of(first, "sessionId")
    return found if isinstance(found, str) else ""


def server_end(socket: Socket) -> Record | None:
    """The platform's end of a socket, unless the probe ended it first."""
    end = next((r for r in socket.records if r.kind in _ENDS), None)
    return end if end is not None and end.sender == "server" else None


def reaction_until(socket: Socket, record: Record) -> int:
    """The seq up to which what the platform sends can be its reaction to a message of the agent.

    That is the agent's next message or end, or the pong to its next ping: a platform answers in
    order. Far away if the agent does nothing more.
    """
    later = socket.after(record)
    acts = [r.seq for r in later if r.sender == "client" and r.kind not in {"ping", "pong"}]
    pings = [r.seq for r in later if r.sender == "client" and r.kind == "ping"]
    pongs = [r.seq for r in later if r.kind == "pong" and pings and r.seq > pings[0]]
    return min([*acts[:1], *pongs[:1]], default=NEVER)


def owner_of_asr(trace: Trace) -> str:
    """Who owns speech recognition in this scenario: ``developer``, ``platform``, "" if unsaid."""
    return str(trace.expect.get("asr", ""))


# --- states and turns ----------------------------------------------------------------------------


def states(records: Iterable[Record]) -> list[Record]:
    """The platform's session.state events, in order."""
    return texts(records, "server", MessageName.SESSION_STATE)


def state_of(record: Record) -> str:
    """The state that a session.state tells of."""
    return str(data_of(record, "state"))


def next_state(socket: Socket, record: Record, *names: str) -> Record | None:
    """The next session.state after a record; with names, the next that tells of one of them."""
    later = states(socket.after(record))
    return next((r for r in later if not names or state_of(r) in names), None)


def state_before(socket: Socket, record: Record) -> str:
    """The state at a record, as far as the agent has been told; IDLE at first."""
    told = states(socket.before(record))
    return state_of(told[-1]) if told else constants.SessionState.IDLE


def turns(socket: Socket, record: Record) -> list[str]:
    """The requestIds of the turns that began before a record, each once, the current one last."""
    found: dict[str, None] = {}
    for earlier in socket.before(record):
        request = top(earlier, "requestId") if earlier.name in _TURN else None
        if isinstance(request, str):
            found.pop(request, None)
            found[request] = None
    return list(found)


# --- the agent's responses -----------------------------------------------------------------------


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A text response, as the agent sent it.

    Attributes:
        id: its responseId.
        socket: number of the socket it was sent on.
        records: response.start, chunks, done and cancel, in the order sent.
    """

    id: str
    socket: int
    records: list[Record]

    def named(self, name: str) -> list[Record]:
        """Its events of one name."""
        return [r for r in self.records if r.name == name]

    @property
    def request_id(self) -> Any:  # noqa: ANN401 - any JSON value
        """The turn that it answers."""
        return top(self.records[0], "requestId")

    @property
    def chunks(self) -> list[Record]:
        """Its chunks that have text."""
        return [r for r in self.named(MessageName.RESPONSE_CHUNK) if data_of(r, "text")]


def responses(socket: Socket) -> list[Response]:
    """The text responses of a socket, in the order of their first events."""
    found: dict[str, Response] = {}
    for record in texts(socket.records, "client", *_RESPONSE):
        name = str(top(record, "responseId"))
        if name not in found:
            found[name] = Response(id=name, socket=socket.number, records=[])
        found[name].records.append(record)
    return list(found.values())


def spoken(trace: Trace, meant: Callable[[Response], bool] = lambda _: True) -> Iterator[Finding]:
    """Whether each response with text was spoken, and not complained about.

    A response is spoken if SPEAKING follows its first chunk before another response begins.

    Args:
        trace: the trace.
        meant: picks responses.
    """
    for socket in trace.sockets():
        sent = [response for response in responses(socket) if response.chunks]
        for place, response in enumerate(sent):
            if not meant(response):
                continue
            first = response.chunks[0]
            following = sent[place + 1 : place + 2]
            end = following[0].records[0].seq if following else NEVER
            speaking = next_state(socket, first, constants.SessionState.SPEAKING)
            refusal = next(
                (
                    r
                    for r in texts(socket.after(first), "server", MessageName.ERROR)
                    if r.seq < end and top(r, "requestId") in (None, response.request_id)
                ),
                None,
            )
            if refusal is not None:
                code = data_of(refusal, "code")
                yield failed(refusal, f"response {response.id} was answered with {code!r}", first)
            elif speaking is None or speaking.seq > end:
                yield failed(first, f"response {response.id} was sent and never spoken")
            else:
                yield passed(first, speaking)


# --- surviving and frames ------------------------------------------------------------------------


def borne(trace: Trace, odd: Iterable[Record], what: str) -> Iterator[Finding]:
    """Whether the platform carries on after each of these messages of the agent.

    Args:
        trace: the trace.
        odd: messages that must do no harm.
        what: how to name them.
    """
    for record in odd:
        socket = socket_of(trace, record)
        if socket is None:
            continue
        end = server_end(socket)
        alive = next(
            (
                r
                for r in socket.after(record)
                if r.sender == "server" and r.kind in {"pong", "message"}
            ),
            None,
        )
        if end is not None and end.seq > record.seq:
            yield failed(
                end, f"the platform ended the connection after {what}; it must carry on", record
            )
        elif alive is not None:
            yield passed(record, alive)


def audio_frames(socket: Socket) -> list[tuple[Record, AudioFrame]]:
    """The platform's audio frames on a socket, as far as they can be read."""
    return readable(socket.messages("server"))
