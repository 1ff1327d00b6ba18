"""The mock Akool platform: discovery, streaming avatar instances, and the accounts behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import msgspec

from avatar_protocols.akool.v0_1_8.constants import Demo, Timeout
from mock_servers.accounts import Account
from mock_servers.actions import SESSION_POINTS, ActionSpec, Vocabulary
from mock_servers.akool.instances import Instance, InstanceOptions, make_instances
from mock_servers.akool.session import AkoolSession
from mock_servers.akool.wire import AkoolCodec
from mock_servers.catalogue import catalogue_reply, points_of
from mock_servers.exchange import json_response
from mock_servers.options import split_options
from mock_servers.platform import Platform
from mock_servers.redaction import SecretPositions
from mock_servers.schemas import SchemaCheck
from protocol_core.akool.revision import load

if TYPE_CHECKING:
    from avatar_protocols.tables import RevisionInfo
    from mock_servers.channel import Channel
    from mock_servers.exchange import Exchange
    from mock_servers.session import LiveSession
    from protocol_core.http import HttpResponse

__all__ = ["PLATFORM", "AkoolOptions", "AkoolPlatform"]

#: Each takes a port of its own.
_MOST_INSTANCES: Final = 1000

Instances = (
    Annotated[int, msgspec.Meta(ge=0, le=_MOST_INSTANCES)]
    | Annotated[tuple[InstanceOptions, ...], msgspec.Meta(max_length=_MOST_INSTANCES)]
)
Seconds = Annotated[float, msgspec.Meta(ge=0)]
SomeSeconds = Annotated[float, msgspec.Meta(gt=0)]
ErrorNumber = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

_KEY_REFUSALS: Final = {"401": "upgrade_unauthorized", "403": "upgrade_forbidden"}


class AkoolOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set about the platform's behaviour, besides `Platform`'s own arguments.

    Attributes:
        api_key: API key of the demo account.
        avatar_id: avatar in the demo credentials; the instances have it unless they say otherwise.
        instances: instances of the test group: how many, or one by one. Each has a port of its
            own.
        production_instances: likewise, of the production group.
        extra_members: members that no document names, added to the body of discovery, to its data
            and to each of its entries; clients pass over them (AKO-DISC-013).
        discovery_refusal: how discovery refuses a key: by ``status`` (401) or by ``code`` (200 with
            4001; v2 only).
        key_refusal: how an instance refuses a key: on the open ``socket`` (error frame and close
            4001), or at the upgrade by HTTP ``401`` or ``403`` (v2 only).
        reconnect_guard: seconds after a session in which its instance refuses the next one as too
            soon (4004); None for no guard.
        silence: seconds without a frame of the client until its connection is closed; None for
            never.
        error_number: ``error_code`` of the answers to illegal frames; None as catalogued (4000).
        acks: whether commands and events are acknowledged.
        ack_status: status of the acks; None for success.
        pongs: whether pings are answered.
        joins: whether the Agora channel is ever joined.
        join_delay: seconds that joining takes.
        join_fails: whether joining fails, with an error frame.
        agora_first: whether ``agora_connected`` comes before the ack (AKO-PARAM-011).
        token_lifetime: seconds after the join until the Agora token has expired; None for never.
        render_latency: seconds between the first audio and the first sound.
        leave_close: seconds after the leave event until the instance closes by itself; None leaves
            that to the client.
    """

    api_key: str = Demo.API_KEY
    avatar_id: str = Demo.AVATAR_ID
    instances: Instances = 3
    production_instances: Instances = 1
    extra_members: dict[str, Any] = {}
    discovery_refusal: Literal["status", "code"] = "status"
    key_refusal: Literal["socket", "401", "403"] = "socket"
    reconnect_guard: Seconds | None = None
    silence: SomeSeconds | None = Timeout.SILENCE
    error_number: ErrorNumber | None = None
    acks: bool = True
    ack_status: str | None = None
    pongs: bool = True
    joins: bool = True
    join_delay: Seconds = 0.0
    join_fails: bool = False
    agora_first: bool = False
    token_lifetime: Seconds | None = None
    render_latency: Seconds = 0.2
    leave_close: Seconds | None = None


class AkoolPlatform(Platform):
    """A mock Akool platform.

    Discovery answers at the shared address, and so does the first instance; each further instance
    has an address of its own. Clients keep nothing but host and port of what they are configured
    with (AKO-DISC-001, AKO-CONN-014), so the platform answers at the root of all of them.

    It tells (`Platform.listen`) and journals what no message shows: ``agora_joined`` and
    ``agora_left`` with the ``channel_id``; ``speaking``; ``silent`` with the ``seconds`` that were
    heard; ``dropped`` with the ``seconds`` that an interrupt threw away.

    Args:
        revision: the revision to play; 0.1.8-documented is the documented dialect.
        **settings: arguments of `Platform` and members of `AkoolOptions`.

    Attributes:
        options: how it was set up.
        modules: the revision's generated modules.
        instances: every instance, in the order of `addresses`.
    """

    protocol: ClassVar[str] = "akool"

    def __init__(self, revision: RevisionInfo, **settings: Any) -> None:  # noqa: ANN401 - two sets of options
        self.options, settings = split_options(settings, AkoolOptions)
        self.modules = load(revision.id)
        endpoint = self.modules.constants.Endpoint
        self._endpoints = (endpoint.SERVICE_STATUS, endpoint.WEBSOCKET)
        self._routes = {
            (call.method, call.path): (call.name, call.kind == "websocket")
            for call in self._endpoints
        }
        self.instances = self._make_instances()
        self.root_paths = frozenset(call.path for call in self._endpoints)
        self.extra_ports = max(len(self.instances) - 1, 0)
        super().__init__(revision, **settings)
        self.reset_accounts()

    # -- what the framework asks -------------------------------------------------------------------

    def make_codec(self) -> AkoolCodec:
        schemas = SchemaCheck(self.protocol, self.modules.id)
        return AkoolCodec(self.modules, schemas, lambda: self.mint.identifier("mock"))

    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            actions={"expire_token": ActionSpec(Literal[True], SESSION_POINTS)},
            errors={name: points_of(row) for name, row in self.modules.errors.CATALOGUE.items()},
            endpoints=[endpoint.name for endpoint in self._endpoints],
        )

    def secret_positions(self) -> SecretPositions:
        header = self.modules.constants.Header.API_KEY
        return SecretPositions(
            headers=frozenset({header.lower()}),
            query=frozenset({header, "token"}),
            members=frozenset({header, "token", "rtcToken"}),
        )

    @property
    def message_bytes(self) -> int:
        size: int = self.modules.constants.Limit.MESSAGE_BYTES
        return size

    @property
    def urls(self) -> dict[str, str]:
        address = f"http://{self.addresses[0]}"
        return {"discovery": address, "instance": address}

    @property
    def credentials(self) -> dict[str, str]:
        demo = self.modules.constants.Demo
        return {
            "api_key": self.options.api_key,
            "avatar_id": self.options.avatar_id,
            "app_id": demo.APP_ID,
            "channel": demo.CHANNEL,
            "token": demo.TOKEN,
            "uid": demo.UID,
        }

    def reset_accounts(self) -> None:
        self.instances = self._make_instances()
        self.accounts.clear()
        account = self.accounts.add(Account(name="demo", api_key=self.options.api_key))
        self.redactor.register("api_key", account.api_key)
        self.redactor.register("rtc_token", self.modules.constants.Demo.TOKEN)

    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        return self._routes.get((method, path))

    def answer(self, exchange: Exchange) -> HttpResponse | None:
        """List the instances of a group (AKO-DISC-007, AKO-DISC-101)."""
        refusal = self._discovery_refusal(exchange)
        if refusal:
            return self.error_response(refusal)
        listed = [
            each.listed(self.modules, address)
            for each, address in zip(self.instances, self.addresses, strict=False)
            if each.group == self._group(exchange)
        ]
        extra = self.options.extra_members
        listed = [{**extra, **each} for each in listed]
        if self.modules.documented:
            return json_response({**extra, "success": True, "data": {**extra, "services": listed}})
        success: int = self.modules.constants.ResultCode.SUCCESS
        return json_response({**extra, "code": success, "data": {**extra, "instances": listed}})

    def admit(self, exchange: Exchange) -> HttpResponse | None:
        """Judge an upgrade: most refusals need an open socket (OP-2)."""
        if self._instance_at(exchange) is None:
            return self.error_response("upgrade_unavailable")
        refusal = _KEY_REFUSALS.get(self.options.key_refusal, "")
        if refusal and not self.modules.documented and self._account_of(exchange) is None:
            return self.error_response(refusal)
        return None

    def start_session(self, exchange: Exchange, connection: Channel) -> LiveSession:
        # A plan may admit a client where there is no instance.
        spare = Instance(index=-1, group="test", avatar_id=self.options.avatar_id)
        instance = self._instance_at(exchange) or spare
        query = self.modules.constants.Query
        variables = {
            name: exchange.query.get(name, "")
            for name in (getattr(query, "SESSION_ID", ""), getattr(query, "AVATAR_ID", ""))
            if name
        }
        account = self._account_of(exchange)
        return AkoolSession(self, connection, instance, account, variables)

    def error_response(self, name: str) -> HttpResponse | None:
        row = self.modules.errors.CATALOGUE[name]
        return catalogue_reply(row, {"avatar_id": self.options.avatar_id})

    def describe(self) -> dict[str, Any]:
        described = zip(self.instances, self.addresses, strict=False)
        return {
            **super().describe(),
            "instances": [each.describe(address) for each, address in described],
        }

    # -- instances ---------------------------------------------------------------------------------

    def refusal(self, instance: Instance, account: Account | None) -> str:
        """Name of the error that turns a client away; "" takes it."""
        if account is None:
            return "socket_authentication"
        if instance.busy:
            return "socket_occupied"
        if instance.too_soon(self.now(), self.options.reconnect_guard):
            return "socket_too_soon"
        return ""

    def occupy(self, instance: Instance, session: AkoolSession) -> None:
        """The instance is this session's, and so is its avatar."""
        instance.session = session
        instance.avatar_id = session.variables["avatar_id"] or instance.avatar_id

    def vacate(self, instance: Instance, session: AkoolSession) -> None:
        """A session has ended, however it did (AKO-LEAVE-006)."""
        if instance.session is session:
            instance.session = None
            instance.left_at = self.now()

    def _make_instances(self) -> list[Instance]:
        options = self.options
        return make_instances(
            _expand(options.instances),
            _expand(options.production_instances),
            options.avatar_id,
        )

    def _instance_at(self, exchange: Exchange) -> Instance | None:
        inside = exchange.listener < len(self.instances)
        return self.instances[exchange.listener] if inside else None

    def _account_of(self, exchange: Exchange) -> Account | None:
        header = self.modules.constants.Header.API_KEY
        return self.accounts.by_key(exchange.headers.get(header, ""))

    def _group(self, exchange: Exchange) -> str:
        """The group that a discovery call asks for; "" if there is no such group."""
        of = self.modules.constants
        asked = exchange.query.get(of.Query.GROUP_NAME)
        if asked is None:
            return "production"
        return "test" if asked == of.Group.TEST else ""

    def _discovery_refusal(self, exchange: Exchange) -> str:
        documented = self.modules.documented
        # In the documented dialect the key may be absent (OP-14).
        absent = self.modules.constants.Header.API_KEY not in exchange.headers
        if self._account_of(exchange) is None and not (documented and absent):
            by_code = self.options.discovery_refusal == "code" and not documented
            return "discovery_authentication" if by_code else "discovery_unauthorized"
        if not self._group(exchange):
            return "documented_discovery_failed" if documented else "discovery_failed"
        return ""


def _expand(instances: Instances) -> tuple[InstanceOptions, ...]:
    return (InstanceOptions(),) * instances if isinstance(instances, int) else instances


PLATFORM = AkoolPlatform
