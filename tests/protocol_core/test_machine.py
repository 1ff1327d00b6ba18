"""The interpreter of state tables."""

import pytest

from avatar_protocols.tables import Machine
from protocol_core.errors import LocalProtocolError, RemoteProtocolError
from protocol_core.machine import StateMachine

DOOR = Machine(
    name="door",
    initial="CLOSED",
    states=("CLOSED", "OPEN"),
    events={"open": "client", "close": "both", "knock": "client"},
    transitions={("CLOSED", "open"): "OPEN", ("OPEN", "close"): "CLOSED"},
    ignored=frozenset({("OPEN", "knock")}),
    messages={},
)


@pytest.fixture
def door():
    return StateMachine(DOOR, protocol="door")


def test_both_directions_take_the_same_transitions(door):
    assert door.send("open") == "OPEN"
    assert door.receive("close") is True
    assert door.state == "CLOSED"


def test_an_absent_pair_is_our_fault_when_we_send(door):
    with pytest.raises(LocalProtocolError, match=r"close is not allowed in state CLOSED.*open"):
        door.send("close", requirement="DOOR-1")


def test_an_absent_pair_is_the_peers_fault_when_it_sends(door):
    with pytest.raises(RemoteProtocolError, match="the peer sent knock in state CLOSED"):
        door.receive("knock")
    assert door.state == "CLOSED"


def test_an_ignored_trigger_changes_nothing(door):
    door.send("open")
    assert door.ignores("knock")
    assert door.receive("knock") is False
    assert door.state == "OPEN"


def test_what_is_allowed_can_be_asked(door):
    assert door.allows("open")
    assert not door.allows("close")
