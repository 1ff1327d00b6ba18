"""The `akool-streaming-avatar` package against the mock platform: find an instance, join, speak.

python akool_sdk.py PORT_FILE      the file that `understudy serve` writes

The package imports `requests` without declaring it: install that, too.
"""

import asyncio
import json
import sys
from pathlib import Path

from akool_streaming_avatar import StreamingAvatarClient

PLATFORM = json.loads(Path(sys.argv[1]).read_text())["akool"]
GIVEN = PLATFORM["credentials"]
SPEECH = bytes(10 * 2 * 16_000)  # ten seconds of 16-bit PCM at 16 kHz


async def main():
    client = StreamingAvatarClient(
        api_key=GIVEN["api_key"],
        avatar_id=GIVEN["avatar_id"],
        # Of this URL the package keeps scheme, host and port.
        discovery_url=PLATFORM["urls"]["discovery"],
    )
    client.on_agora_connected = lambda channel: print("the avatar has joined the channel", channel)
    # Discovery is a blocking call: the mock platform must run in another thread or process.
    await client.connect()
    print("connected, session", client.session_id)
    await client.set_agora_params(
        agora_app_id=GIVEN["app_id"],
        agora_channel=GIVEN["channel"],
        agora_token=GIVEN["token"],
        agora_uid=GIVEN["uid"],
    )
    await client.send_audio(SPEECH)
    await asyncio.sleep(1)
    await client.interrupt()
    print("interrupted after a second")
    # This lasts five seconds: the package stops its reader first, and then waits for an answer.
    await client.disconnect()


asyncio.run(main())
