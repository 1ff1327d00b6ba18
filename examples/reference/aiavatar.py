"""AIAvatarKit: one conversation from a file, over HTTP and on the WebSocket."""

import asyncio
from pathlib import Path

from protocol_core.aiavatar.events import ToolCalled
from reference_client.aiavatar import ChatClient, ClientConfig, Listener, SocketClient, Speech
from understudy import mock

DIALOGUE = Path(__file__).parents[1] / "dialogue.yaml"


class Screen(Listener):
    """Shows what the avatar does."""

    def __init__(self) -> None:
        self.finished = asyncio.Event()

    def on_face(self, name: str, duration: float | None) -> None:
        print(f"   face {name}")

    def on_tool_call(self, call: ToolCalled) -> None:
        if not call.started:
            print(f"   {call.name}({call.arguments}) = {call.data}")

    async def play(self, speech: Speech) -> None:
        print(f"   {speech.voice_text!r}, {len(speech.audio)} bytes of sound")

    def on_final(self, text: str, voice_text: str) -> None:
        self.finished.set()


async def main() -> None:
    async with mock("aiavatar", dialogue=str(DIALOGUE), pace=False) as server:
        config = ClientConfig(
            http=server.urls["http"],
            websocket=server.urls["websocket"],
            api_key=server.credentials["api_key"],
        )
        async with ChatClient(config, Screen()) as client:
            for text in ("Good evening", "Yes, tonight"):
                print(f"over HTTP: {text}")
                await client.say(text)
                await client.settle()

        screen = Screen()
        async with SocketClient(config, screen) as socket:
            await socket.start()
            print("on the WebSocket: Good evening")
            await socket.invoke("Good evening")
            await screen.finished.wait()
            await socket.settle()


asyncio.run(main())
