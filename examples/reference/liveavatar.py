"""Live Avatar: the user says something, and the agent answers through the avatar."""

import asyncio

from reference_client.liveavatar import ClientConfig, Listener, LiveAvatarClient
from understudy import mock


class Echo(Listener):
    """An agent that repeats what it hears."""

    client: LiveAvatarClient

    async def on_text_input(self, text: str, request_id: str) -> None:
        print(f"user:   {text}")
        async with self.client.respond(request_id) as response:
            await response.write(f"You said: {text}")


async def main() -> None:
    async with mock("liveavatar", pace=False) as platform:
        echo = Echo()
        config = ClientConfig(
            base_url=platform.urls["base"],
            api_key=platform.credentials["api_key"],
            avatar_id=platform.credentials["avatar_id"],
        )
        async with LiveAvatarClient(config, echo) as echo.client:
            result = await echo.client.start()
            print(f"session {result.session_id}")

            await platform.act({"say": {"text": "Hello"}})  # what a user would do in a browser
            await platform.journal.wait_for({"name": "response.done"})
            (chunk,) = platform.journal.messages("response.chunk")
            print(f"avatar: {(chunk.data or {})['data']['text']}")


asyncio.run(main())
