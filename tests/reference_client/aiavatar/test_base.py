from __future__ import annotations

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.config import ClientConfig
from protocol_core.clock import LoopClock
from protocol_core.errors import ConfigurationError
from reference_client.aiavatar import Listener
from reference_client.aiavatar.base import AIAvatarClient

VISION = e.VisionRequested(source="camera", response=e.Response(type="vision"))


def test_a_session_id_is_minted():
    one, other = AIAvatarClient(ClientConfig()), AIAvatarClient(ClientConfig())
    assert one.session_id
    assert one.session_id != other.session_id
    assert AIAvatarClient(ClientConfig(session_id="mine")).session_id == "mine"


def test_settings_that_cannot_work_are_refused_at_once():
    with pytest.raises(ConfigurationError):
        AIAvatarClient(ClientConfig(http="nowhere"))


async def test_time_is_real_unless_it_is_given():
    client = AIAvatarClient(ClientConfig())
    assert isinstance(client._clock, LoopClock)
    assert client._clock is client._clock


@pytest.mark.parametrize("found", [None, "", "https://host/a.png"])
async def test_a_picture_may_be_found_at_once_or_later(found):
    class Now(Listener):
        def on_vision(self, source):  # noqa: ARG002 - as the listener has it
            return found

    class Later(Listener):
        async def on_vision(self, source):  # noqa: ARG002 - as the listener has it
            return found

    for listener in (Now(), Later()):
        assert await AIAvatarClient(ClientConfig(), listener)._picture(VISION) == (found or None)


async def test_settling_and_striking_need_no_stage():
    client = AIAvatarClient(ClientConfig())
    await client.settle()
    await client._strike()
    with pytest.raises(NotImplementedError):
        await client.close()
