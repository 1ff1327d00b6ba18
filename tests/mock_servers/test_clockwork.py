from __future__ import annotations

import pytest

from mock_servers.actions import COMMON
from mock_servers.clockwork import CLOCK_ACTIONS
from protocol_core.clock import ManualClock
from protocol_core.errors import ConfigurationError


def test_every_clock_action_is_in_the_vocabulary():
    assert {name for name, spec in COMMON.items() if "platform" in spec.points} == set(
        CLOCK_ACTIONS
    )


def test_time_is_moved():
    clock = ManualClock()
    CLOCK_ACTIONS["advance"](clock, 5)
    assert clock.now() == 5


def test_a_clock_that_cannot_do_it_says_so():
    with pytest.raises(ConfigurationError, match="ManualClock"):
        CLOCK_ACTIONS["freeze"](ManualClock(), True)
