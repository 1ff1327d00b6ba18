"""Understudy: bindings, mock platforms and a conformance suite for streaming-avatar protocols.

    from understudy import mock                       # a mock platform, in process
    async with mock("avatarkit", pace=False) as platform:
        ...

Importing this loads nothing else; names arrive when they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_servers import mock as mock
    from mock_servers import mock_sync as mock_sync
    from protocol_core.errors import UnderstudyError as UnderstudyError

__all__ = ["UnderstudyError", "mock", "mock_sync"]

_HOMES = {
    "UnderstudyError": "protocol_core.errors",
    "mock": "mock_servers",
    "mock_sync": "mock_servers",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each name has a type of its own
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
