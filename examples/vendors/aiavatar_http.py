"""The HTTP client of the `aiavatar` package against the mock server: text in, events out.

python aiavatar_http.py PORT_FILE      the file that `understudy serve` writes

The package needs httpx, numpy, websockets and more that it does not declare, and PyAudio; the
module `pyaudio` beside this file stands in for that.
"""

import asyncio
import json
import sys
from pathlib import Path

from aiavatar.adapter import AIAvatarRequest
from aiavatar.adapter.http.client import AIAvatarHttpClient

SERVER = json.loads(Path(sys.argv[1]).read_text())["aiavatar"]


async def main():
    client = AIAvatarHttpClient(
        # The whole URL: other paths than /chat are the server's choice.
        url=SERVER["urls"]["http"] + "/chat",
        api_key=SERVER["credentials"]["api_key"],
    )
    for text in ("Hello", "What is the weather like?"):
        print("user:  ", text)
        # Microphone and loudspeaker are served by start_listening(); a text needs neither.
        request = AIAvatarRequest(type="start", session_id="s1", user_id="u1", text=text)
        await client.send_request(request)
        while not client.response_queue.empty():
            response = client.response_queue.get_nowait()
            if response.type == "chunk":
                sound = len(response.audio_data or b"")
                print(f"avatar: {response.voice_text}  ({sound} bytes of sound)")
            elif response.type == "tool_call":
                call = response.metadata["tool_call"]
                print(f"tool:   {call['name']} {call['result']['data']}")
    await client.http_client.aclose()


asyncio.run(main())
