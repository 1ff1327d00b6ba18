"""Mock platforms: the server side of every protocol, believable and scriptable in detail.

    async with mock("avatarkit", pace=False) as platform:
        ...  # platform.urls, platform.credentials

    with mock_sync("liveavatar") as platform:
        ...  # the same from synchronous code

Heavy modules load when a platform is made, not when this package is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_servers.platform import Platform
    from mock_servers.threaded import ThreadedPlatform

__all__ = ["mock", "mock_sync", "platform_class", "platforms"]


def platforms() -> list[str]:
    """Ids of the protocols that have a mock platform: those with an active revision."""
    from avatar_protocols.registry import PROTOCOLS

    return [
        name
        for name, info in PROTOCOLS.items()
        if info.revisions[info.default_revision].status == "active"
    ]


def platform_class(protocol: str) -> type[Platform]:
    """The class that plays a protocol's platform, found as ``mock_servers.<protocol>.platform``.

    Raises:
        ModuleNotFoundError: a library that the protocol's extra brings is not installed.
    """
    found: type[Platform] = importlib.import_module(f"{__name__}.{protocol}.platform").PLATFORM
    return found


def mock(protocol: str, revision: str | None = None, **options: Any) -> Platform:  # noqa: ANN401 - the options of the platform's class
    """A mock platform, to be started by ``async with``.

    Args:
        protocol: protocol id, such as ``avatarkit``.
        revision: revision id or alias; None takes the protocol's default.
        **options: ``seed``, ``plan``, ``pace``, ``clock``, ``host``, ``port``, … and the
            protocol's own; see `mock_servers.platform.Platform` and its subclasses.

    Raises:
        ConfigurationError: no such protocol or revision, or an option that cannot work.
        ModuleNotFoundError: a library that the protocol's extra brings is not installed.
    """
    from avatar_protocols.registry import resolve
    from protocol_core.errors import ConfigurationError

    known = platforms()
    if protocol not in known:
        raise ConfigurationError(
            "there is no mock platform of this protocol",
            setting="protocol",
            value=protocol,
            hint=f"known: {', '.join(sorted(known))}",
        )
    try:
        info = resolve(protocol, revision)
    except LookupError as error:
        raise ConfigurationError(str(error), setting="revision", value=revision) from error
    if info.status != "active":
        raise ConfigurationError(
            "this revision is only planned", setting="revision", value=revision
        )
    return platform_class(protocol)(info, **options)


def mock_sync(protocol: str, revision: str | None = None, **options: Any) -> ThreadedPlatform:  # noqa: ANN401 - as above
    """A mock platform on an event loop in a thread of its own, to be started by ``with``.

    Arguments and errors are those of `mock`.
    """
    from mock_servers.threaded import ThreadedPlatform

    return ThreadedPlatform(lambda: mock(protocol, revision, **options))
