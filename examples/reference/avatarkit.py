"""AvatarKit: speech goes in, animation comes out."""

import asyncio
import time

from reference_client.avatarkit import SessionConfig, connect
from understudy import mock

SPEECH = bytes(2 * 16_000)  # one second of 16-bit PCM at 16 kHz; silence will do


async def main() -> None:
    async with mock("avatarkit") as platform:
        config = SessionConfig(
            api_key=platform.credentials["api_key"],
            app_id=platform.credentials["app_id"],
            avatar_id=platform.credentials["avatar_id"],
            expire_at=time.time() + 300,
            console_url=platform.urls["console"],
            ingress_url=platform.urls["ingress"],
        )
        async with connect(config) as client:
            print(f"connected: {client.connection_id}")
            frames = [frame async for frame in await client.speak(SPEECH)]
            size = sum(len(frame.data) for frame in frames)
            print(f"1 s of speech became {len(frames)} animation messages, {size} bytes")
            print(f"the last one says so: {frames[-1].end}")


asyncio.run(main())
