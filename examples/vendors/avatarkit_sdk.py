"""The `avatarkit` package against the mock platform: speech goes in, animation comes out.

python avatarkit_sdk.py PORT_FILE      the file that `understudy serve` writes
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from avatarkit import new_avatar_session

PLATFORM = json.loads(Path(sys.argv[1]).read_text())["avatarkit"]
SPEECH = bytes(2 * 16_000)  # one second of 16-bit PCM at 16 kHz; silence will do


async def main():
    frames, finished = [], asyncio.Event()

    def on_frame(frame, last):
        frames.append(frame)
        if last:
            finished.set()

    session = new_avatar_session(
        console_endpoint_url=PLATFORM["urls"]["console"],
        ingress_endpoint_url=PLATFORM["urls"]["ingress"],
        api_key=PLATFORM["credentials"]["api_key"],
        app_id=PLATFORM["credentials"]["app_id"],
        avatar_id=PLATFORM["credentials"]["avatar_id"],
        expire_at=datetime.now(UTC) + timedelta(minutes=5),
        transport_frames=on_frame,
        on_error=print,
    )
    await session.init()
    print("connected:", await session.start())
    await session.send_audio(SPEECH, end=True)
    await finished.wait()
    print(f"1 s of speech became {len(frames)} animation messages, {sum(map(len, frames))} bytes")
    await session.close()


asyncio.run(main())
