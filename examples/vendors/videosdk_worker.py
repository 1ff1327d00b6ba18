"""The `videosdk-agents` package against the mock platform: a worker hears what an agent says.

python videosdk_worker.py PORT_FILE      the file that `understudy serve` writes; Python 3.12

Both ends are the SDK's; the room between them is the mock's.
"""

import asyncio
import json
import sys
from pathlib import Path

from room import Room
from videosdk.agents.avatar import (
    AudioSegmentEnd,
    AvatarAudioIn,
    AvatarAudioOut,
    generate_avatar_credentials,
)

PLATFORM = json.loads(Path(sys.argv[1]).read_text())["videosdk"]
API_KEY, SECRET = PLATFORM["credentials"]["api_key"], PLATFORM["credentials"]["secret"]
SPEECH = bytes(2 * 24_000)  # one second of 16-bit PCM at 24 kHz


async def join(participant_id):
    credentials = generate_avatar_credentials(API_KEY, SECRET, participant_id=participant_id)
    return await Room.join(PLATFORM["urls"]["room"], "a-room-of-its-own", credentials)


async def speak(room):
    # Without a dispatcher nobody is asked for a worker: ours is there already.
    agent = AvatarAudioOut(credentials=generate_avatar_credentials(API_KEY, SECRET))
    agent._set_meeting(room)  # noqa: SLF001 - in a live meeting the framework does this
    await agent.handle_audio_input(SPEECH)
    await agent.send_segment_end()


async def main():
    worker_room, agent_room = await join("avatar"), await join("agent")
    audio = AvatarAudioIn(worker_room)
    await speak(agent_room)
    heard = 0.0
    async for item in audio:
        if isinstance(item, AudioSegmentEnd):
            break
        heard += item.samples / item.sample_rate
        print(f"{item.samples} samples")
    print(f"the segment has ended: {heard:g} s of speech")
    audio.notify_stream_ended(playback_position=heard, interrupted=False)
    await audio.aclose()
    for room in (agent_room, worker_room):
        await room.leave()


asyncio.run(main())
