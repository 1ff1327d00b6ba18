"""A stand-in for VideoSDK's `Meeting`: a room of the mock platform, behind a WebSocket.

VideoSDK's media transport needs its servers; the SDK's avatar classes need only what is here.
"""

import asyncio
import base64
import json
from urllib.parse import urlencode

import websockets


class Room:
    @classmethod
    async def join(cls, base, room_id, credentials):
        query = {"token": credentials.token, "participant_id": credentials.participant_id}
        room = cls()
        room.id = room_id
        room.socket = await websockets.connect(f"{base}/{room_id}?{urlencode(query)}")
        room.participants = set(json.loads(await room.socket.recv())["participants"])
        room.changed = asyncio.Event()
        room.handlers = []
        room.reader = asyncio.create_task(room.read())
        return room

    async def send(self, payload, options):
        content = {"text": payload}
        if isinstance(payload, bytes):
            content = {"binary": base64.b64encode(payload).decode()}
        await self.socket.send(json.dumps({"type": "send", **content, **options}))

    def add_event_listener(self, handler):
        self.handlers.append(handler)

    def remove_event_listener(self, handler):
        self.handlers.remove(handler)

    async def wait_for_somebody(self):
        while not self.participants:
            self.changed.clear()
            await self.changed.wait()

    async def read(self):
        async for line in self.socket:
            frame = json.loads(line)
            if frame["type"] == "participant_joined":
                self.participants.add(frame["participant_id"])
                self.changed.set()
            elif frame["type"] == "message":
                payload = frame["text"] if "text" in frame else base64.b64decode(frame["binary"])
                for handler in self.handlers:
                    handler.on_data({**frame, "payload": payload})

    async def leave(self):
        await self.socket.close()
        await self.reader
