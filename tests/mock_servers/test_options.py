from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from mock_servers import mock, platforms
from mock_servers.actions import COMMON
from mock_servers.avatarkit.platform import AvatarKitOptions
from mock_servers.limits import Limits
from mock_servers.options import convert_limits, convert_options, split_options
from mock_servers.platform import Platform
from protocol_core.errors import ConfigurationError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mock-platforms.md"


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


def chapter(title):
    return PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]


def named(text):
    """What a page's table names in its first column."""
    firsts = re.findall(r"^\| ([^|]*) \|", text, flags=re.MULTILINE)
    return {name for first in firsts for name in re.findall(r"`(\w+)`", first)}


@pytest.mark.parametrize("protocol", platforms())
def test_the_reference_names_every_option(protocol):
    own = mock(protocol).options.__struct_fields__
    assert named(chapter(f"Options of {protocol}")) == set(own)


def test_the_reference_names_what_all_of_them_have():
    text = chapter("Options of every platform")
    assert named(text) >= {*inspect.signature(Platform).parameters} - {"revision"}
    assert all(f"`{name}`" in text for name in Limits.__struct_fields__)


def test_the_reference_names_every_action():
    told = set(re.findall(r"\w+", chapter("Actions")))
    every = {name for protocol in platforms() for name in mock(protocol).vocabulary().actions}
    assert every >= set(COMMON)
    assert every - told == {"respond", "reject"}  # they answer a request, and need a plan
