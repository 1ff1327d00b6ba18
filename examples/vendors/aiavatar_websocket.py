"""The WebSocket client of the `aiavatar` package against the mock server: a turn and its sound.

python aiavatar_websocket.py PORT_FILE      the file that `understudy serve` writes

The package needs httpx, numpy, websockets and more that it does not declare, and PyAudio; the
module `pyaudio` beside this file stands in for that.
"""

import asyncio
import json
import sys
from pathlib import Path

from aiavatar.adapter import AIAvatarRequest
from aiavatar.adapter.websocket.client import AIAvatarWebSocketClient

SERVER = json.loads(Path(sys.argv[1]).read_text())["aiavatar"]


async def main():
    client = AIAvatarWebSocketClient(url=SERVER["urls"]["websocket"] + "/ws")
    connected, answered = asyncio.Event(), asyncio.Event()

    @client.on_response("connected")
    async def on_connected(response):
        print("connected, session", response.session_id)
        connected.set()

    @client.on_response("chunk")
    async def on_chunk(response):
        print("avatar:", response.text)  # with its control tags

    @client.on_response("final")
    async def on_final(response):
        print("final: ", response.voice_text)
        answered.set()

    # It returns when the session is over, so it needs a task of its own.
    listening = asyncio.create_task(client.start_listening(session_id="s1", user_id="u1"))
    await connected.wait()
    print("user:   Hello")
    request = AIAvatarRequest(type="invoke", session_id="s1", user_id="u1", text="Hello")
    await client.send_request(request)
    await answered.wait()
    # Beside a log line about its own second stop message, this ends everything.
    await client.stop_listening("s1")
    await listening


asyncio.run(main())
