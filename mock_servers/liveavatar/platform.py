"""The mock Live Avatar platform: dispatcher, session coordinator, and the accounts behind them."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import msgspec

from mock_servers.accounts import Account
from mock_servers.actions import Vocabulary
from mock_servers.catalogue import catalogue_reply, points_of
from mock_servers.liveavatar.actions import ACTIONS
from mock_servers.liveavatar.agents import AgentSession
from mock_servers.liveavatar.session import LiveAvatarSession
from mock_servers.liveavatar.wire import LiveAvatarCodec
from mock_servers.options import split_options
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.schemas import SchemaCheck
from protocol_core.http import HttpRequest
from protocol_core.liveavatar import rest
from protocol_core.liveavatar.revision import load
from protocol_core.liveavatar.server import ServerConfig, ServerSession

if TYPE_CHECKING:
    from avatar_protocols.tables import RevisionInfo
    from mock_servers.connection import Connection
    from mock_servers.exchange import Exchange
    from mock_servers.session import LiveSession
    from protocol_core.http import HttpResponse

__all__ = ["PLATFORM", "LiveAvatarOptions", "LiveAvatarPlatform"]

#: The other customer, whose sessions are out of the demo account's reach.
_OTHER_ACCOUNT: Final = "other"
#: Path below the mount point where agents dial in; the session's id follows.
_AGENT_PATH: Final = "/agent/"
_SECRET_PARAMETER: Final = "key"  # noqa: S105 - the parameter's name


class LiveAvatarOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about the platform's behaviour, besides `Platform`'s own arguments.

    Attributes:
        api_key: API key of the demo account.
        avatars: avatars that exist; the first is the one in the demo credentials.
        asr: who owns speech recognition; None for the documents' default.
        quota: sessions that the demo account may still start; None is unlimited.
        concurrency: sessions it may have at a time; None is unlimited.
        orchestrators: sessions that can be orchestrated at a time; None is unlimited.
        renderers: sessions that can be rendered at a time; None is unlimited.
        idle_after: seconds of inactivity before each idle trigger; None for no triggers.
        session_duration: seconds from the first socket to the planned end; None is never.
        closing_notice: seconds between the announcement of the end and the close.
        unattended: seconds without a socket after which a session is over.
        scene_ready_after: seconds between session.ready and scene.ready; None sends none.
        render_latency: seconds between the first content and the first rendered audio.
        characters_per_second: speed of the platform's synthesis.
        user_id: who the user is.
    """

    api_key: str = "demo-api-key"
    avatars: tuple[str, ...] = ("demo-avatar",)
    asr: Literal["developer", "platform"] | None = None
    quota: int | None = None
    concurrency: int | None = None
    orchestrators: int | None = None
    renderers: int | None = None
    idle_after: float | None = 120.0
    session_duration: float | None = 3600.0
    closing_notice: float = 1.0
    unattended: float = 60.0
    scene_ready_after: float | None = 0.1
    render_latency: float = 0.2
    characters_per_second: float = 15.0
    user_id: str = "demo-user"


class LiveAvatarPlatform(Platform):
    """A mock Live Avatar platform.

    Args:
        revision: the revision to play.
        **settings: arguments of `Platform` and members of `LiveAvatarOptions`.

    Attributes:
        options: how it was set up.
        modules: the revision's generated modules.
        agents: the sessions that REST has started, by id.
    """

    protocol: ClassVar[str] = "liveavatar"

    def __init__(self, revision: RevisionInfo, **settings: Any) -> None:  # noqa: ANN401 - two sets of options
        self.options, settings = split_options(settings, LiveAvatarOptions)
        self.modules = load(revision.id)
        self.agents: dict[str, AgentSession] = {}
        endpoint = self.modules.constants.Endpoint
        self._base: str = self.modules.constants.Base.DISPATCHER_PATH
        self._endpoints = (endpoint.SESSION_START, endpoint.SESSION_STOP, endpoint.AGENT_WEBSOCKET)
        self._socket_endpoint: str = endpoint.AGENT_WEBSOCKET.name
        self._calls = {
            endpoint.SESSION_START.name: self._start,
            endpoint.SESSION_STOP.name: self._stop,
        }
        self._routes = {
            (call.method, f"{self._base}{call.path}"): (call.name, False)
            for call in self._endpoints
            if call.kind == "http"
        }
        super().__init__(revision, **settings)
        self.reset_accounts()

    # -- what the framework asks -------------------------------------------------------------------

    def make_codec(self) -> LiveAvatarCodec:
        return LiveAvatarCodec(self.modules, SchemaCheck(self.protocol, self.revision))

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            actions=ACTIONS,
            errors={name: points_of(row) for name, row in self.modules.errors.CATALOGUE.items()},
            endpoints=[endpoint.name for endpoint in self._endpoints],
        )

    def secret_positions(self) -> SecretPositions:
        return SecretPositions(
            headers=frozenset({self.modules.constants.Header.AUTHORIZATION.lower()}),
            query=frozenset({_SECRET_PARAMETER}),
            members=frozenset({"userToken", "agentToken", "agentWsUrl"}),
        )

    @property
    def message_bytes(self) -> int:
        size: int = self.modules.constants.Limit.MESSAGE_BYTES
        return size

    @property
    def urls(self) -> dict[str, str]:
        return {"base": f"http://{self.mount_address}{self._base}"}

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "api_key": self.options.api_key,
            "avatar_id": self.options.avatars[0] if self.options.avatars else "",
            "other_api_key": f"{self.options.api_key}-{_OTHER_ACCOUNT}",
        }

    def reset_accounts(self) -> None:
        options = self.options
        for agent in tuple(self.agents.values()):
            self.finish(agent)
        self.agents.clear()
        self.accounts.clear()
        self.accounts.add(
            Account(
                name="demo",
                api_key=options.api_key,
                quota=options.quota,
                concurrency=options.concurrency,
            )
        )
        self.accounts.add(
            Account(name=_OTHER_ACCOUNT, api_key=f"{options.api_key}-{_OTHER_ACCOUNT}")
        )
        for account in self.accounts:
            self.redactor.register("api_key", account.api_key)

    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        if path.startswith(_AGENT_PATH):
            return self._socket_endpoint, True
        return self._routes.get((method, path))

    def answer(self, exchange: Exchange) -> HttpResponse | None:
        request = HttpRequest(
            method=exchange.method,
            url=exchange.target,
            headers=dict(exchange.headers),
            body=exchange.body,
        )
        return self._calls[exchange.endpoint](request)

    def admit(self, exchange: Exchange) -> HttpResponse | None:
        """Judge an upgrade by its URL alone (LAC-CONN-002)."""
        agent = self._agent_of(exchange)
        given = exchange.query.get(_SECRET_PARAMETER, "")
        if agent is None:
            return self.error_response("upgrade_not_found")
        if not hmac.compare_digest(given.encode(), agent.secret.encode()):
            return self.error_response("upgrade_unauthorized")
        if agent.ended:
            return self.error_response("upgrade_forbidden")
        return None

    def start_session(self, exchange: Exchange, connection: Connection) -> LiveSession:
        agent = self._agent_of(exchange)
        if agent is None or agent.ended:
            # A plan has admitted whom the platform does not know.
            agent = self.new_session(next(iter(self.accounts)), self.credentials["avatar_id"])
        return LiveAvatarSession(self, connection, agent)

    def error_response(self, name: str) -> HttpResponse | None:
        row = self.modules.errors.CATALOGUE[name]
        if row.http is None or row.http.json is None or "$" not in str(row.http.json):
            return catalogue_reply(row, {})
        # The row describes a reply that starts a session and is faulty all the same.
        account = next(iter(self.accounts))
        agent = self.new_session(account, self.credentials["avatar_id"])
        result = self._result(agent)
        return catalogue_reply(row, {name: getattr(result, name) for name in _RESULT_MEMBERS})

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "asr": "developer" if self._developer_asr else "platform"}

    # -- REST --------------------------------------------------------------------------------------

    def _start(self, request: HttpRequest) -> HttpResponse | None:
        """Start a session (LAC-AUTH-004, LAC-AUTH-005)."""
        try:
            order = rest.parse_start_request(self.modules, request)
        except ValueError:
            return self.error_response("http_bad_request")
        account = self.accounts.by_key(order.api_key or "")
        if account is None:
            return self.error_response("principal_unidentified")
        running = sum(not agent.ended for agent in self.agents.values())
        checks = (
            (order.avatar_id not in self.options.avatars, "session_start_failed"),
            (account.at_capacity, "concurrency_limit_exceeded"),
            (account.out_of_quota, "quota_exhausted"),
            (_full(self.options.orchestrators, running), "no_orchestration_pod"),
            (_full(self.options.renderers, running), "no_renderer_pod"),
        )
        refusal = next((name for refused, name in checks if refused), "")
        if refusal:
            return self.error_response(refusal)
        if account.quota is not None:
            account.quota -= 1
        agent = self.new_session(account, order.avatar_id, sandbox=order.sandbox)
        return rest.start_response(self.modules, self._result(agent))

    def _stop(self, request: HttpRequest) -> HttpResponse | None:
        """End a session; again is fine (LAC-CLOSE-003)."""
        try:
            order = rest.parse_stop_request(self.modules, request)
        except ValueError:
            return self.error_response("http_bad_request")
        account = self.accounts.by_key(order.api_key or "")
        if account is None:
            return self.error_response("principal_unidentified")
        agent = self.agents.get(order.session_id)
        # Of a session that is not the caller's own, not even the existence is admitted.
        if agent is None or agent.account is not account:
            return self.error_response("session_access_denied")
        self.finish(agent)
        return rest.stop_response(self.modules)

    # -- sessions ----------------------------------------------------------------------------------

    def new_session(
        self, account: Account, avatar_id: str, *, sandbox: bool = False
    ) -> AgentSession:
        """Start a session; it waits for its agent from now on."""
        identity = self.mint.identifier("session")
        options = self.options
        config = ServerConfig(
            session_id=identity,
            user_id=options.user_id,
            developer_asr=self._developer_asr,
            idle_after=options.idle_after,
            time_limit=options.session_duration,
            closing_notice=options.closing_notice,
            epoch=self.wall() - self.now(),
            jitter_patience=None if self.pace else 0.0,
        )
        core = ServerSession(config, revision=self.modules, now=self.now())
        agent = AgentSession(
            id=identity,
            secret=self.mint.secret("agent_secret"),
            account=account,
            avatar_id=avatar_id,
            sandbox=sandbox,
            core=core,
        )
        self._forget_old_sessions()
        self.agents[identity] = agent
        account.active.add(identity)
        self.await_agent(agent)
        return agent

    def await_agent(self, agent: AgentSession) -> None:
        """The session has no socket; without one it will be over after a while."""
        if agent.ended:
            return
        due = self.now() + self.options.unattended
        agent.expiry = self.clock.call_at(due, lambda: self.finish(agent))

    def finish(self, agent: AgentSession) -> None:
        """The session is over: its URL is refused, its place is free, its socket closes."""
        if agent.ended:
            return
        agent.ended = True
        agent.account.active.discard(agent.id)
        if agent.expiry is not None:
            agent.expiry.cancel()
            agent.expiry = None
        agent.core.end()
        if agent.socket is not None:
            over = agent.core.close_to_send()
            code, reason = over or (self.modules.constants.CloseCode.NORMAL, "")
            agent.socket.connection.close(code, reason)

    @property
    def _developer_asr(self) -> bool:
        if self.options.asr is None:
            default: bool = self.modules.constants.Default.DEVELOPER_ASR
            return default
        return self.options.asr == "developer"

    def _agent_of(self, exchange: Exchange) -> AgentSession | None:
        return self.agents.get(exchange.path.removeprefix(_AGENT_PATH))

    def _result(self, agent: AgentSession) -> rest.StartResult:
        socket_url = f"ws://{self.mount_address}{_AGENT_PATH}{agent.id}"
        return rest.StartResult(
            session_id=agent.id,
            sfu_url=f"wss://{self.mount_address}/sfu",
            user_token=self.mint.secret("user_token"),
            agent_ws_url=f"{socket_url}?{_SECRET_PARAMETER}={agent.secret}",
        )

    def _forget_old_sessions(self) -> None:
        """Ended sessions are remembered, so that their URLs are refused as such; not for ever."""
        surplus = len(self.agents) - self.limits.connections
        if surplus > 0:
            over = [name for name, agent in self.agents.items() if agent.ended]
            for name in over[:surplus]:
                del self.agents[name]


_RESULT_MEMBERS: Final = ("session_id", "sfu_url", "user_token", "agent_ws_url")


def _full(capacity: int | None, running: int) -> bool:
    return capacity is not None and running >= capacity


PLATFORM = LiveAvatarPlatform
