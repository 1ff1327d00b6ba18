"""What an agent's session is configured with."""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec

from protocol_core.errors import ConfigurationError
from protocol_core.liveavatar.revision import Revision, load

__all__ = ["ClientConfig", "ClientSettings", "settle"]

T = TypeVar("T")


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an agent. None means the default of the revision's documents.

    Attributes:
        api_key: secret of the developer's account; stays on the backend (LAC-AUTH-009).
        avatar_id: the avatar to start.
        base_url: base of the REST calls.
        sandbox: run in the sandbox (LAC-AUTH-003).
        voice_id: overrides the avatar's voice (LAC-AUTH-002).
        timeout: seconds for each REST call and for the wait for session.init (LAC-HS-004).
        developer_asr: we own speech recognition; without it, voice and asr events are refused.
        developer_tts: we own speech synthesis; says what `send_...` methods are meant to be used,
            the avatar's settings decide (OP-9).
        reconnect: dial again after a lost connection (LAC-RECON-001).
        reconnect_base_delay: seconds before the first attempt to reconnect (OP-12).
        reconnect_max_delay: longest such delay, in seconds.
        check_session_id: refuse a session.init that names another session (LAC-HS-005).
        abandon_responses: cancel unfinished responses to earlier turns when new input or an
            interrupt arrives (LAC-INPUT-004, LAC-INT-007).
        jitter_patience: seconds that an audio frame waits for a missing one before it
            (LAC-FRAME-010); 0 delivers in the order of arrival.
    """

    api_key: str
    avatar_id: str
    base_url: str | None = None
    sandbox: bool | None = None
    voice_id: str | None = None
    timeout: float | None = None
    developer_asr: bool | None = None
    developer_tts: bool | None = None
    reconnect: bool | None = None
    reconnect_base_delay: float | None = None
    reconnect_max_delay: float | None = None
    check_session_id: bool = True
    abandon_responses: bool = True
    jitter_patience: float | None = None

    def __repr__(self) -> str:
        return f"ClientConfig(avatar_id={self.avatar_id!r}, base_url={self.base_url!r})"


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A `ClientConfig` with every default filled in."""

    base_url: str
    sandbox: bool
    timeout: float
    developer_asr: bool
    developer_tts: bool
    reconnect: bool
    reconnect_base_delay: float
    reconnect_max_delay: float
    jitter_patience: float


def settle(config: ClientConfig, revision: str | Revision | None = None) -> ClientSettings:
    """Check a configuration and fill in the defaults of a revision.

    Raises:
        ConfigurationError: a setting cannot work.
    """
    _check_types(config)
    constants = load(revision).constants
    default = constants.Default
    settings = ClientSettings(
        base_url=_given(config.base_url, constants.Base.DISPATCHER).rstrip("/"),
        sandbox=_given(config.sandbox, default.SANDBOX),
        timeout=_given(config.timeout, constants.Timeout.SESSION_INIT),
        developer_asr=_given(config.developer_asr, default.DEVELOPER_ASR),
        developer_tts=_given(config.developer_tts, default.DEVELOPER_TTS),
        reconnect=_given(config.reconnect, default.RECONNECT),
        reconnect_base_delay=_given(config.reconnect_base_delay, constants.Backoff.BASE),
        reconnect_max_delay=_given(config.reconnect_max_delay, constants.Backoff.MAX),
        jitter_patience=_given(config.jitter_patience, constants.Jitter.WINDOW_MIN_MS / 1000),
    )
    _check(config, settings)
    return settings


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _check_types(config: ClientConfig) -> None:
    """Nobody holds a caller of Python to annotations."""
    members = {name: getattr(config, name) for name in config.__struct_fields__}
    given = {name: value for name, value in members.items() if value is not None}
    try:
        msgspec.convert({"api_key": "", "avatar_id": "", **given}, ClientConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="config") from error


def _check(config: ClientConfig, settings: ClientSettings) -> None:
    for name in ("api_key", "avatar_id"):
        value = getattr(config, name) or ""
        if not value.strip():
            raise ConfigurationError("must not be blank", setting=name)
        if not value.isprintable():
            raise ConfigurationError("must not contain control characters", setting=name)
    if not settings.base_url.startswith(("http://", "https://")):
        raise ConfigurationError(
            "must be an http or https URL", setting="base_url", value=config.base_url
        )
    for name in ("timeout", "reconnect_base_delay", "reconnect_max_delay", "jitter_patience"):
        seconds = getattr(settings, name)
        if not math.isfinite(seconds) or seconds < 0 or (name == "timeout" and seconds == 0):
            raise ConfigurationError(
                "must be a positive number of seconds", setting=name, value=seconds
            )
    if settings.reconnect_max_delay < settings.reconnect_base_delay:
        raise ConfigurationError(
            "must not be below reconnect_base_delay",
            setting="reconnect_max_delay",
            value=settings.reconnect_max_delay,
        )
