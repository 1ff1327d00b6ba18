"""The mock AIAvatarKit server: turns over HTTP, sessions on the WebSocket, the speech endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec

from mock_servers.actions import Vocabulary
from mock_servers.aiavatar.actions import ACTIONS
from mock_servers.aiavatar.chat import ChatLiveSession
from mock_servers.aiavatar.contexts import Conversations
from mock_servers.aiavatar.dialogue import load_dialogue
from mock_servers.aiavatar.pipeline import Pipeline
from mock_servers.aiavatar.session import SocketLiveSession
from mock_servers.aiavatar.speech import Synthesizer
from mock_servers.aiavatar.wire import AIAvatarCodec
from mock_servers.catalogue import catalogue_reply, points_of
from mock_servers.options import split_options
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.schemas import SchemaCheck
from mock_servers.stream import Stream
from protocol_core.aiavatar.revision import load
from protocol_core.aiavatar.service import Refusal, Service
from protocol_core.aiavatar.tags import Tags
from protocol_core.http import HttpRequest

if TYPE_CHECKING:
    from avatar_protocols.tables import RevisionInfo
    from mock_servers.aiavatar.generation import Generation, Outlet
    from mock_servers.connection import Connection
    from mock_servers.exchange import Exchange
    from mock_servers.session import LiveSession
    from protocol_core.aiavatar.answer import Speech
    from protocol_core.http import HttpResponse

__all__ = ["AIAvatarOptions", "AIAvatarPlatform"]

Seconds = Annotated[float, msgspec.Meta(ge=0)]
PathText = Annotated[str, msgspec.Meta(pattern="^/")]


class AIAvatarOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about the server's behaviour, besides `Platform`'s own arguments.

    Attributes:
        dialogue: what is heard and said: a list of turns, or the path of a file with them
            (docs/how-to/script-a-dialogue.md); None for a small one of its own.
        api_key: secret of the HTTP calls; None leaves everything open.
        chat_path, websocket_path: paths of the two; None for the documents' default.
        pcm_chunk_bytes: size of PCM chunks on the WebSocket; 0 sends whole WAV files.
        sample_rate: Hz of the audio that comes in; None for the documents' default, as below.
        volume_db_threshold: dB above which audio holds voice, until a client sets another.
        silence: seconds of silence that end an utterance.
        min_speech: seconds of speech below which it is no utterance.
        max_recording: seconds after which a recording is thrown away.
        listen_on: ``audio`` counts silence in the audio alone, as the package does; ``clock``
            counts time without audio, too.
        wakewords: words of which one must be heard first; none leaves the character awake.
        wakeword_timeout: seconds since the last turn of a conversation after which one of them is
            needed again; None for the documents' default.
        merge_within: seconds within which a request is joined with the one before; 0 never.
        ping_interval: seconds between pings on the WebSocket; 0 for none; None for the documents'
            default.
        chunk_interval: seconds before each chunk of an answer, on a platform that paces.
        speech_rate: Hz of the audio that goes out.
        characters_per_second: speed of the synthesis.
        malformed: ``close`` closes with 1007 or 1003 (AIA-ERR-005); ``drop`` breaks the connection
            off without a close frame, as the package does.
        key_last: look at the key after the body and session_id, as the package does.
        blocking_invoke: read nothing from a socket while an invoke of it is answered, as the
            package does (OP-13).
    """

    dialogue: str | list[Any] | None = None
    api_key: str | None = "demo-api-key"
    chat_path: PathText | None = None
    websocket_path: PathText | None = None
    pcm_chunk_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    sample_rate: int | None = None
    volume_db_threshold: float | None = None
    silence: float | None = None
    min_speech: float | None = None
    max_recording: float | None = None
    listen_on: Literal["audio", "clock"] = "audio"
    wakewords: tuple[str, ...] = ()
    wakeword_timeout: Seconds | None = None
    merge_within: Seconds = 0.0
    ping_interval: Seconds | None = None
    chunk_interval: Seconds = 0.2
    speech_rate: Annotated[int, msgspec.Meta(ge=100)] = 16000
    characters_per_second: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    malformed: Literal["close", "drop"] = "close"
    key_last: bool = False
    blocking_invoke: bool = False


class AIAvatarPlatform(Platform):
    """A mock AIAvatarKit server.

    Args:
        revision: the revision to play.
        **settings: arguments of `Platform` and members of `AIAvatarOptions`.

    Attributes:
        options: how it was set up.
        modules: the revision's generated modules.
        dialogue: what is heard and said.
        conversations: what was said so far.
        pipeline: makes turns of requests.
        active: the newest turn of each session that is being answered, by session id.
        tags: reads control tags.
        event_types: names of the events.
        wakeword_timeout: seconds for which the wakeword holds.
        ping_interval: seconds between pings on the WebSocket; 0 for none.
    """

    protocol: ClassVar[str] = "aiavatar"

    def __init__(self, revision: RevisionInfo, **settings: Any) -> None:  # noqa: ANN401 - two sets of options
        self.options, settings = split_options(settings, AIAvatarOptions)
        options = self.options
        self.modules = load(revision.id)
        constants = self.modules.constants
        self.dialogue = load_dialogue(options.dialogue)
        self.tags = Tags(self.modules)
        self.event_types = constants.EventType
        self.active: dict[str, Generation] = {}
        self.pipeline = Pipeline(self)
        usual: float = constants.Timeout.WAKEWORD
        given = options.wakeword_timeout
        self.wakeword_timeout = usual if given is None else given
        usual = constants.Heartbeat.PING_INTERVAL
        self.ping_interval = usual if options.ping_interval is None else options.ping_interval
        endpoint = constants.Endpoint
        self.streams = frozenset({endpoint.CHAT.name})
        self._chat: str = endpoint.CHAT.name
        self._calls = {
            endpoint.CHAT.name: self._answer_chat,
            endpoint.TRANSCRIBE.name: self._transcribe,
            endpoint.SYNTHESIZE.name: self._synthesize,
        }
        self._routes: dict[tuple[str, str], tuple[str, bool]] = {
            ("POST", options.chat_path or endpoint.CHAT.path): (endpoint.CHAT.name, False),
            ("POST", endpoint.TRANSCRIBE.path): (endpoint.TRANSCRIBE.name, False),
            ("POST", endpoint.SYNTHESIZE.path): (endpoint.SYNTHESIZE.name, False),
            ("GET", options.websocket_path or endpoint.WEBSOCKET.path): (
                endpoint.WEBSOCKET.name,
                True,
            ),
        }
        self._service = Service(
            self.modules, api_key=options.api_key or "", key_last=options.key_last
        )
        self._sockets: dict[str, SocketLiveSession] = {}
        self._transcribed = 0
        super().__init__(revision, **_with_body_limit(settings, constants.Limit))
        self.conversations = Conversations(
            lambda: self.mint.identifier("context"), constants.Timeout.CONTEXT_HISTORY
        )
        self._voice = Synthesizer(
            sample_rate=options.speech_rate,
            characters_per_second=options.characters_per_second,
            seed=self.seed,
        )
        self.reset_accounts()

    # -- what the framework asks -------------------------------------------------------------------

    def make_codec(self) -> AIAvatarCodec:
        return AIAvatarCodec(self.modules, SchemaCheck(self.protocol, self.revision))

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            actions=ACTIONS,
            errors={name: points_of(row) for name, row in self.modules.errors.CATALOGUE.items()},
            endpoints=[name for name, _ in self._routes.values()],
        )

    def secret_positions(self) -> SecretPositions:
        return SecretPositions(
            headers=frozenset({self.modules.constants.Header.AUTHORIZATION.lower()})
        )

    @property
    def message_bytes(self) -> int:
        size: int = self.modules.constants.Limit.SERVER_MESSAGE_BYTES
        return size

    @property
    def urls(self) -> dict[str, str]:
        return {"http": f"http://{self.mount_address}", "websocket": f"ws://{self.mount_address}"}

    @property
    def credentials(self) -> dict[str, str]:
        key = self.options.api_key
        return {"api_key": key} if key else {}

    def reset_accounts(self) -> None:
        self.conversations.clear()
        self.pipeline.clear()
        self._transcribed = 0
        self.redactor.register("api_key", self.options.api_key or "")

    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        return self._routes.get((method, path))

    def answer(self, exchange: Exchange) -> HttpResponse | Stream | None:
        request = HttpRequest(
            method=exchange.method,
            url=exchange.target,
            headers=dict(exchange.headers),
            body=exchange.body,
        )
        return self._calls[exchange.endpoint](request)

    def admit(self, exchange: Exchange) -> HttpResponse | None:  # noqa: ARG002 - nobody is refused
        """Let everybody in: 0.7 asks for no key on the WebSocket."""
        return None

    def start_session(self, exchange: Exchange, connection: Connection) -> LiveSession:  # noqa: ARG002 - one kind of socket
        return SocketLiveSession(self, connection)

    def error_response(self, name: str) -> HttpResponse | None:
        return catalogue_reply(self.modules.errors.CATALOGUE[name], {})

    # -- calls -------------------------------------------------------------------------------------

    def _answer_chat(self, request: HttpRequest) -> HttpResponse | Stream:
        found = self._service.chat(request)
        if isinstance(found, Refusal):
            return self._service.refused(found)
        return Stream(
            start=lambda connection: ChatLiveSession(self, connection, found),
            headers=self._service.stream_headers(),
            line_end=self.modules.constants.Sse.LINE_END,
        )

    def _transcribe(self, request: HttpRequest) -> HttpResponse:
        found = self._service.transcribe(request)
        if isinstance(found, Refusal):
            return self._service.refused(found)
        text = self.dialogue.transcript(self._transcribed)
        self._transcribed += 1
        return self._service.transcribed(text)

    def _synthesize(self, request: HttpRequest) -> HttpResponse:
        found = self._service.synthesize(request)
        if isinstance(found, Refusal):
            return self._service.refused(found)
        return self._service.synthesized(self._voice.read(found.text).wav())

    # -- turns and sessions ------------------------------------------------------------------------

    @property
    def blocks(self) -> bool:
        """Whether a socket is not read while an invoke of it is answered."""
        return self.options.blocking_invoke

    def speak(self, text: str, seconds: float | None) -> Speech | None:
        """How a chunk sounds; None if it does not."""
        return self._voice.speak(text, seconds)

    def release(self, session_id: str, generation: Generation) -> None:
        """A turn is over."""
        if self.active.get(session_id) is generation:
            del self.active[session_id]

    def abandon(self, outlet: Outlet) -> None:
        """A channel has gone, and the turns that spoke there."""
        for generation in [each for each in self.active.values() if each.outlet is outlet]:
            generation.cancel()

    def bind(self, session: SocketLiveSession) -> None:
        """This socket owns its session id from now on (AIA-WS-010); an older one is closed."""
        self.unbind(session)
        older = self._sockets.get(session.id)
        self._sockets[session.id] = session
        if older is not None:
            older.connection.close(self.modules.constants.CloseCode.NORMAL)

    def unbind(self, session: SocketLiveSession) -> None:
        """This socket owns no session id any more."""
        for identity in [name for name, each in self._sockets.items() if each is session]:
            del self._sockets[identity]


def _with_body_limit(settings: dict[str, Any], limit: Any) -> dict[str, Any]:  # noqa: ANN401 - constants
    """Take as large a body over HTTP as a message on the WebSocket, unless limits are given."""
    return {"limits": {"body_bytes": limit.SERVER_MESSAGE_BYTES}, **settings}


PLATFORM = AIAvatarPlatform
