"""What a client configures for an AvatarKit session, and what is refused before any I/O."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import (
    AudioFormatName,
    Bitrate,
    Opus,
    SampleRate,
    Scheme,
)
from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.errors import ConfigurationError

__all__ = [
    "AgoraEgress",
    "AudioFormat",
    "EncoderSettings",
    "LiveKitEgress",
    "SessionConfig",
]


class AudioFormat(StrEnum):
    """Encoding of all audio of a session."""

    PCM_S16LE = AudioFormatName.PCM_S16LE
    OGG_OPUS = AudioFormatName.OGG_OPUS


_WIRE_FORMATS: Final = {
    AudioFormat.PCM_S16LE: pb.AUDIO_FORMAT_PCM_S16LE,
    AudioFormat.OGG_OPUS: pb.AUDIO_FORMAT_OGG_OPUS,
}
_RATES: Final[dict[AudioFormat, tuple[int, ...]]] = {
    AudioFormat.PCM_S16LE: SampleRate.PCM,
    AudioFormat.OGG_OPUS: SampleRate.OGG_OPUS,
}
_SECRETS: Final = frozenset({"api_key", "api_secret", "api_token", "token"})
_UNSET: Final[tuple[object, ...]] = ("", None, {})
_SOCKET_SCHEMES: Final[dict[str, str]] = dict(zip(Scheme.CONFIGURED, Scheme.CONNECTED, strict=True))


class _Discreet(msgspec.Struct, frozen=True, kw_only=True):
    """Shows its settings without its secrets: settings end up in logs."""

    def __repr__(self) -> str:
        shown = (
            f"{name}={'‹hidden›' if value and name in _SECRETS else repr(value)}"
            for name in self.__struct_fields__
            if (value := getattr(self, name)) not in _UNSET
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class EncoderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for PCM to be encoded to Ogg Opus on the fly.

    Attributes:
        frame_ms: duration of an Opus frame, ms.
        application: what the encoder optimises for.
    """

    frame_ms: int = Opus.FRAME_DURATION_DEFAULT
    application: str = Opus.APPLICATION_DEFAULT


class LiveKitEgress(_Discreet, frozen=True, kw_only=True):
    """Sends the output into a LiveKit room.

    Attributes:
        url: LiveKit server, ``wss://…``.
        room_name: room to join.
        publisher_id: identity of the publishing participant.
        api_token: access token; preferred over the next two (AVK-EGRESS-004).
        api_key: deprecated.
        api_secret: deprecated.
        extra_attributes: attributes of the participant.
        idle_timeout: seconds of idleness before the egress is closed; 0 for the server's default.
    """

    url: str
    room_name: str
    publisher_id: str = ""
    api_token: str = ""
    api_key: str = ""
    api_secret: str = ""
    extra_attributes: dict[str, str] = {}
    idle_timeout: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] = 0


class AgoraEgress(_Discreet, frozen=True, kw_only=True):
    """Sends the output into an Agora channel.

    Attributes:
        channel_name: channel to join.
        token: channel token; may be empty for testing.
        uid: publisher uid; 0 has one assigned.
        publisher_id: identity of the publisher.
    """

    channel_name: str
    token: str = ""
    uid: Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)] = 0
    publisher_id: str = ""


_PARTS: Final[dict[str, type[msgspec.Struct]]] = {
    "encoder": EncoderSettings,
    "livekit": LiveKitEgress,
    "agora": AgoraEgress,
}


class SessionConfig(_Discreet, frozen=True, kw_only=True):
    """One session's settings. Only what a call needs has to be there when it is made.

    Attributes:
        api_key: account API key; for the token call only (AVK-AUTH-011).
        console_url: base URL of the console API.
        expire_at: when the session token shall expire: an aware `datetime`, or Unix time in
            seconds; fractions are cut off.
        app_id: app id.
        avatar_id: avatar id.
        ingress_url: base URL of the ingress: ``ws``, ``wss``, ``http`` or ``https``, without
            query and fragment.
        query_auth: send the credentials in the query instead of in headers (AVK-AUTH-013).
        audio_format: encoding of the audio that goes over the wire.
        sample_rate: its rate, Hz.
        bitrate: bit/s, a hint for Opus; 0 leaves it to the encoder.
        encoder: take PCM and encode it; needs ``audio_format`` Ogg Opus. Without it, Ogg Opus
            audio is sent as the caller gives it.
        livekit: send the output into a LiveKit room.
        agora: send the output into an Agora channel.

    `check` raises what is wrong with the values; it is called before any I/O.
    """

    api_key: str = ""
    console_url: str = ""
    expire_at: datetime | float | None = None
    app_id: str = ""
    avatar_id: str = ""
    ingress_url: str = ""
    query_auth: bool = False
    audio_format: AudioFormat = AudioFormat.PCM_S16LE
    sample_rate: int = SampleRate.DEFAULT
    bitrate: int = Bitrate.DEFAULT
    encoder: EncoderSettings | None = None
    livekit: LiveKitEgress | None = None
    agora: AgoraEgress | None = None

    @property
    def wire_format(self) -> pb.AudioFormat:
        """The audio format as the enumeration of the wire."""
        return _WIRE_FORMATS[self.audio_format]

    @property
    def expire_at_seconds(self) -> int:
        """The expiry as the wire wants it (AVK-AUTH-004).

        Raises:
            ConfigurationError: it is missing, infinite or a naive datetime.
        """
        moment = self.expire_at
        if moment is None:
            raise ConfigurationError("missing", setting="expire_at", hint="AVK-AUTH-012")
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ConfigurationError(
                    "a datetime without time zone is no instant",
                    setting="expire_at",
                    value=moment,
                    hint="use datetime.now(UTC) + timedelta(…)",
                )
            moment = moment.timestamp()
        if not math.isfinite(moment):
            raise ConfigurationError("no instant", setting="expire_at", value=moment)
        return int(moment)

    def require(self, *settings: str, requirement: str) -> None:
        """Refuse empty settings.

        Raises:
            ConfigurationError: the first one that is empty.
        """
        for setting in settings:
            if not getattr(self, setting):
                raise ConfigurationError("missing", setting=setting, hint=requirement)

    def check(self) -> None:
        """Refuse values that cannot work, whatever is called later.

        Raises:
            ConfigurationError: names the setting, the value and the rule.
        """
        self._check_types()
        rates = _RATES[self.audio_format]
        if self.sample_rate not in rates:
            raise ConfigurationError(
                f"{self.audio_format} has no such rate",
                setting="sample_rate",
                value=self.sample_rate,
                hint=f"one of {', '.join(map(str, rates))} Hz (AVK-AUDIO-002, AVK-AUDIO-003)",
            )
        if self.bitrate < 0:
            raise ConfigurationError("negative", setting="bitrate", value=self.bitrate)
        self._check_encoder()
        self._check_egress()

    def _check_types(self) -> None:
        """Nobody holds a caller of Python to annotations; a missing value may be None."""
        for name in ("", "encoder", "livekit", "agora"):
            part = getattr(self, name) if name else self
            kind = _PARTS[name] if name else type(self)
            if part is None:
                continue
            if not isinstance(part, kind):
                raise ConfigurationError(f"is no {kind.__name__}", setting=name, value=part)
            members = {
                member: value
                for member in part.__struct_fields__
                if (value := getattr(part, member)) is not None and member not in _PARTS
            }
            try:
                msgspec.convert(members, kind)
            except msgspec.ValidationError as error:
                raise ConfigurationError(str(error), setting=name or "config") from error
        for name in ("api_key", "app_id"):
            if not (getattr(self, name) or "").isprintable():
                raise ConfigurationError("must not contain control characters", setting=name)

    def _check_encoder(self) -> None:
        if self.encoder is None:
            return
        if self.audio_format is not AudioFormat.OGG_OPUS:
            raise ConfigurationError(
                "encodes to Ogg Opus only",
                setting="encoder",
                value=str(self.audio_format),
                hint="set audio_format to ogg_opus",
            )
        if self.encoder.frame_ms not in Opus.FRAME_DURATIONS:
            raise ConfigurationError(
                "no such frame duration",
                setting="encoder.frame_ms",
                value=self.encoder.frame_ms,
                hint=f"one of {', '.join(map(str, Opus.FRAME_DURATIONS))} ms (AVK-OGG-019)",
            )
        if self.encoder.application not in Opus.APPLICATIONS:
            raise ConfigurationError(
                "no such application",
                setting="encoder.application",
                value=self.encoder.application,
                hint=f"one of {', '.join(Opus.APPLICATIONS)} (AVK-OGG-019)",
            )

    def _check_egress(self) -> None:
        if self.livekit is not None and self.agora is not None:
            raise ConfigurationError(
                "LiveKit and Agora exclude each other", setting="agora", hint="AVK-EGRESS-002"
            )
        if self.livekit is not None:
            livekit = self.livekit
            if not (livekit.api_token or (livekit.api_key and livekit.api_secret)):
                raise ConfigurationError(
                    "no credentials",
                    setting="livekit",
                    hint="set api_token, or both api_key and api_secret (AVK-EGRESS-003)",
                )

    def socket_scheme(self) -> str:
        """Scheme of the WebSocket for the ingress base (AVK-CONN-002).

        Raises:
            ConfigurationError: the base has no such scheme, or a query or fragment (AVK-CONN-003).
        """
        try:
            parts = urlsplit(self.ingress_url)
            usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:  # brackets, or a port that is no number
            parts, usable = urlsplit(""), False
        scheme = _SOCKET_SCHEMES.get(parts.scheme)
        if scheme is None or not usable:
            raise ConfigurationError(
                "not a usable base URL",
                setting="ingress_url",
                value=self.ingress_url,
                hint=f"one of {', '.join(Scheme.CONFIGURED)}, then ://host (AVK-CONN-002)",
            )
        if parts.query or parts.fragment:
            raise ConfigurationError(
                "a base URL has neither query nor fragment",
                setting="ingress_url",
                value=self.ingress_url,
                hint="AVK-CONN-003",
            )
        return scheme
