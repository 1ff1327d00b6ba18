"""Events."""

import pytest

from avatar_protocols.avatarkit.v2 import message_pb2 as pb
from protocol_core.avatarkit import events


def test_events_are_frozen():
    event = events.SessionConfirmed(connection_id="c")
    with pytest.raises(AttributeError):
        event.connection_id = "d"


@pytest.mark.parametrize(("egress", "direct"), [(0, True), (1, False), (2, False)])
def test_output_is_direct_without_an_egress(egress, direct):
    config = pb.ClientConfigureSession(egress_type=egress)
    assert events.SessionConfigured(config=config).direct is direct


def test_every_event_belongs_to_a_role():
    roles = set(events.ClientEvent.__args__) | set(events.ServerEvent.__args__)
    assert {getattr(events, name) for name in events.__all__} - roles == {
        events.ClientEvent,
        events.ServerEvent,
    }
