from __future__ import annotations

import subprocess
import sys

import pytest

from mock_servers import mock, mock_sync, platform_class, platforms
from protocol_core.errors import ConfigurationError


@pytest.mark.parametrize("protocol", platforms())
async def test_every_platform_starts(protocol):
    async with mock(protocol, seed=1) as platform:
        assert platform.describe()["protocol"] == protocol
        assert platform.credentials["api_key"]


@pytest.mark.parametrize("protocol", platforms())
def test_every_platform_has_a_synchronous_form(protocol):
    with mock_sync(protocol) as platform:
        assert platform.describe()["protocol"] == protocol


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nobody",), "known: aiavatar, akool, avatarkit"),
        (("avatarkit", "9.9"), "unknown revision"),
        (("liveavatar", "0.4"), "only planned"),
    ],
)
def test_what_cannot_be_mocked_is_refused(arguments, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        mock(*arguments)


def test_importing_it_loads_nothing_heavy():
    command = "import sys, mock_servers; print({'aiohttp', 'google.protobuf'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_liveavatar_needs_no_protobuf():
    command = (
        "import sys; from mock_servers import mock; mock('liveavatar');"
        "print('google.protobuf' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"


def test_the_class_of_a_platform_is_found_by_its_module():
    assert {name: platform_class(name).protocol for name in platforms()} == {
        name: name for name in platforms()
    }
