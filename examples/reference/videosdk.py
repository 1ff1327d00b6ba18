"""VideoSDK: an agent speaks in a room, and an avatar worker says when it was heard."""

import asyncio

from protocol_core.videosdk.events import AckReceived
from reference_client.videosdk import AgentConfig, AgentListener, AvatarAgent
from understudy import mock

SPEECH = bytes(2 * 24_000)  # one second of 16-bit PCM at 24 kHz


class Log(AgentListener):
    """Says what the room tells the agent."""

    def __init__(self) -> None:
        self.acknowledged = asyncio.Event()

    def on_participant_joined(self, participant_id: str, counterpart: bool) -> None:  # noqa: FBT001
        print(f"{'the worker' if counterpart else 'somebody'} has joined: {participant_id}")

    def on_ack(self, ack: AckReceived) -> None:
        how = "interrupted" if ack.interrupted else "to its end"
        print(f"the avatar spoke for {ack.playback_position:.1f} s, {how}")
        self.acknowledged.set()


async def main() -> None:
    async with mock("videosdk") as platform:
        config = AgentConfig(
            api_key=platform.credentials["api_key"],
            secret=platform.credentials["secret"],
            room_id=platform.credentials["room_id"],
            dispatcher_url=platform.urls["dispatcher"],
        )
        log = Log()
        async with AvatarAgent(config, log, room_url=platform.urls["room"]) as agent:
            await agent.start()  # the dispatcher sends a worker into the room; we join it there
            async with agent.turn() as turn:
                await turn.say(SPEECH)
            await log.acknowledged.wait()

            log.acknowledged.clear()
            async with agent.turn() as turn:
                await turn.say(20 * SPEECH)
                await platform.advance(5)  # five seconds pass now
                await agent.interrupt()
            await log.acknowledged.wait()


asyncio.run(main())
