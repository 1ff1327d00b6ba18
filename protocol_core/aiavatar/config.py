"""What a client is configured with."""

from __future__ import annotations

import math
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from protocol_core.aiavatar.revision import Revision, load
from protocol_core.errors import ConfigurationError

__all__ = ["ClientConfig", "ClientSettings", "settle"]

T = TypeVar("T")


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a client. None means the default of the revision's documents.

    Attributes:
        session_id: id of the connection or dialogue, chosen by the client (AIA-REQ-001).
        user_id: the person who speaks; None for nobody in particular (OP-17).
        context_id: a conversation to go on with; None begins a new one (AIA-CTX-001).
        http: base URL of the HTTP endpoints.
        websocket: base URL of the WebSocket.
        chat_path, websocket_path: paths on those bases; a server may have configured others.
        api_key: secret of the HTTP endpoints (AIA-AUTH-001).
        timeout: seconds without a byte after which an HTTP answer is given up.
        handshake_timeout: seconds to wait for the socket, and for connected (OP-14).
        sample_rate: Hz of the audio that is sent, as the server is configured (AIA-AUDIO-001).
        volume_db_threshold: dB above which microphone audio counts as voice: of the client's own
            detector over HTTP, and sent as config on the WebSocket if it is given (AIA-WS-013).
        silence: seconds of silence that end an utterance (AIA-VAD-003).
        min_speech: seconds of speech below which an utterance is passed over.
        max_recording: seconds after which a recording is thrown away.
        cancel_echo: withhold microphone audio while something is played.
        faces, animations: keys that the avatar can show, besides the documented ones; others are
            ignored (AIA-FACE-004).
        system_prompt_params: values of the placeholders in the system prompt, for every turn.
        metadata: kept with the session by the WebSocket server.
    """

    session_id: str | None = None
    user_id: str | None = None
    context_id: str | None = None
    http: str | None = None
    websocket: str | None = None
    chat_path: str | None = None
    websocket_path: str | None = None
    api_key: str | None = None
    timeout: float | None = None
    handshake_timeout: float | None = None
    sample_rate: int | None = None
    volume_db_threshold: float | None = None
    silence: float | None = None
    min_speech: float | None = None
    max_recording: float | None = None
    cancel_echo: bool | None = None
    faces: tuple[str, ...] = ()
    animations: tuple[str, ...] = ()
    system_prompt_params: dict[str, object] | None = None
    metadata: dict[str, object] | None = None

    def __repr__(self) -> str:
        return (
            f"ClientConfig(session_id={self.session_id!r}, http={self.http!r}, "
            f"websocket={self.websocket!r})"
        )


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A `ClientConfig` with every default filled in."""

    http: str
    websocket: str
    chat_path: str
    websocket_path: str
    timeout: float
    handshake_timeout: float
    sample_rate: int
    volume_db_threshold: float
    silence: float
    min_speech: float
    max_recording: float
    cancel_echo: bool
    faces: frozenset[str]
    animations: frozenset[str]


def settle(config: ClientConfig, revision: str | Revision | None = None) -> ClientSettings:
    """Check a configuration and fill in the defaults of a revision.

    Raises:
        ConfigurationError: a setting cannot work.
    """
    _check_types(config)
    constants = load(revision).constants
    vad, endpoints = constants.Vad, constants.Endpoint
    settings = ClientSettings(
        http=_given(config.http, constants.Base.HTTP).rstrip("/"),
        websocket=_given(config.websocket, constants.Base.WEBSOCKET).rstrip("/"),
        chat_path=_given(config.chat_path, endpoints.CHAT.path),
        websocket_path=_given(config.websocket_path, endpoints.WEBSOCKET.path),
        timeout=_given(config.timeout, constants.Timeout.HTTP),
        handshake_timeout=_given(config.handshake_timeout, constants.Timeout.HTTP),
        sample_rate=_given(config.sample_rate, constants.Audio.SAMPLE_RATE),
        volume_db_threshold=_given(config.volume_db_threshold, vad.VOLUME_DB_THRESHOLD),
        silence=_given(config.silence, vad.SILENCE),
        min_speech=_given(config.min_speech, vad.MIN_SPEECH),
        max_recording=_given(config.max_recording, vad.MAX_RECORDING),
        cancel_echo=_given(config.cancel_echo, constants.Default.CANCEL_ECHO),
        faces=_keys(constants.Face) | frozenset(config.faces),
        animations=_keys(constants.Animation) | frozenset(config.animations),
    )
    _check(config, settings)
    return settings


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _keys(group: object) -> frozenset[str]:
    """The documented keys of a group of constants, whose other members are numbers."""
    named = {name: value for name, value in vars(group).items() if name.isupper()}
    return frozenset(value for value in named.values() if isinstance(value, str))


def _check_types(config: ClientConfig) -> None:
    """Nobody holds a caller of Python to annotations."""
    given = {name: getattr(config, name) for name in config.__struct_fields__}
    try:
        msgspec.convert({k: v for k, v in given.items() if v is not None}, ClientConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="config") from error


def _check(config: ClientConfig, settings: ClientSettings) -> None:
    for name, schemes in (("http", ("http", "https")), ("websocket", ("ws", "wss"))):
        url: str = getattr(settings, name)
        if urlsplit(url).scheme not in schemes:
            raise ConfigurationError(
                f"must be a URL with {' or '.join(schemes)}", setting=name, value=url
            )
    if config.session_id is not None and not config.session_id:
        raise ConfigurationError(
            "must not be empty: an empty id counts as none", setting="session_id"
        )
    key = config.api_key
    if key is not None and (not key.isprintable() or not key.isascii()):
        raise ConfigurationError(
            "must be printable ASCII: it is sent in a header", setting="api_key"
        )
    for name in ("timeout", "handshake_timeout", "silence", "min_speech", "max_recording"):
        seconds = getattr(settings, name)
        if not math.isfinite(seconds) or seconds <= 0:
            raise ConfigurationError(
                "must be a positive number of seconds", setting=name, value=seconds
            )
    if settings.sample_rate <= 0:
        raise ConfigurationError(
            "must be positive", setting="sample_rate", value=settings.sample_rate
        )
