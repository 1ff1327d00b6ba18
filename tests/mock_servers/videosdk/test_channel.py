"""The room as a channel: what plans and the platform itself do to it."""

from __future__ import annotations

import pytest

from mock_servers.videosdk.channel import Deaf
from protocol_core.errors import ConfigurationError

from .conftest import kinds, open_meeting


@pytest.mark.parametrize("action", [{"close": {"reason": "over"}}, {"reset": True}])
async def test_a_room_ends_for_everybody_and_can_be_entered_again(action):
    async with open_meeting(worker="present") as (platform, meeting, listener):
        await platform.act(action)
        assert platform.session().room.participants == []
        assert listener.events[-1][0] == "meeting-left"
        assert ("reset" in action) is bool(platform.journal.where({"kind": "reset"}))
        meeting.join()
        assert kinds(platform, "join")[-1] == ("join", meeting.local_participant.id)


async def test_a_failure_of_the_platform_ends_the_room():
    async with open_meeting() as (platform, meeting, _):
        platform.session().connection.fail("on purpose")
        assert not meeting.joined


@pytest.mark.parametrize("action", [{"ping": True}, {"withhold_pong": True}, {"comment": "x"}])
async def test_what_a_room_has_not(action):
    async with open_meeting() as (platform, _, _):
        with pytest.raises(ConfigurationError):
            await platform.act(action)


def test_nothing_reaches_the_deaf():
    deaf = Deaf()
    deaf.deliver(None)
    deaf.participant_joined("a")
    deaf.participant_left("a")
    deaf.track_changed("a", "audio", "published")
    deaf.removed("over", abrupt=False)


async def test_what_is_sent_into_the_room_the_worker_says():
    async with open_meeting(worker="present") as (platform, _, listener):
        assert platform.session().connection.send("[1]") is True
        assert listener.payloads() == ["[1]"]
