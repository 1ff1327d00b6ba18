"""What a client's session is configured with."""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec

from protocol_core.akool.addresses import Instance, server_address
from protocol_core.akool.errors import failure
from protocol_core.akool.revision import Revision, load
from protocol_core.errors import ConfigurationError

__all__ = ["ClientConfig", "ClientSettings", "settle"]

T = TypeVar("T")


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a client. None means the default of the revision's documents.

    Attributes:
        api_key: secret of the account.
        avatar_id: the avatar.
        discovery_url: where instances are asked for; only scheme, host and port count (OP-13).
        server_url: the one server to connect to, instead of discovery (AKO-CONN-013, 0.1.9): a
            host, a host and port, or a URL; only host, port and whether TLS is wanted count.
        session_id: id of the session, kept over all attempts; None for a random one
            (AKO-CONN-002).
        environment: ``test`` or ``prod`` (AKO-DISC-004, AKO-DISC-005).
        max_attempts: attempts to connect in all, the first included (AKO-RETRY-001).
        retry_base_delay: seconds before the second attempt (AKO-RETRY-004).
        retry_max_delay: longest wait between attempts, seconds.
        connection_timeout: seconds for one attempt, upgrade and greeting together, and for the
            wait for agora_connected (AKO-CONN-007, AKO-PARAM-010).
        discovery_timeout: seconds for the discovery call (AKO-DISC-015).
        heartbeat_interval: seconds between pings (AKO-HB-001).
        missed_pongs: unanswered pings after which the connection counts as dead (AKO-HB-004);
            None to wait for ever.
        reconnect: connect again after a drop within the session, and set the parameters again
            (AKO-RETRY-006).
    """

    api_key: str
    avatar_id: str
    discovery_url: str | None = None
    server_url: str | None = None
    session_id: str | None = None
    environment: str | None = None
    max_attempts: int | None = None
    retry_base_delay: float | None = None
    retry_max_delay: float | None = None
    connection_timeout: float | None = None
    discovery_timeout: float | None = None
    heartbeat_interval: float | None = None
    missed_pongs: int | None = None
    reconnect: bool = False

    def __repr__(self) -> str:
        where = self.server_url or self.discovery_url
        return f"ClientConfig(avatar_id={self.avatar_id!r}, at={where!r})"


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A `ClientConfig` with every default filled in.

    Attributes:
        server: the one server to connect to; None for discovery.
    """

    server: Instance | None
    discovery_url: str
    environment: str
    max_attempts: int
    retry_base_delay: float
    retry_max_delay: float
    connection_timeout: float
    discovery_timeout: float
    heartbeat_interval: float
    missed_pongs: int | None
    reconnect: bool


def settle(config: ClientConfig, revision: str | Revision | None = None) -> ClientSettings:
    """Check a configuration and fill in the defaults of a revision.

    Raises:
        AuthenticationError: the API key or the avatar id is empty (AKO-AUTH-002, AKO-AUTH-003).
        ServerUrlError: the server URL cannot be used (AKO-ERR-009).
        ConfigurationError: another setting cannot work.
    """
    modules = load(revision)
    _check_identity(config, modules)
    _check_types(config)
    constants = modules.constants
    settings = ClientSettings(
        server=_server(config, modules),
        discovery_url=_given(config.discovery_url, ""),
        environment=_given(config.environment, constants.Default.ENVIRONMENT),
        max_attempts=_given(config.max_attempts, constants.Retry.ATTEMPTS),
        retry_base_delay=_given(config.retry_base_delay, constants.Backoff.BASE),
        retry_max_delay=_given(config.retry_max_delay, constants.Backoff.MAX),
        connection_timeout=_given(config.connection_timeout, constants.Timeout.CONNECT),
        discovery_timeout=_given(config.discovery_timeout, constants.Timeout.DISCOVERY),
        heartbeat_interval=_given(config.heartbeat_interval, constants.Heartbeat.INTERVAL),
        missed_pongs=config.missed_pongs,
        reconnect=config.reconnect,
    )
    _check(settings, modules)
    return settings


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _check_identity(config: ClientConfig, revision: Revision) -> None:
    rules = {"api_key": "AKO-AUTH-002", "avatar_id": "AKO-AUTH-003"}
    for name, requirement in rules.items():
        value: object = getattr(config, name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise failure(
                revision,
                f"{name} is required",
                code=revision.errors.ErrorCode.AUTHENTICATION_FAILED,
                phase=revision.errors.Phase.CONFIGURATION,
                kind="local",
                requirement=requirement,
            )
        if isinstance(value, str) and not value.isprintable():
            raise ConfigurationError("must not contain control characters", setting=name)


def _check_types(config: ClientConfig) -> None:
    """Nobody holds a caller of Python to annotations."""
    members = {name: getattr(config, name) for name in config.__struct_fields__}
    try:
        msgspec.convert(members, ClientConfig)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), setting="config") from error


def _server(config: ClientConfig, revision: Revision) -> Instance | None:
    if config.server_url is None:
        return None
    if not revision.direct:
        raise ConfigurationError(
            f"revision {revision.id} always asks discovery",
            setting="server_url",
            hint="choose a revision with direct connections, or give a discovery_url",
        )
    return server_address(revision, config.server_url)


def _check(settings: ClientSettings, revision: Revision) -> None:
    if settings.server is None and not settings.discovery_url.startswith(("http://", "https://")):
        raise ConfigurationError(
            "must be an http or https URL",
            setting="discovery_url",
            value=settings.discovery_url,
            hint="neither the package's default nor README's example is built in",
        )
    environment = revision.constants.Environment
    known = (environment.TEST, environment.PROD)
    if settings.environment not in known:
        raise ConfigurationError(
            f"must be one of {', '.join(known)}", setting="environment", value=settings.environment
        )
    counts = {"max_attempts": 0, "missed_pongs": 1}
    for name, least in counts.items():
        count: int | None = getattr(settings, name)
        if count is not None and count < least:
            raise ConfigurationError(f"must be at least {least}", setting=name, value=count)
    for name in ("connection_timeout", "discovery_timeout", "heartbeat_interval"):
        seconds: float = getattr(settings, name)
        if not (math.isfinite(seconds) and seconds > 0):
            raise ConfigurationError(
                "must be a positive number of seconds", setting=name, value=seconds
            )
    delays = {"retry_base_delay": 0.0, "retry_max_delay": settings.retry_base_delay}
    for name, shortest in delays.items():
        delay: float = getattr(settings, name)
        if not (math.isfinite(delay) and delay >= shortest):
            raise ConfigurationError(
                f"must be at least {shortest:g} seconds", setting=name, value=delay
            )
