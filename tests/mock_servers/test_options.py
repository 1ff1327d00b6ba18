from __future__ import annotations

import pytest

from mock_servers.avatarkit.platform import AvatarKitOptions
from mock_servers.limits import Limits
from mock_servers.options import convert_limits, convert_options, split_options
from protocol_core.errors import ConfigurationError


def test_what_is_not_said_keeps_its_default():
    assert convert_options({"credits": 3}, AvatarKitOptions) == AvatarKitOptions(credits=3)
    assert convert_limits(None) == Limits()
    assert convert_limits({"connections": 3}) == Limits(connections=3)
    assert convert_limits(Limits(connections=3)) == Limits(connections=3)


@pytest.mark.parametrize("given", [{"colour": 1}, {"connections": "many"}, {"journal_records": -1}])
def test_mistakes_are_named(given):
    with pytest.raises(ConfigurationError, match="limits"):
        convert_limits(given)
    with pytest.raises(ConfigurationError, match="options"):
        convert_options({**given, "credits": "x"}, AvatarKitOptions)


def test_own_options_and_those_of_every_platform():
    options, rest = split_options({"credits": 3, "pace": False, "plan": []}, AvatarKitOptions)
    assert options == AvatarKitOptions(credits=3)
    assert rest == {"pace": False, "plan": []}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"colour": 1}, "colour: an option that this platform does not have: known: api_key"),
        ({"credit": 1}, r"credit: .*did you mean credits\?"),
        ({"pace": "no"}, r"\$\.pace"),
        ({"port": 65536}, r"\$\.port"),
        ({"seed": "x"}, r"\$\.seed"),
        ({"name": "a/b"}, r"\$\.name"),
        ({"name": ".."}, r"\$\.name"),
        ({"api_key": "\ud800"}, "not plain data"),
        ({"plan": 5}, "plan: a plan is a list"),
        ({"plan": {"on": "http"}}, "plan: a plan is a list"),
    ],
)
def test_options_that_cannot_work(given, told):
    with pytest.raises(ConfigurationError, match=told):
        split_options(given, AvatarKitOptions)


def test_mistakes_show_their_value_and_no_other():
    with pytest.raises(ConfigurationError, match=r"got \[1\]") as caught:
        convert_options({"api_key": "secret", "credits": [1]}, AvatarKitOptions)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        convert_options({"credits": "secret"}, AvatarKitOptions)
    assert "secret" not in str(caught.value)
