from __future__ import annotations

import pytest

from mock_servers.avatarkit.platform import AvatarKitOptions
from mock_servers.limits import Limits
from mock_servers.options import convert_limits, convert_options
from protocol_core.errors import ConfigurationError


def test_what_is_not_said_keeps_its_default():
    assert convert_options({"credits": 3}, AvatarKitOptions) == AvatarKitOptions(credits=3)
    assert convert_limits(None) == Limits()
    assert convert_limits({"connections": 3}) == Limits(connections=3)
    assert convert_limits(Limits(connections=3)) == Limits(connections=3)


@pytest.mark.parametrize("given", [{"colour": 1}, {"connections": "many"}])
def test_mistakes_are_named(given):
    with pytest.raises(ConfigurationError, match="limits"):
        convert_limits(given)
    with pytest.raises(ConfigurationError, match="options"):
        convert_options({**given, "credits": "x"}, AvatarKitOptions)
