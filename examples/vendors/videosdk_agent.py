"""The `videosdk-agents` package against the mock platform: an agent speaks through an avatar.

python videosdk_agent.py PORT_FILE      the file that `understudy serve` writes; Python 3.12
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from room import Room
from videosdk.agents.avatar import AvatarAudioOut, generate_avatar_credentials

PLATFORM = json.loads(Path(sys.argv[1]).read_text())["videosdk"]
API_KEY, SECRET = PLATFORM["credentials"]["api_key"], PLATFORM["credentials"]["secret"]
ROOM_ID = PLATFORM["credentials"]["room_id"]
SPEECH = bytes(2 * 24_000)  # one second of 16-bit PCM at 24 kHz


class Acknowledgements(logging.Handler):
    """The SDK tells nobody that the avatar has spoken: it only logs it."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.seen = asyncio.Event()

    def emit(self, record):
        if "stream_ended" in record.msg:
            seconds, interrupted = record.args
            print(f"the avatar spoke for {seconds:.1f} s, interrupted: {interrupted}")
            self.seen.set()


async def main():
    acknowledged = Acknowledgements()
    logging.getLogger("videosdk.agents").addHandler(acknowledged)
    logging.getLogger("videosdk.agents").setLevel(logging.INFO)

    us = generate_avatar_credentials(API_KEY, SECRET, participant_id="agent")
    room = await Room.join(PLATFORM["urls"]["room"], ROOM_ID, us)
    avatar = AvatarAudioOut(
        credentials=generate_avatar_credentials(API_KEY, SECRET),
        avatar_dispatcher_url=PLATFORM["urls"]["dispatcher"],
        room_id=ROOM_ID,
    )
    await avatar.connect()  # the dispatcher sends a worker into the room
    avatar._set_meeting(room)  # noqa: SLF001 - in a live meeting the framework does this
    await room.wait_for_somebody()
    print("the worker has joined:", *room.participants)
    await avatar.handle_audio_input(SPEECH)
    await avatar.send_segment_end()
    await acknowledged.seen.wait()
    await avatar.aclose()
    await room.leave()


asyncio.run(main())
