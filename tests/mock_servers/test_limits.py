from __future__ import annotations

import msgspec

from mock_servers.limits import Limits


def test_everything_is_bounded_by_default():
    bounds = msgspec.to_builtins(Limits())
    assert bounds.pop("message_bytes") is None  # the protocol's own
    assert all(value > 0 for value in bounds.values())
