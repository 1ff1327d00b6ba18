"""The `liveavatar-channel-sdk` package against the mock platform: a user speaks, an agent answers.

python liveavatar_sdk.py PORT_FILE      the file that `understudy serve` writes
"""

import asyncio
import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from liveavatar_channel_sdk import AgentListener, AvatarAgent, AvatarAgentConfig

PLATFORM = json.loads(Path(sys.argv[1]).read_text())["liveavatar"]


class Echo(AgentListener):
    def __init__(self):
        self.answered = asyncio.Event()

    async def on_text_input(self, text, request_id):
        print("user:  ", text)
        await self.agent.send_response_start(request_id, "r1")
        answer = f"You said: {text}"
        await self.agent.send_response_chunk(request_id, "r1", seq=0, timestamp=0, text=answer)
        await self.agent.send_response_done(request_id, "r1")
        print("avatar:", answer)
        self.answered.set()


def act(action):
    """Do something on the platform, through its control API."""
    body = json.dumps({"action": action}).encode()
    request = Request(f"{PLATFORM['control']}/act", body)  # noqa: S310 - a platform of ours
    with urlopen(request) as response:  # noqa: S310 - the same
        response.read()


async def main():
    listener = Echo()
    config = AvatarAgentConfig(
        base_url=PLATFORM["urls"]["base"],
        api_key=PLATFORM["credentials"]["api_key"],
        avatar_id=PLATFORM["credentials"]["avatar_id"],
    )
    listener.agent = AvatarAgent(config, listener)
    result = await listener.agent.start()
    print("session", result.session_id)
    # What a user would type into the frontend.
    await asyncio.to_thread(act, {"say": {"text": "Hello"}})
    await listener.answered.wait()
    await listener.agent.stop()


asyncio.run(main())
