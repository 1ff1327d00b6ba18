"""The mock AvatarKit platform: console, ingress, and the accounts behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import (
    BasePath,
    Demo,
    Endpoint,
    Header,
    Limit,
    Query,
    Timeout,
    TokenBody,
)
from avatar_protocols.avatarkit.v0_1_7.errors import CATALOGUE
from mock_servers.accounts import Account, Token
from mock_servers.actions import Vocabulary
from mock_servers.avatarkit.session import AvatarKitSession
from mock_servers.avatarkit.wire import NAMES, AvatarKitCodec
from mock_servers.catalogue import catalogue_reply, points_of
from mock_servers.exchange import json_response
from mock_servers.options import split_options
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.schemas import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avatar_protocols.avatarkit.v2 import message_pb2 as pb
    from avatar_protocols.tables import RevisionInfo
    from mock_servers.connection import Connection
    from mock_servers.exchange import Exchange
    from mock_servers.session import LiveSession
    from protocol_core.http import HttpResponse

__all__ = ["PLATFORM", "AvatarKitOptions", "AvatarKitPlatform"]

_ENDPOINTS: Final = (Endpoint.SESSION_TOKENS, Endpoint.WEBSOCKET)
#: The other customer, whose tokens and app do not go together with the demo account's.
_OTHER_ACCOUNT: Final = "other"


class AvatarKitOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about the platform's behaviour, besides `Platform`'s own arguments.

    Attributes:
        api_key: API key of the demo account.
        app_id: its app.
        avatars: avatars that exist; the first is the one in the demo credentials.
        billing: whether billing lets the demo account start sessions.
        credits: seconds of audio it may have processed; None is unlimited.
        concurrency: sessions it may have at a time; None is unlimited.
        idle_timeout: seconds without audio until a session ends; None is never.
        session_duration: seconds after the handshake until a session ends; None is never.
        egress: whether LiveKit and Agora egress are deployed.
    """

    api_key: str = Demo.API_KEY
    app_id: str = Demo.APP_ID
    avatars: tuple[str, ...] = (Demo.AVATAR_ID,)
    billing: bool = True
    credits: float | None = None
    concurrency: int | None = None
    idle_timeout: float | None = Timeout.INPUT_IDLE
    session_duration: float | None = Timeout.SESSION_DURATION
    egress: bool = True


class AvatarKitPlatform(Platform):
    """A mock AvatarKit platform.

    Args:
        revision: the revision to play.
        **settings: arguments of `Platform` and members of `AvatarKitOptions`.

    Attributes:
        options: how it was set up.
    """

    protocol = "avatarkit"

    def __init__(self, revision: RevisionInfo, **settings: Any) -> None:  # noqa: ANN401 - two sets of options
        self.options, settings = split_options(settings, AvatarKitOptions)
        super().__init__(revision, **settings)
        self.reset_accounts()

    # -- what the framework asks -------------------------------------------------------------------

    def make_codec(self) -> AvatarKitCodec:
        return AvatarKitCodec(SchemaCheck(self.protocol, self.revision))

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            errors={name: points_of(row) for name, row in CATALOGUE.items()},
            messages=NAMES,
            endpoints=[endpoint.name for endpoint in _ENDPOINTS],
        )

    def secret_positions(self) -> SecretPositions:
        return SecretPositions(
            headers=frozenset({Header.API_KEY.lower(), Header.SESSION_KEY.lower()}),
            query=frozenset({Query.SESSION_KEY}),
            members=frozenset(
                {TokenBody.SESSION_TOKEN, "api_key", "api_secret", "api_token", "token"}
            ),
        )

    @property
    def message_bytes(self) -> int:
        return Limit.MESSAGE_BYTES

    @property
    def urls(self) -> dict[str, str]:
        return {
            "console": f"http://{self.mount_address}{BasePath.CONSOLE}",
            "ingress": f"ws://{self.mount_address}{BasePath.INGRESS}",
        }

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "api_key": self.options.api_key,
            "app_id": self.options.app_id,
            "avatar_id": self.options.avatars[0] if self.options.avatars else "",
            "other_app_id": f"{self.options.app_id}-{_OTHER_ACCOUNT}",
        }

    def reset_accounts(self) -> None:
        options = self.options
        self.accounts.clear()
        self.accounts.add(
            Account(
                name="demo",
                api_key=options.api_key,
                apps=(options.app_id,),
                billing=options.billing,
                credits=options.credits,
                concurrency=options.concurrency,
            )
        )
        self.accounts.add(
            Account(
                name=_OTHER_ACCOUNT,
                api_key=f"{options.api_key}-{_OTHER_ACCOUNT}",
                apps=(f"{options.app_id}-{_OTHER_ACCOUNT}",),
            )
        )
        for account in self.accounts:
            self.redactor.register("api_key", account.api_key)

    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        return _ROUTES.get((method, path))

    def answer(self, exchange: Exchange) -> HttpResponse | None:
        """Issue a session token (AVK-AUTH-005)."""
        account = self.accounts.by_key(exchange.headers.get(Header.API_KEY, ""))
        if account is None:
            return self.error_response("api_key_rejected")
        try:
            body = msgspec.json.decode(exchange.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return self.error_response("token_request_invalid")
        expires_at = body.get(TokenBody.EXPIRE_AT)
        # A JSON integer, not a float or a boolean (AVK-AUTH-004).
        if type(expires_at) is not int:
            return self.error_response("token_request_invalid")
        if expires_at <= self.wall():
            return self.error_response("token_expiry_past")
        token = Token(
            value=self.mint.secret("session_token"), account=account, expires_at=expires_at
        )
        self.accounts.issue(token, self.wall())
        return json_response({TokenBody.SESSION_TOKEN: token.value})

    def admit(self, exchange: Exchange) -> HttpResponse | None:
        """Judge an upgrade by the state of the account (section 3, AVK-CONN-009)."""
        refusal = self._refusal(exchange)
        return self.error_response(refusal) if refusal else None

    def start_session(self, exchange: Exchange, connection: Connection) -> LiveSession:
        app_id, value, avatar_id = _credentials(exchange)
        token = self.accounts.token(value)
        # A plan may admit whom the accounts would not.
        account = token.account if token is not None else next(iter(self.accounts))
        session = AvatarKitSession(
            self, connection, account, {"app_id": app_id, "avatar_id": avatar_id}
        )
        account.active.add(session.id)
        return session

    def error_response(self, name: str) -> HttpResponse | None:
        return catalogue_reply(CATALOGUE[name], {})

    # -- decisions ---------------------------------------------------------------------------------

    def judge_configuration(self, config: pb.ClientConfigureSession) -> str:
        """Name of the error that refuses a well-formed configuration; "" accepts it."""
        if config.egress_type and not self.options.egress:
            return "egress_not_configured"
        return ""

    def _refusal(self, exchange: Exchange) -> str:
        app_id, value, avatar_id = _credentials(exchange)
        token = self.accounts.token(value)
        # In this order: who are you, what is yours, what do you ask for, can you pay for it.
        if not value:
            return "session_token_empty"
        if token is None:
            return "session_token_invalid"
        if token.expires_at <= self.wall():
            return "session_token_expired"
        if not self.accounts.knows_app(app_id):
            return "app_id_unrecognized"
        account = token.account
        checks = (
            (app_id not in account.apps, "app_id_mismatch"),
            (avatar_id not in self.options.avatars, "avatar_not_found"),
            (not account.billing, "billing_required"),
            (account.out_of_credits, "no_credits"),
            (account.at_capacity, "concurrency_limit"),
        )
        return next((name for refused, name in checks if refused), "")


def _credentials(exchange: Exchange) -> tuple[str, str, str]:
    """App id, session token and avatar id, of either variant (AVK-AUTH-014)."""
    headers, query = exchange.headers, exchange.query
    avatar_id = query.get(Query.AVATAR_ID, "")
    if Header.SESSION_KEY in headers or Header.APP_ID in headers:
        return headers.get(Header.APP_ID, ""), headers.get(Header.SESSION_KEY, ""), avatar_id
    return query.get(Query.APP_ID, ""), query.get(Query.SESSION_KEY, ""), avatar_id


def _routes() -> Mapping[tuple[str, str], tuple[str, bool]]:
    bases = {"console": BasePath.CONSOLE, "ingress": BasePath.INGRESS}
    return {
        (endpoint.method, f"{bases[endpoint.base]}{endpoint.path}"): (
            endpoint.name,
            endpoint.kind == "websocket",
        )
        for endpoint in _ENDPOINTS
    }


_ROUTES: Final = _routes()


PLATFORM = AvatarKitPlatform
