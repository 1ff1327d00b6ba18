"""The pytest plugin: one fixture a platform, ``<protocol>_platform``.

Each fixture is a running platform on an event loop in a thread of its own, so it serves synchronous
and asynchronous tests alike, whatever plugin runs them. Options come from a marker::

    @pytest.mark.understudy(plan=[{"on": "upgrade", "do": [{"error": "session_token_expired"}]}])
    def test_expired_token(avatarkit_platform):
        ...

Answers come at once (``pace=False``) unless the marker says otherwise. Each test has a platform of
its own. An asynchronous test that wants the platform on its own loop uses ``async with mock(...)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mock_servers import mock_sync, platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mock_servers.threaded import ThreadedPlatform

_MARKER = "understudy"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(**options): options of the mock platforms that the test uses"
    )


def _fixture(protocol: str) -> Callable[[pytest.FixtureRequest], Iterator[ThreadedPlatform]]:
    @pytest.fixture(name=f"{protocol}_platform")
    def platform(request: pytest.FixtureRequest) -> Iterator[ThreadedPlatform]:
        options: dict[str, Any] = {"pace": False}
        # The closest marker comes first: a test's options win over those of its class and module.
        for marker in reversed(list(request.node.iter_markers(_MARKER))):
            options.update(marker.kwargs)
        with mock_sync(protocol, **options) as running:
            yield running

    platform.__doc__ = f"A mock platform of the protocol {protocol}."
    return platform


globals().update({f"{protocol}_platform": _fixture(protocol) for protocol in platforms()})
