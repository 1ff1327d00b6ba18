"""The two HTTP calls: the session token, and the WebSocket upgrade (sections 2 and 3).

The client's half builds requests and reads answers; the server's half reads those requests and
builds the answers, for mock platforms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import (
    PROTOCOL,
    Endpoint,
    Header,
    MediaType,
    Query,
    Text,
    TokenBody,
)
from protocol_core.avatarkit.bodies import parse_object, read_details
from protocol_core.avatarkit.errors import (
    AvatarKitError,
    ErrorCode,
    Phase,
    SessionTokenError,
    rejection,
)
from protocol_core.errors import RemoteProtocolError
from protocol_core.http import HttpRequest, HttpResponse, UpgradeRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.tables import HttpReply
    from protocol_core.avatarkit.config import SessionConfig

__all__ = [
    "TokenRequest",
    "UpgradeCredentials",
    "error_response",
    "read_token_request",
    "read_token_response",
    "read_upgrade",
    "token_request",
    "token_response",
    "upgrade_rejection",
    "upgrade_request",
]

OK = 200


# -- client ----------------------------------------------------------------------------------------


def token_request(config: SessionConfig) -> HttpRequest:
    """The call that obtains a session token (AVK-AUTH-002 to -004).

    Raises:
        ConfigurationError: API key, console base or expiry is missing (AVK-AUTH-012).
    """
    config.require("api_key", "console_url", "expire_at", requirement="AVK-AUTH-012")
    endpoint = Endpoint.SESSION_TOKENS
    return HttpRequest(
        method=endpoint.method,
        url=config.console_url.rstrip("/") + endpoint.path,
        headers={Header.API_KEY: config.api_key, Header.CONTENT_TYPE: MediaType.JSON},
        body=json.dumps({TokenBody.EXPIRE_AT: config.expire_at_seconds}).encode(),
    )


def read_token_response(response: HttpResponse) -> str:
    """The session token.

    Raises:
        SessionTokenError: the call failed (AVK-AUTH-006 to -009).
    """
    text = response.text
    if response.status != OK:
        raise _refused_token(text, response.status)
    document = parse_object(text)
    if document is None:
        raise _unusable_token("the answer is no JSON object", text)  # AVK-AUTH-008
    if document.get(TokenBody.ERRORS):
        status = read_details(text, plain=False).status_number
        raise _refused_token(text, OK if status is None else status)  # AVK-AUTH-007
    token = document.get(TokenBody.SESSION_TOKEN)
    if not isinstance(token, str) or not token:
        raise _unusable_token("the answer has no session token", text)  # AVK-AUTH-009
    return token


def token_call_failed(reason: str) -> SessionTokenError:
    """The error of a token call without an answer (AVK-AUTH-010)."""
    return SessionTokenError(
        ErrorCode.CONNECTION_FAILED,
        f"{Text.TOKEN_FAILED}: {reason}",
        phase=Phase.SESSION_TOKEN,
    )


def upgrade_request(config: SessionConfig, token: str) -> UpgradeRequest:
    """The WebSocket upgrade, with the credentials in one of the two places (section 3).

    Raises:
        ConfigurationError: a setting is missing or cannot work (AVK-CONN-012, AVK-CONN-002).
    """
    config.require("ingress_url", "avatar_id", "app_id", requirement="AVK-CONN-012")
    scheme = config.socket_scheme()
    query = {Query.AVATAR_ID: config.avatar_id}
    headers: dict[str, str] = {}
    if config.query_auth:
        query |= {Query.APP_ID: config.app_id, Query.SESSION_KEY: token}  # AVK-CONN-006
    else:
        headers = {Header.APP_ID: config.app_id, Header.SESSION_KEY: token}  # AVK-CONN-005
    base = urlsplit(config.ingress_url)._replace(scheme=scheme).geturl().rstrip("/")
    url = f"{base}{Endpoint.WEBSOCKET.path}?{urlencode(query)}"
    return UpgradeRequest(url=url, headers=headers)


def upgrade_rejection(response: HttpResponse) -> AvatarKitError:
    """The error of a refused upgrade (AVK-CONN-010)."""
    return rejection(
        AvatarKitError,
        Text.UPGRADE_REJECTED,
        Phase.WEBSOCKET_CONNECT,
        read_details(response.text, plain=True),
        http_status=response.status,
        raw_body=response.text,
    )


def connect_failed(reason: str) -> AvatarKitError:
    """The error of an upgrade without an HTTP answer (AVK-CONN-011)."""
    return AvatarKitError(
        ErrorCode.CONNECTION_FAILED,
        f"WebSocket connection failed: {reason}",
        phase=Phase.WEBSOCKET_CONNECT,
    )


def _refused_token(text: str, status: int) -> AvatarKitError:
    return rejection(
        SessionTokenError,
        Text.TOKEN_FAILED,
        Phase.SESSION_TOKEN,
        read_details(text, plain=False),
        http_status=status,
        raw_body=text,
    )


def _unusable_token(reason: str, text: str) -> SessionTokenError:
    return SessionTokenError(
        ErrorCode.PROTOCOL_ERROR,
        f"{Text.TOKEN_FAILED}: {reason}",
        phase=Phase.SESSION_TOKEN,
        raw_body=text,
    )


# -- server ----------------------------------------------------------------------------------------


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A client's token call.

    Attributes:
        api_key: the API key; "" if none was sent.
        expire_at: wanted expiry, Unix seconds.
    """

    api_key: str
    expire_at: int


class UpgradeCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """What an upgrade says about its client; what is missing is "".

    Attributes:
        avatar_id: avatar id.
        app_id: app id.
        session_token: session token.
        query_auth: whether the credentials came in the query (AVK-AUTH-014).
    """

    avatar_id: str
    app_id: str
    session_token: str
    query_auth: bool


def read_token_request(request: HttpRequest) -> TokenRequest:
    """Read a token call.

    Raises:
        RemoteProtocolError: the body is not ``{"expireAt": <integer>}`` (AVK-AUTH-004).
    """
    document = parse_object(request.body.decode("utf-8", errors="replace")) or {}
    expire_at = document.get(TokenBody.EXPIRE_AT)
    if not isinstance(expire_at, int) or isinstance(expire_at, bool):
        raise RemoteProtocolError(
            "the body has no integer expireAt",
            protocol=PROTOCOL,
            requirement="AVK-AUTH-004",
            value=request.body,
        )
    return TokenRequest(api_key=_header(request.headers, Header.API_KEY), expire_at=expire_at)


def token_response(token: str) -> HttpResponse:
    """The answer that grants a token (AVK-AUTH-005)."""
    return _json_response(OK, {TokenBody.SESSION_TOKEN: token})


def error_response(reply: HttpReply) -> HttpResponse:
    """The answer of a catalogued error."""
    if reply.json is not None:
        response = _json_response(reply.status, reply.json)
        return msgspec.structs.replace(response, headers=response.headers | reply.headers)
    body = (reply.text or "").encode()
    return HttpResponse(status=reply.status, headers=dict(reply.headers), body=body)


def read_upgrade(request: UpgradeRequest) -> UpgradeCredentials:
    """Read an upgrade; credentials in headers win over those in the query."""
    query = parse_qs(urlsplit(request.url).query)

    def from_query(name: str) -> str:
        return query.get(name, [""])[0]

    app_id = _header(request.headers, Header.APP_ID)
    token = _header(request.headers, Header.SESSION_KEY)
    query_auth = not (app_id or token)
    return UpgradeCredentials(
        avatar_id=from_query(Query.AVATAR_ID),
        app_id=from_query(Query.APP_ID) if query_auth else app_id,
        session_token=from_query(Query.SESSION_KEY) if query_auth else token,
        query_auth=query_auth,
    )


def _header(headers: Mapping[str, str], wanted: str) -> str:
    matches = (value for name, value in headers.items() if name.lower() == wanted.lower())
    return next(matches, "")


def _json_response(status: int, document: object) -> HttpResponse:
    headers = {Header.CONTENT_TYPE: MediaType.JSON}
    return HttpResponse(status=status, headers=headers, body=json.dumps(document).encode())
