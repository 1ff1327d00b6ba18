"""A client over HTTP: each turn is one POST, answered by an event stream. No I/O.

A shell drives a turn:

    turn = session.turn(text="Hello")
    send turn.request
    turn.answered(status, headers)       True: a stream; False: turn.refused(whole response)
    turn.receive(chunk) -> events        as the bytes come
    turn.ended() -> events               the stream ended; raises if it was cut
    turn.broken(reason, timed_out) -> error

and asks the session for what it says of microphone audio: `ChatSession.hear`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import rest
from protocol_core.aiavatar.codec import Codec
from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.errors import AIAvatarError, make_error, refuse
from protocol_core.aiavatar.reading import Reader
from protocol_core.aiavatar.revision import PROTOCOL, Revision, load
from protocol_core.aiavatar.voice import VoiceDetector
from protocol_core.errors import RemoteProtocolError
from protocol_core.http import HttpResponse
from protocol_core.machine import StateMachine
from protocol_core.sse import Comment, EventDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from protocol_core.aiavatar.config import ClientConfig
    from protocol_core.http import HttpRequest

__all__ = ["ChatSession", "ChatTurn"]


class ChatSession:
    """One dialogue over HTTP: its identity, its context and its ear.

    Args:
        config: identity, URLs, key; needs a session_id.
        revision: id, alias or modules of the revision; None for the default.

    Attributes:
        config: as given.
        settings: the same with its defaults filled in.
        context_id: the conversation; None before the first turn (AIA-CTX-001).
        calls: the requests of the speech endpoints.

    Raises:
        ConfigurationError: the settings cannot work.
        SendRefused: there is no session_id (AIA-REQ-001).
    """

    def __init__(self, config: ClientConfig, *, revision: str | Revision | None = None) -> None:
        self.revision = load(revision)
        self.config = config
        self.settings = settle(config, self.revision)
        if config.session_id is None:
            refuse("a client has a session_id", "AIA-REQ-001")
        self.session_id: str = config.session_id
        self.context_id = config.context_id
        self.calls = rest.Calls(self.revision, config, self.settings)
        self._codec = Codec(self.revision)
        self._voice = VoiceDetector(self.revision, self.settings)
        self._newest: ChatTurn | None = None

    def turn(
        self,
        *,
        text: str | None = None,
        audio: bytes | None = None,
        files: Sequence[Mapping[str, str]] | None = None,
        system_prompt_params: Mapping[str, object] | None = None,
    ) -> ChatTurn:
        """A new turn; an older one that is under way will be cut by the server (AIA-INT-004).

        Raises:
            SendRefused: it must not be put on the wire.
        """
        params = system_prompt_params or self.config.system_prompt_params
        content = rest.content_of(
            self.revision, text=text, audio=audio, files=files, system_prompt_params=params
        )
        request = self.calls.chat(
            content,
            session_id=self.session_id,
            user_id=self.config.user_id,
            context_id=self.context_id,
        )
        self._newest = turn = ChatTurn(self, self._codec, request)
        return turn

    def picture(self, url: str) -> ChatTurn:
        """The turn that answers vision (AIA-VISION-002).

        Raises:
            SendRefused: the URL is none that a server takes.
        """
        kind = self.revision.constants.FileType.IMAGE
        return self.turn(files=[{"type": kind, "url": url}])

    def hear(self, pcm: bytes, *, playing: bool = False) -> list[bytes]:
        """Take microphone audio of any length (AIA-VAD-003).

        Args:
            pcm: signed 16-bit little-endian, mono.
            playing: whether something is being played just now: then this may be its echo.

        Returns:
            Each utterance that ended in it; each is to be a turn.
        """
        if playing and self.settings.cancel_echo:
            return []
        return self._voice.feed(pcm)

    def is_newest(self, turn: ChatTurn) -> bool:
        """Whether no turn was begun after this one."""
        return turn is self._newest


class ChatTurn:
    """One POST and its stream. Made by `ChatSession.turn`.

    Attributes:
        request: what to send.
        outcome: the terminal event, once it has come.
    """

    def __init__(self, session: ChatSession, codec: Codec, request: HttpRequest) -> None:
        self.request = request
        self.outcome: e.Event | None = None
        self._session = session
        self._revision = session.revision
        self._codec = codec
        self._machine = StateMachine(self._revision.states.STREAM, protocol=PROTOCOL)
        self._triggers = self._revision.states.Trigger
        self._states = self._revision.states.State
        self._names = self._revision.constants.EventType
        self._phase: str = self._revision.errors.Phase.STREAM
        self._reader = Reader(self._revision)
        self._decoder = EventDecoder()
        self._answer = HttpResponse(status=0)
        self._said = ""
        self._machine.send(self._triggers.REQUEST)

    @property
    def state(self) -> str:
        """State of the turn, as in the state table."""
        return self._machine.state

    def answered(self, status: int, headers: Mapping[str, str]) -> bool:
        """The head of the answer has come.

        Returns:
            Whether it is the stream; otherwise the whole answer goes to `refused`.
        """
        self._answer = HttpResponse(status=status, headers=dict(headers))
        stream = rest.is_stream(self._revision, self._answer)
        self._machine.receive(self._triggers.OPENED if stream else self._triggers.REFUSED)
        return stream

    def refused(self, response: HttpResponse) -> AIAvatarError:
        """What an answer means that is no stream."""
        return rest.refusal(self._revision, response)

    def receive(self, data: bytes) -> Iterator[e.Event]:
        """Bytes of the stream, cut anywhere; to be iterated over to the end.

        Raises:
            InvalidResponseError: what came is no event of this protocol, and the turn cannot go
                on. The events before it have been handed out.
        """
        try:
            items = self._decoder.feed(data)
        except ValueError as error:
            raise self._invalid(str(error), "") from error
        for item in items:
            if isinstance(item, Comment):
                self._machine.receive(self._triggers.OTHER)  # AIA-SSE-003
            else:
                yield self._receive(item.data)

    def ended(self) -> list[e.Event]:
        """The server ended the stream.

        Returns:
            `NothingHeard` for an empty one.

        Raises:
            StreamBroken: the terminal event had not come (AIA-SSE-004).
        """
        state = self._machine.state
        if state == self._states.ACCEPTED:
            self._machine.receive(self._triggers.NOTHING_HEARD)
            self.outcome = e.NothingHeard()
            return [self.outcome]
        if state != self._states.ENDING:
            raise self.broken("the stream ended without a terminal event")
        self._machine.receive(self._triggers.ENDED)
        return []

    def broken(self, reason: str, *, timed_out: bool = False) -> AIAvatarError:
        """The connection broke, or nothing came for too long: what that means."""
        before = self._machine.state == self._states.REQUESTED
        self._machine.receive(self._triggers.BROKEN)
        if before:
            return rest.unanswered(self._revision, reason, timed_out=timed_out)
        codes = self._revision.errors.ErrorCode
        return make_error(
            self._revision,
            reason,
            code=codes.RESPONSE_TIMEOUT if timed_out else codes.STREAM_BROKEN,
            phase=self._phase,
            http_status=self._answer.status,
            requirement="AIA-SSE-004",
        )

    @property
    def complete(self) -> bool:
        """Whether the terminal event has come: a break after it costs nothing."""
        return self.outcome is not None

    def _receive(self, data: str) -> e.Event:
        response = self._codec.decode_event(data)
        if isinstance(response, e.Ignored):
            if response.reason is not e.Reason.UNKNOWN_TYPE:
                raise self._invalid(f"no event: {response.detail}", data)
            self._machine.receive(self._triggers.OTHER)
            return response
        if response.type not in self._machine.table.messages:
            self._machine.receive(self._triggers.OTHER)
            return _ignored(e.Reason.WRONG_CHANNEL, response, "AIA-SSE-008")
        try:
            self._machine.receive(response.type)
        except RemoteProtocolError as error:
            return _ignored(e.Reason.OUT_OF_TURN, response, "AIA-SSE-002", error.problem)
        return self._meaning(response)

    def _meaning(self, response: e.Response) -> e.Event:
        names = self._names
        failed = self._reader.error_text(response) is not None
        if response.type == names.ERROR or (failed and response.type == names.FINAL):
            self.outcome = self._reader.failure(response, phase=self._phase)
            return self.outcome
        event = self._reader.read(response)
        newest = self._session.is_newest(self)
        if isinstance(event, e.TurnStarted) and event.context_id is not None and newest:
            self._session.context_id = event.context_id  # AIA-CTX-003
        if response.type == names.CHUNK:
            self._said += response.text or ""
        if response.type in {names.FINAL, names.VISION}:
            if not newest:
                text = self._said if response.text is None else response.text
                event = e.TurnSuperseded(text=text, response=response)
            self.outcome = event
        return event

    def _invalid(self, problem: str, data: str) -> AIAvatarError:
        self._machine.receive(self._triggers.BROKEN)
        return make_error(
            self._revision,
            problem,
            code=self._revision.errors.ErrorCode.INVALID_RESPONSE,
            phase=self._phase,
            http_status=self._answer.status,
            raw_body=data,
            requirement="AIA-SSE-001",
        )


def _ignored(
    reason: e.Reason, response: e.Response, requirement: str, detail: str = ""
) -> e.Ignored:
    return e.Ignored(
        reason=reason,
        name=response.type,
        detail=detail,
        requirement=requirement,
        data=response.raw,
    )
