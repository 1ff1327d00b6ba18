"""Whole sessions against a mock platform in this process: token, upgrade, handshake, audio, close.

    python benchmarks/sessions.py [--sessions N]

Prints sessions per second for the reference client and, where it is installed, for the vendor's
SDK. Client and platform share one core here, so compare the rows with each other, not with a
network. There is no target.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mock_servers import mock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mock_servers.platform import Platform

    Talk = Callable[[Platform], Awaitable[None]]

PCM = bytes(2 * 16000)  # one second of silence at 16 kHz
LIFETIME = timedelta(minutes=5)


def reference() -> Talk:
    """One session of the reference client."""
    from reference_client.avatarkit import AvatarKitClient, SessionConfig

    async def talk(platform: Platform) -> None:
        config = SessionConfig(
            api_key=platform.credentials["api_key"],
            app_id=platform.credentials["app_id"],
            avatar_id=platform.credentials["avatar_id"],
            console_url=platform.urls["console"],
            ingress_url=platform.urls["ingress"],
            expire_at=(datetime.now(UTC) + LIFETIME).timestamp(),
        )
        async with AvatarKitClient(config) as client:
            await client.init()
            await client.start()
            async for _ in await client.speak(PCM):
                pass

    return talk


def vendor() -> Talk:
    """One session of the vendor's SDK."""
    import avatarkit

    async def talk(platform: Platform) -> None:
        last = asyncio.Event()
        session = avatarkit.new_avatar_session(
            api_key=platform.credentials["api_key"],
            app_id=platform.credentials["app_id"],
            avatar_id=platform.credentials["avatar_id"],
            console_endpoint_url=platform.urls["console"],
            ingress_endpoint_url=platform.urls["ingress"],
            expire_at=datetime.now(UTC) + LIFETIME,
            transport_frames=lambda _, end: last.set() if end else None,
        )
        await session.init()
        await session.start()
        await session.send_audio(PCM, end=True)
        await last.wait()
        await session.close()

    return talk


async def measure(talk: Talk, sessions: int) -> float:
    """Sessions per second, one after the other."""
    async with mock("avatarkit", pace=False) as platform:
        await talk(platform)
        start = time.perf_counter()
        for _ in range(sessions):
            await talk(platform)
        return sessions / (time.perf_counter() - start)


def main() -> None:
    """Measure whoever is installed."""
    arguments = argparse.ArgumentParser(description="Whole sessions against a mock platform.")
    arguments.add_argument("--sessions", type=int, default=100)
    sessions = arguments.parse_args().sessions
    for name, make in (("reference client", reference), ("avatarkit SDK", vendor)):
        try:
            talk = make()
        except ImportError as error:
            print(f"{name:18} not installed here: {error.name or error}")
            continue
        print(f"{name:18} {asyncio.run(measure(talk, sessions)):8.1f} sessions/s")


if __name__ == "__main__":
    main()
