"""The HTTP calls of a client: what goes out, what comes back, and what a refusal says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from protocol_core import multipart
from protocol_core.aiavatar.codec import encode_audio
from protocol_core.aiavatar.errors import AIAvatarError, classify, make_error, refuse
from protocol_core.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from avatar_protocols.tables import EndpointSpec
    from protocol_core.aiavatar.config import ClientConfig, ClientSettings
    from protocol_core.aiavatar.revision import Revision

__all__ = [
    "Calls",
    "Content",
    "checked_audio",
    "content_of",
    "is_stream",
    "refusal",
    "unanswered",
]

_FILENAME = "audio.pcm"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn carries; None for what it does not have.

    Attributes:
        text: what the person said.
        audio_data: a complete utterance, in base64.
        files: pictures.
        system_prompt_params: values of the placeholders in the system prompt.
    """

    text: str | None = None
    audio_data: str | None = None
    files: list[Any] | None = None
    system_prompt_params: dict[str, Any] | None = None


def content_of(
    revision: Revision,
    *,
    text: str | None = None,
    audio: bytes | None = None,
    files: Sequence[Mapping[str, str]] | None = None,
    system_prompt_params: Mapping[str, object] | None = None,
) -> Content:
    """Check what a turn shall carry.

    Args:
        revision: the generated modules.
        text: what the person said; may be empty.
        audio: a complete utterance: signed 16-bit little-endian PCM, mono (AIA-AUDIO-001).
        files: pictures, each with ``type`` and ``url`` (OP-8).
        system_prompt_params: values of the placeholders in the system prompt.

    Raises:
        SendRefused: it must not be put on the wire.
    """
    if audio is not None:
        checked_audio(revision, audio)
    try:
        picture = revision.messages.ImageFile
        pictures = None if files is None else [msgspec.convert(file, picture) for file in files]
        return msgspec.convert(
            {
                "text": text,
                "audio_data": None if audio is None else encode_audio(audio),
                "files": pictures,
                "system_prompt_params": system_prompt_params and dict(system_prompt_params),
            },
            Content,
        )
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        refuse(str(error), "AIA-REQ-001", value=files if files is not None else text)


def checked_audio(revision: Revision, audio: bytes) -> bytes:
    """Audio that may be sent.

    Raises:
        SendRefused: it is empty or splits a sample (AIA-AUDIO-002).
    """
    width = revision.constants.Audio.BYTES_PER_SAMPLE
    if not audio or len(audio) % width:
        refuse(
            f"audio must be a positive multiple of {width} bytes",
            "AIA-AUDIO-002",
            value=f"{len(audio)} bytes",
        )
    return audio


class Calls:
    """Builds the requests of one client, and reads the answers of the speech endpoints.

    Args:
        revision: the generated modules.
        config: identity and key.
        settings: URLs.
    """

    def __init__(self, revision: Revision, config: ClientConfig, settings: ClientSettings) -> None:
        self._revision = revision
        self._key = config.api_key
        self._settings = settings
        self._encode = msgspec.json.Encoder().encode

    def chat(
        self, content: Content, *, session_id: str, user_id: str | None, context_id: str | None
    ) -> HttpRequest:
        """One turn (AIA-REQ-001, AIA-REQ-006, AIA-CTX-001)."""
        body = self._revision.rest.ChatRequest(
            type=self._revision.constants.RequestType.START,
            session_id=session_id,
            user_id=user_id,
            context_id=context_id,
            text=content.text,
            audio_data=content.audio_data,
            files=content.files,
            system_prompt_params=content.system_prompt_params,
        )
        endpoint = self._revision.constants.Endpoint.CHAT
        return self._request(endpoint, self._encode(body), path=self._settings.chat_path)

    def transcribe(self, audio: bytes, *, boundary: str) -> HttpRequest:
        """Ask what is said in this audio (AIA-STT-001).

        Args:
            audio: signed 16-bit little-endian PCM, mono, without a container.
            boundary: of the form; occurs nowhere in the audio.

        Raises:
            SendRefused: the audio is empty or splits a sample.
        """
        part = multipart.Part(
            name=self._revision.constants.Form.AUDIO,
            content=checked_audio(self._revision, audio),
            filename=_FILENAME,
            content_type="application/octet-stream",
        )
        return self._request(
            self._revision.constants.Endpoint.TRANSCRIBE,
            multipart.build([part], boundary),
            media=multipart.content_type(boundary),
        )

    def transcribed(self, response: HttpResponse) -> str:
        """The text; empty where nothing was recognised.

        Raises:
            AIAvatarError: the call was refused, or this is no answer to it.
        """
        self._check(response)
        members = _members(response)
        text: object = None if members is None else members.get("text", "")
        if members is None or not isinstance(text, str | None):
            raise self._invalid("the answer is no JSON object with text", response)
        return text or ""

    def synthesize(
        self,
        text: str,
        *,
        style_info: Mapping[str, object] | None = None,
        language: str | None = None,
    ) -> HttpRequest:
        """Say this (AIA-TTS-001).

        Raises:
            SendRefused: the text is empty.
        """
        if not text:
            refuse("there is nothing to say", "AIA-TTS-002", value=text)
        body = self._revision.rest.SynthesizeRequest(
            text=text,
            style_info=None if style_info is None else dict(style_info),
            language=language,
        )
        return self._request(self._revision.constants.Endpoint.SYNTHESIZE, self._encode(body))

    def synthesized(self, response: HttpResponse) -> bytes:
        """The speech, as a WAV file.

        Raises:
            AIAvatarError: the call was refused, or this is no answer to it.
        """
        self._check(response)
        if not response.body:
            raise self._invalid("the answer is empty", response)
        return response.body

    def _request(
        self, endpoint: EndpointSpec, body: bytes, *, path: str = "", media: str = ""
    ) -> HttpRequest:
        names, values = self._revision.constants.Header, self._revision.constants.HeaderValue
        headers = {names.CONTENT_TYPE: media or values.JSON}
        if self._key:
            headers[names.AUTHORIZATION] = values.BEARER_PREFIX + self._key
        return HttpRequest(
            method=endpoint.method,
            url=self._settings.http + (path or endpoint.path),
            headers=headers,
            body=body,
        )

    def _check(self, response: HttpResponse) -> None:
        if response.status != self._revision.constants.Status.OK:
            raise refusal(self._revision, response)

    def _invalid(self, problem: str, response: HttpResponse) -> AIAvatarError:
        return make_error(
            self._revision,
            problem,
            code=self._revision.errors.ErrorCode.INVALID_RESPONSE,
            phase=self._revision.errors.Phase.HTTP,
            http_status=response.status,
            raw_body=response.text,
        )


def is_stream(revision: Revision, response: HttpResponse) -> bool:
    """Whether an answer is the stream of a turn (AIA-SSE-001)."""
    constants = revision.constants
    headers = {name.lower(): value for name, value in response.headers.items()}
    media = headers.get(constants.Header.CONTENT_TYPE.lower(), "").partition(";")[0]
    return bool(
        response.status == constants.Status.OK
        and media.strip().lower() == constants.HeaderValue.EVENT_STREAM
    )


def refusal(revision: Revision, response: HttpResponse) -> AIAvatarError:
    """What an answer without a result means."""
    phase = revision.errors.Phase.HTTP
    detail = _words(response)
    code = classify(revision, phase=phase, http=response.status, text=detail)
    return make_error(
        revision,
        detail or f"the server answered with HTTP {response.status}",
        code=code or revision.errors.ErrorCode.INVALID_RESPONSE,
        phase=phase,
        http_status=response.status,
        raw_body=response.text,
        detail=detail,
    )


def unanswered(revision: Revision, reason: str, *, timed_out: bool) -> AIAvatarError:
    """What the lack of an answer means."""
    codes = revision.errors.ErrorCode
    return make_error(
        revision,
        reason,
        code=codes.RESPONSE_TIMEOUT if timed_out else codes.TRANSPORT_ERROR,
        phase=revision.errors.Phase.HTTP,
    )


def _members(response: HttpResponse) -> dict[str, Any] | None:
    """The members of a JSON body; None where it is no object."""
    try:
        document: object = response.json()
    except ValueError:
        return None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else None


def _words(response: HttpResponse) -> str:
    """The error or detail of a JSON body; "" where it has neither as a string."""
    members = _members(response) or {}
    found: tuple[object, ...] = (members.get("error"), members.get("detail"))
    return next((words for words in found if isinstance(words, str)), "")
