"""Akool: find an instance, join the Agora channel, speak, interrupt."""

import asyncio

from reference_client.akool import ClientConfig, Listener, Parameters, connect
from understudy import mock

SPEECH = bytes(10 * 2 * 16_000)  # ten seconds of 16-bit PCM at 16 kHz


class Log(Listener):
    """Says what happens beside the calls."""

    def on_connected(self, session_id: str) -> None:
        print(f"connected, session {session_id}")

    def on_agora_connected(self, channel_id: str) -> None:
        print(f"the avatar has joined the channel {channel_id}")

    def on_disconnected(self, code: int, reason: str) -> None:
        print(f"disconnected: {code} {reason}")


async def main() -> None:
    async with mock("akool", instances=3) as platform:
        given = platform.credentials
        config = ClientConfig(
            api_key=given["api_key"],
            avatar_id=given["avatar_id"],
            discovery_url=platform.urls["discovery"],
        )
        async with connect(config, Log()) as client:
            found = ", ".join(instance.address for instance in client.info.candidates)
            print(f"instances, in the order of their turns: {found}")
            await client.set_parameters(
                Parameters(
                    app_id=given["app_id"],
                    channel=given["channel"],
                    token=given["token"],
                    uid=given["uid"],
                )
            )
            await client.send_audio(SPEECH)
            await platform.journal.wait_for({"name": "speaking"})
            await platform.advance(3)  # three seconds pass now
            await client.interrupt()
            (dropped,) = await platform.journal.wait_for({"name": "dropped"})
            seconds = (dropped.data or {})["seconds"]
            print(f"interrupted: {seconds:.0f} s of 10 were never spoken")


asyncio.run(main())
