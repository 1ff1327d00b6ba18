"""The two REST calls, from both ends: requests, answers, and what answers mean.

The agent builds requests and judges answers; the platform reads requests and builds answers. The
names of members, headers and paths come from the revision's generated modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from protocol_core.http import HttpRequest, HttpResponse
from protocol_core.liveavatar.errors import (
    InvalidResponseError,
    StartError,
    TransportError,
    classify,
)
from protocol_core.loose import loosen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocol_core.liveavatar.config import ClientConfig, ClientSettings
    from protocol_core.liveavatar.revision import Revision

__all__ = [
    "Caller",
    "FrontendAccess",
    "StartOrder",
    "StartResult",
    "StopOrder",
    "parse_start_request",
    "parse_start_response",
    "parse_stop_request",
    "parse_stop_response",
    "start_request",
    "start_response",
    "stop_request",
    "stop_response",
    "unanswered",
]


class FrontendAccess(msgspec.Struct, frozen=True, kw_only=True):
    """All that the user's frontend may get (LAC-AUTH-009).

    Attributes:
        user_token: token of the media room.
        sfu_url: address of the media server.
    """

    user_token: str
    sfu_url: str


class StartResult(msgspec.Struct, frozen=True, kw_only=True):
    """A started session.

    Attributes:
        session_id: its id.
        sfu_url: media server, for the frontend.
        user_token: room token, for the frontend.
        agent_ws_url: where the agent dials, unchanged; a secret of the backend.
        agent_token: only in a mode that this protocol does not cover.
    """

    session_id: str
    sfu_url: str
    user_token: str
    agent_ws_url: str
    agent_token: str | None = None

    @property
    def frontend(self) -> FrontendAccess:
        """The part that may leave the backend."""
        return FrontendAccess(user_token=self.user_token, sfu_url=self.sfu_url)

    def __repr__(self) -> str:
        return f"StartResult(session_id={self.session_id!r}, sfu_url={self.sfu_url!r})"


# --- the agent's end ---------------------------------------------------------------------------


def start_request(
    revision: Revision, config: ClientConfig, settings: ClientSettings
) -> HttpRequest:
    """The request that starts a session (LAC-AUTH-001, LAC-AUTH-002, LAC-AUTH-003)."""
    voice = {} if config.voice_id is None else {"voice_id": config.voice_id}
    body = revision.rest.SessionStartRequest(avatar_id=config.avatar_id, **voice)
    return _post(revision, revision.constants.Endpoint.SESSION_START, body, config, settings)


def stop_request(
    revision: Revision, config: ClientConfig, settings: ClientSettings, session_id: str
) -> HttpRequest:
    """The request that ends a session (LAC-CLOSE-002)."""
    body = revision.rest.SessionStopRequest(session_id=session_id)
    return _post(revision, revision.constants.Endpoint.SESSION_STOP, body, config, settings)


def parse_start_response(revision: Revision, response: HttpResponse) -> StartResult:
    """What the answer to a start says.

    Raises:
        TransportError: the status is not 2xx (LAC-AUTH-007).
        StartError: the platform refused (LAC-AUTH-008).
        InvalidResponseError: no agentWsUrl (LAC-AUTH-006), or not an answer at all.
    """
    phase = revision.errors.Phase.SESSION_START
    data = _unwrap(revision, response, phase)
    members: Any = None
    if isinstance(data, dict):
        members = msgspec.convert(data, loosen(revision.rest.SessionStartData))
    required = ("session_id", "sfu_url", "user_token")
    missing = [name for name in required if not _text(getattr(members, name, None))]
    if missing:
        problem = f"the answer has no usable {', '.join(missing)}"
        number = revision.constants.ResultCode.SUCCESS
        raise _invalid(revision, response, phase, problem, number=number)
    if not _text(members.agent_ws_url):
        raise InvalidResponseError(
            "the session was started without an agentWsUrl",
            code=revision.errors.ErrorCode.AGENT_WS_URL_MISSING,
            phase=phase,
            http_status=response.status,
            server_code=revision.constants.ResultCode.SUCCESS,
            raw_body=response.text,
            requirement="LAC-AUTH-006",
        )
    return StartResult(
        session_id=members.session_id,
        sfu_url=members.sfu_url,
        user_token=members.user_token,
        agent_ws_url=members.agent_ws_url,
        agent_token=members.agent_token if _text(members.agent_token) else None,
    )


def parse_stop_response(revision: Revision, response: HttpResponse) -> None:
    """Check the answer to a stop. A failure is for the log only (LAC-CLOSE-002).

    Raises:
        TransportError: the status is not 2xx.
        StartError: the platform refused.
        InvalidResponseError: not an answer at all.
    """
    _unwrap(revision, response, revision.errors.Phase.SESSION_STOP)


def unanswered(
    revision: Revision, reason: str, *, phase: str, timed_out: bool = False
) -> TransportError:
    """The error for a REST call that got no answer."""
    return TransportError(
        reason,
        code=revision.errors.ErrorCode.HTTP_ERROR,
        phase=phase,
        kind="timeout" if timed_out else "transport",
        requirement="LAC-AUTH-007",
    )


def _post(
    revision: Revision,
    endpoint: Any,
    body: msgspec.Struct,
    config: ClientConfig,
    settings: ClientSettings,
) -> HttpRequest:
    header, value = revision.constants.Header, revision.constants.HeaderValue
    headers = {
        header.AUTHORIZATION: f"{value.BEARER_PREFIX}{config.api_key}",
        header.CONTENT_TYPE: value.JSON,
    }
    if settings.sandbox:
        headers[header.SANDBOX] = value.SANDBOX
    return HttpRequest(
        method=endpoint.method,
        url=f"{settings.base_url}{endpoint.path}",
        headers=headers,
        body=msgspec.json.encode(body),
    )


def _unwrap(revision: Revision, response: HttpResponse, phase: str) -> object:
    """The data of a successful envelope."""
    codes, results = revision.errors.ErrorCode, revision.constants.ResultCode
    if not 200 <= response.status < 300:  # noqa: PLR2004 - the class of success, RFC 9110
        raise TransportError(
            f"the platform answered with HTTP {response.status}",
            code=codes.HTTP_ERROR,
            phase=phase,
            kind="transport",
            http_status=response.status,
            raw_body=response.text,
            requirement="LAC-AUTH-007",
        )
    try:
        document = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _invalid(revision, response, phase, f"the answer is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _invalid(revision, response, phase, "the answer is not a JSON object")
    envelope: Any = msgspec.convert(document, loosen(revision.rest.SessionStartResponse))
    code = envelope.code
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    if isinstance(code, bool) or not isinstance(code, int):  # LAC-AUTH-004: a JSON number
        code = results.MISSING
    if code == results.SUCCESS:
        return envelope.data
    name = classify(revision, code, phase=phase)
    message = envelope.message
    raise StartError(
        message if isinstance(message, str) else revision.constants.ResultText.MISSING,
        code=name,
        phase=phase,
        retry=revision.errors.CODES[name].retry,
        http_status=response.status,
        server_code=code,
        raw_body=response.text,
        requirement="LAC-AUTH-008",
    )


def _invalid(
    revision: Revision,
    response: HttpResponse,
    phase: str,
    problem: str,
    *,
    number: int | None = None,
) -> InvalidResponseError:
    return InvalidResponseError(
        problem,
        code=revision.errors.ErrorCode.INVALID_RESPONSE,
        phase=phase,
        http_status=response.status,
        server_code=number,
        raw_body=response.text,
        requirement="LAC-AUTH-004",
    )


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


# --- the platform's end ------------------------------------------------------------------------


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and where to.

    Attributes:
        api_key: the bearer token; None if the header is missing or has another form.
        sandbox: whether the call is for the sandbox (LAC-AUTH-003).
    """

    api_key: str | None
    sandbox: bool


class StartOrder(Caller, frozen=True, kw_only=True):
    """A request to start a session, as the platform reads it.

    Attributes:
        avatar_id: the avatar.
        voice_id: overrides the avatar's voice; None if not given.
    """

    avatar_id: str
    voice_id: str | None = None


class StopOrder(Caller, frozen=True, kw_only=True):
    """A request to end a session, as the platform reads it.

    Attributes:
        session_id: the session.
    """

    session_id: str


def parse_start_request(revision: Revision, request: HttpRequest) -> StartOrder:
    """Read a start; unknown members are ignored (LAC-MSG-007).

    Raises:
        ValueError: the body is not what the schema asks for; the text says how.
    """
    body = _body(request, revision.rest.SessionStartRequest)
    voice = body.voice_id if isinstance(body.voice_id, str) else None
    caller = _caller(revision, request.headers)
    return StartOrder(
        api_key=caller.api_key,
        sandbox=caller.sandbox,
        avatar_id=body.avatar_id,
        voice_id=voice,
    )


def parse_stop_request(revision: Revision, request: HttpRequest) -> StopOrder:
    """Read a stop.

    Raises:
        ValueError: the body is not what the schema asks for; the text says how.
    """
    body = _body(request, revision.rest.SessionStopRequest)
    caller = _caller(revision, request.headers)
    return StopOrder(api_key=caller.api_key, sandbox=caller.sandbox, session_id=body.session_id)


def start_response(revision: Revision, result: StartResult) -> HttpResponse:
    """The answer to a start that succeeded (LAC-AUTH-005)."""
    token = {} if result.agent_token is None else {"agent_token": result.agent_token}
    data = revision.rest.SessionStartData(
        session_id=result.session_id,
        sfu_url=result.sfu_url,
        user_token=result.user_token,
        agent_ws_url=result.agent_ws_url,
        **token,
    )
    return _answer(revision, revision.rest.SessionStartResponse, {"data": data})


def stop_response(revision: Revision) -> HttpResponse:
    """The answer to a stop that succeeded (OP-2)."""
    return _answer(revision, revision.rest.SessionStopResponse, {})


def _answer(revision: Revision, kind: Any, members: dict[str, Any]) -> HttpResponse:
    constants = revision.constants
    envelope = kind(
        code=constants.ResultCode.SUCCESS, message=constants.ResultText.SUCCESS, **members
    )
    return HttpResponse(
        status=200,
        headers={constants.Header.CONTENT_TYPE: constants.HeaderValue.JSON},
        body=msgspec.json.encode(envelope),
    )


def _body(request: HttpRequest, kind: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        _reject(str(error))


def _reject(problem: str) -> NoReturn:
    raise ValueError(problem)


def _caller(revision: Revision, headers: Mapping[str, str]) -> Caller:
    header, value = revision.constants.Header, revision.constants.HeaderValue
    fields = {name.lower(): content for name, content in headers.items()}
    bearer = fields.get(header.AUTHORIZATION.lower(), "")
    prefix = value.BEARER_PREFIX
    known = bearer.lower().startswith(prefix.lower()) and len(bearer) > len(prefix)
    return Caller(
        api_key=bearer[len(prefix) :].strip() if known else None,
        sandbox=fields.get(header.SANDBOX.lower(), "").strip().lower() == value.SANDBOX,
    )
