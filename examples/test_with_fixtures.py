"""Tests of one's own code against a mock platform: `pytest examples/test_with_fixtures.py`.

The fixtures are there as soon as Understudy is installed; there is nothing to import for them.
"""

import asyncio
import time

import pytest

from mock_servers.threaded import ThreadedPlatform
from reference_client.avatarkit import AvatarKitError, SessionConfig, connect


def config(platform: ThreadedPlatform) -> SessionConfig:
    return SessionConfig(
        api_key=platform.credentials["api_key"],
        app_id=platform.credentials["app_id"],
        avatar_id=platform.credentials["avatar_id"],
        expire_at=time.time() + 300,
        console_url=platform.urls["console"],
        ingress_url=platform.urls["ingress"],
    )


async def greet(settings: SessionConfig) -> int:
    """Stands in for the code under test: how many animation messages a greeting gets."""
    async with connect(settings) as client:
        return len([frame async for frame in await client.speak(bytes(32_000))])


def test_a_greeting_is_one_request(avatarkit_platform: ThreadedPlatform) -> None:
    assert asyncio.run(greet(config(avatarkit_platform))) > 0
    (audio,) = avatarkit_platform.messages("MESSAGE_CLIENT_AUDIO_INPUT", sender="client")
    assert (audio.data or {})["client_audio_input"]["end"] is True


@pytest.mark.understudy(plan=[{"on": "upgrade", "do": [{"error": "session_token_expired"}]}])
def test_an_expired_token_is_told_apart(avatarkit_platform: ThreadedPlatform) -> None:
    with pytest.raises(AvatarKitError) as caught:
        asyncio.run(greet(config(avatarkit_platform)))
    assert caught.value.code == "sessionTokenExpired"


def test_minutes_of_silence_end_the_session(avatarkit_platform: ThreadedPlatform) -> None:
    async def wait() -> None:
        async with connect(config(avatarkit_platform)) as client:
            frames = client.frames()
            await asyncio.to_thread(avatarkit_platform.advance, 600)  # ten minutes pass now
            async for _ in frames:
                pass

    with pytest.raises(AvatarKitError) as caught:
        asyncio.run(wait())
    assert caught.value.code == "idleTimeout"
