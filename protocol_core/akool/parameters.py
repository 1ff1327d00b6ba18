"""The Agora parameters of a session: where the avatar appears, and how it speaks and looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from protocol_core.akool.errors import SendRefused
from protocol_core.akool.revision import PROTOCOL
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from protocol_core.akool.revision import Revision

__all__ = ["Parameters", "agora_params_message", "set_params_message"]


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the application chooses.

    Attributes:
        channel: Agora channel.
        token: Agora RTC token; a secret.
        uid: Agora user, a number or its digits; sent as text in v2 (AKO-PARAM-004), as a number in
            the documented dialect (AKO-PARAM-013).
        app_id: Agora app; v2 needs it, the documented dialect has no place for it (OP-16).
        voice: voice id; None for none.
        language: language code; None for the documents' default.
        background: URL of a picture or film behind the avatar; None for none.
    """

    channel: str
    token: str
    uid: str | int
    app_id: str | None = None
    voice: str | None = None
    language: str | None = None
    background: str | None = None

    def __repr__(self) -> str:
        return f"Parameters(channel={self.channel!r}, uid={self.uid!r})"


def set_params_message(revision: Revision, parameters: Parameters, mid: str) -> msgspec.Struct:
    """The command set-params of v2 (AKO-PARAM-002, AKO-PARAM-003, AKO-PARAM-006).

    Raises:
        ConfigurationError: a parameter is missing or has the wrong type.
    """
    _check(parameters)
    if parameters.app_id is None:
        raise ConfigurationError("this dialect needs the Agora app", setting="app_id")
    m, constants = revision.messages, revision.constants
    default = constants.Default
    payload = m.SetParamsPayload(
        data=m.SetParamsData(
            vid=default.VOICE if parameters.voice is None else parameters.voice,
            lang=default.LANGUAGE if parameters.language is None else parameters.language,
            mode=constants.Mode.STREAMING,
            bgurl=default.BACKGROUND if parameters.background is None else parameters.background,
        ),
        metadata=m.SetParamsMetadata(
            agora_data=m.AgoraData(
                appid=parameters.app_id,
                channel_id=parameters.channel,
                token=parameters.token,
                uid=str(parameters.uid),
            )
        ),
    )
    message: msgspec.Struct = m.CommandMessage(v=constants.Envelope.VERSION, mid=mid, pld=payload)
    return message


def agora_params_message(revision: Revision, parameters: Parameters) -> msgspec.Struct:
    """The message agora_params of the documented dialect (AKO-PARAM-013).

    Raises:
        SendRefused: the dialect cannot say one of the parameters (AKO-INT-101).
        ConfigurationError: a parameter has the wrong type, or the user is no number.
    """
    _check(parameters)
    unsayable = [
        name
        for name in ("voice", "language", "background")
        if getattr(parameters, name) is not None
    ]
    if unsayable:
        raise SendRefused(
            f"the documented dialect has no place for {', '.join(unsayable)}",
            protocol=PROTOCOL,
            code=revision.errors.ErrorCode.UNSUPPORTED,
            phase=revision.errors.Phase.PARAMETERS,
            requirement="AKO-INT-101",
        )
    try:
        user_id = int(parameters.uid)
    except ValueError:
        raise ConfigurationError(
            "must be a number in the documented dialect", setting="uid", value=parameters.uid
        ) from None
    m = revision.messages
    message: msgspec.Struct = m.AgoraParamsMessage(
        data=m.AgoraParams(channel=parameters.channel, user_id=user_id, rtc_token=parameters.token)
    )
    return message


def _check(parameters: Parameters) -> None:
    """Nobody holds a caller of Python to annotations."""
    members = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
    try:
        msgspec.convert(members, Parameters)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="parameters") from error
