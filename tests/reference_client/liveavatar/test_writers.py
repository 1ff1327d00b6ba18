from __future__ import annotations

import pytest

from protocol_core.liveavatar.errors import SendRefused
from reference_client.liveavatar import connect
from reference_client.liveavatar.writers import Outcome, ResponseOver, TextWriter


async def test_over_is_a_refusal_that_names_the_rule(peer):
    async with connect(peer.config()) as client:
        writer = TextWriter(client, "r1", "x1")
        await writer.begin(speed=None, volume=None, mood=None)
        await client.send_response_cancel("x1")
        with pytest.raises(ResponseOver) as caught:
            await writer.write("late")
    assert isinstance(caught.value, SendRefused)
    assert caught.value.requirement == "LAC-RESP-008"
    assert caught.value.value == "x1"
    assert writer.outcome is Outcome.OVERTAKEN
