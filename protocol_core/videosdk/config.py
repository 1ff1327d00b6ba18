"""What an agent's session is configured with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import msgspec

from protocol_core.errors import ConfigurationError
from protocol_core.videosdk.revision import Revision, load

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AgentConfig", "check"]

_NAMES = ("api_key", "secret", "token", "room_id", "participant_id", "agent_id", "avatar_token")
_URLS = ("dispatcher_url",)


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an agent. None means the default of the documents, or nothing.

    Attributes:
        api_key: the account; needed to mint tokens.
        secret: the account's secret; never leaves the process.
        token: the agent's own token, instead of one that is minted.
        room_id: the room to meet in.
        create_room: make a room where no room id is known.
        dispatcher_url: where a worker is asked for; None where it is started otherwise
            (VSD-DISP-006).
        signaling_base_url: host or URL of another signaling service than VideoSDK's own; the worker
            is told of it, too (VSD-DISP-002).
        participant_id: the avatar's identity; None makes one (VSD-AUTH-006).
        avatar_token: the avatar's token, where somebody else minted it for ``participant_id``.
        agent_id: the agent's own identity in the room; None lets the shell choose.
        ttl: lifetime of minted tokens in seconds.
        sample_rate: of the speech, in Hz; agreed with the worker beside the wire (VSD-PCM-007).
        strict_sender: act on payloads of the avatar's participant only (VSD-CHAN-014).
        patient: leave the worker's cooldown between an interrupt and new audio (VSD-INT-009).
    """

    api_key: str | None = None
    secret: str | None = None
    token: str | None = None
    room_id: str | None = None
    create_room: bool = False
    dispatcher_url: str | None = None
    signaling_base_url: str | None = None
    participant_id: str | None = None
    avatar_token: str | None = None
    agent_id: str | None = None
    ttl: int | None = None
    sample_rate: int | None = None
    strict_sender: bool = False
    patient: bool = True

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        revision: str | Revision | None = None,
        **settings: Any,  # noqa: ANN401 - the same as those of the class, each typed there
    ) -> Self:
        """Settings with the vendor's variables behind them; what is given here wins."""
        names = load(revision).constants.Environment
        found: dict[str, Any] = {
            "api_key": environment.get(names.API_KEY),
            "secret": environment.get(names.SECRET_KEY),
            "token": environment.get(names.AUTH_TOKEN),
            "room_id": environment.get(names.ROOM_ID),
        }
        given = {name: value for name, value in settings.items() if value is not None}
        return cls(**{**found, **given})

    def __repr__(self) -> str:
        return (
            f"AgentConfig(room_id={self.room_id!r}, participant_id={self.participant_id!r}, "
            f"dispatcher_url={self.dispatcher_url!r})"
        )


def check(config: AgentConfig) -> None:
    """Refuse a configuration that cannot work.

    Raises:
        ConfigurationError: naming the setting.
    """
    members = {name: getattr(config, name) for name in config.__struct_fields__}
    try:
        msgspec.convert(members, AgentConfig)  # nobody holds a caller of Python to annotations
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="config") from error
    for name in _NAMES:
        value = members[name]
        if value is not None and (not value.strip() or not value.isprintable()):
            raise ConfigurationError("must be printable and not blank", setting=name)
    for name in _URLS:
        value = members[name]
        if value is not None and not value.startswith(("http://", "https://")):
            raise ConfigurationError("must be an http or https URL", setting=name, value=value)
    for name in ("ttl", "sample_rate"):
        value = members[name]
        if value is not None and value <= 0:
            raise ConfigurationError("must be positive", setting=name, value=value)
    if config.avatar_token is not None and config.participant_id is None:
        raise ConfigurationError(
            "a token that somebody else minted names its participant",
            setting="participant_id",
            hint="give the participant id that the token is for",
        )
