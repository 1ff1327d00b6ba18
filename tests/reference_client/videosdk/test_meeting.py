from __future__ import annotations

from protocol_core.videosdk.revision import load
from reference_client.videosdk.meeting import Ears, Publisher
from reference_client.videosdk.room_socket import Participant, RoomSocket
from tests.reference_client.videosdk.support import FakeMeeting


def make():
    heard = []
    ears = Ears(
        load(),
        on_payload=lambda payload, sender: heard.append((payload, sender)),
        on_joined=lambda who: heard.append(("joined", who)),
        on_left=lambda who: heard.append(("left", who)),
        on_gone=lambda: heard.append("gone"),
    )
    return ears, heard


def test_events_are_sorted():
    ears, heard = make()
    ears.handle_event("data", {"payload": b"\1", "from": "a"})
    ears.handle_event("data", {"payload": "x", "from": None})
    ears.handle_event("participant-joined", Participant(id="b"))
    ears.handle_event("agent-joined", Participant(id="c"))
    ears.handle_event("participant-left", Participant(id="b"))
    ears.handle_event("agent-left", Participant(id="c"))
    ears.handle_event("meeting-left")
    assert heard == [
        (b"\1", "a"),
        ("x", ""),
        ("joined", "b"),
        ("joined", "c"),
        ("left", "b"),
        ("left", "c"),
        "gone",
    ]


def test_what_is_none_of_our_business_is_passed_over():
    ears, heard = make()
    ears.handle_event("speaker-changed", {"id": "a"})
    assert heard == []


def test_only_some_meetings_take_tracks():
    assert not isinstance(FakeMeeting(), Publisher)
    assert issubclass(RoomSocket, Publisher)
