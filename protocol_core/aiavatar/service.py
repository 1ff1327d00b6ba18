"""A server's HTTP calls: what a request asks for, why it is refused, and what is answered.

The order of the checks is that of the rules: the key before anything else (AIA-AUTH-007), then the
body, then what the turn needs. `key_last` gives the package's order instead.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any

import msgspec

from protocol_core import multipart
from protocol_core.aiavatar.codec import Codec, Fault, Request, read_fault
from protocol_core.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protocol_core.aiavatar.revision import Revision
    from protocol_core.http import HttpRequest

__all__ = ["Refusal", "Service", "SynthesizeOrder"]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is refused.

    Attributes:
        error: name in the error catalogue.
        member: path of the member at fault, for status 422.
    """

    error: str
    member: tuple[str | int, ...] = ()


class SynthesizeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What /synthesize asks for, as far as types go.

    Attributes:
        text: what to say.
        style_info: free.
        language: of the speech.
    """

    text: str
    style_info: dict[str, Any] | None = None
    language: str | None = None


class Service:
    """The HTTP side of one server.

    Args:
        revision: the generated modules.
        api_key: secret of every call; "" leaves everything open.
        key_last: look at the key after everything else, as the package does.
    """

    def __init__(self, revision: Revision, *, api_key: str = "", key_last: bool = False) -> None:
        self._constants = revision.constants
        self._catalogue = revision.errors.CATALOGUE
        self._rest = revision.rest
        self._codec = Codec(revision)
        self._decode_synthesize = msgspec.json.Decoder(SynthesizeOrder).decode
        self._api_key = api_key
        self._key_last = key_last

    def chat(self, request: HttpRequest) -> Request | Refusal:
        """The turn that POST /chat asks for (AIA-REQ-002, AIA-REQ-003)."""
        return self._checked(request, self._chat)

    def transcribe(self, request: HttpRequest) -> bytes | Refusal:
        """The PCM that POST /transcribe is about (AIA-STT-001, AIA-STT-002)."""
        return self._checked(request, self._transcribe)

    def synthesize(self, request: HttpRequest) -> SynthesizeOrder | Refusal:
        """What POST /synthesize is to say (AIA-TTS-002)."""
        return self._checked(request, self._synthesize)

    def stream_headers(self) -> dict[str, str]:
        """Header fields of an event stream (AIA-SSE-001)."""
        names, values = self._constants.Header, self._constants.HeaderValue
        return {
            names.CONTENT_TYPE: values.EVENT_STREAM_UTF8,
            names.CACHE_CONTROL: values.NO_STORE,
            names.ACCEL_BUFFERING: values.NO_BUFFERING,
        }

    def transcribed(self, text: str) -> HttpResponse:
        """The answer of /transcribe."""
        body = self._rest.TranscribeResponse(text=text)
        return self._response(200, self._constants.HeaderValue.JSON, msgspec.json.encode(body))

    def synthesized(self, wav: bytes) -> HttpResponse:
        """The answer of /synthesize: a WAV attachment (AIA-TTS-001)."""
        names, values = self._constants.Header, self._constants.HeaderValue
        answer = self._response(200, values.WAV, wav)
        answer.headers[names.CONTENT_DISPOSITION] = values.VOICE_ATTACHMENT
        return answer

    def refused(self, refusal: Refusal) -> HttpResponse:
        """The answer to a request that is refused."""
        reply = self._catalogue[refusal.error].http
        document: dict[str, Any] = json.loads(json.dumps(reply.json))
        if refusal.member:
            fault: dict[str, Any] = document["detail"][0]
            fault["loc"] = [fault["loc"][0], *refusal.member]
        body = msgspec.json.encode(document)
        return self._response(reply.status, self._constants.HeaderValue.JSON, body)

    # --- checks ---------------------------------------------------------------------------------

    def _checked(
        self, request: HttpRequest, read: Callable[[HttpRequest], Any | Refusal]
    ) -> Any | Refusal:  # noqa: ANN401 - what `read` returns
        if self._allowed(request.headers):
            return read(request)
        found = read(request) if self._key_last else None
        # What the package looks at before the key: the form of the body, and session_id.
        early = isinstance(found, Refusal) and found.error not in {"audio_empty", "text_empty"}
        return found if early else Refusal(error="key_refused")

    def _allowed(self, headers: Mapping[str, str]) -> bool:
        """Whether the request carries the key (AIA-AUTH-002): scheme without case, key exact."""
        if not self._api_key:
            return True
        given = _header(headers, self._constants.Header.AUTHORIZATION)
        scheme, _, key = given.partition(" ")
        wanted = self._constants.HeaderValue.BEARER_PREFIX.strip()
        same = hmac.compare_digest(key.encode(), self._api_key.encode())
        return same and scheme.lower() == wanted.lower()

    def _chat(self, request: HttpRequest) -> Request | Refusal:
        found = self._codec.decode_request(request.body)
        if isinstance(found, Fault):
            return _refusal(found)
        return found if found.session_id else Refusal(error="session_id_missing")

    def _transcribe(self, request: HttpRequest) -> bytes | Refusal:
        header = _header(request.headers, self._constants.Header.CONTENT_TYPE)
        try:
            parts = multipart.parse(header, request.body)
        except multipart.MultipartError:
            parts = []
        name = self._constants.Form.AUDIO
        part = next((p for p in parts if p.name == name and p.filename is not None), None)
        if part is None:
            return Refusal(error="audio_missing")
        return part.content or Refusal(error="audio_empty")

    def _synthesize(self, request: HttpRequest) -> SynthesizeOrder | Refusal:
        try:
            order = self._decode_synthesize(request.body)
        except msgspec.ValidationError as error:
            fault = read_fault(str(error))
            missing = Refusal(error="text_missing")
            return missing if fault.missing else _refusal(fault)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return Refusal(error="body_not_json")
        return order if order.text else Refusal(error="text_empty")

    def _response(self, status: int, media: str, body: bytes) -> HttpResponse:
        headers = {self._constants.Header.CONTENT_TYPE: media}
        return HttpResponse(status=status, headers=headers, body=body)


def _refusal(fault: Fault) -> Refusal:
    if not fault.json:
        return Refusal(error="body_not_json")
    error = "member_missing" if fault.missing else "member_mistyped"
    return Refusal(error=error, member=fault.member)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((headers[each] for each in headers if each.lower() == name.lower()), "")
