"""A meeting in memory, and listeners that keep what they hear."""

from __future__ import annotations

from reference_client.videosdk import AgentListener, WorkerListener

SECRET = "demo-secret-of-at-least-32-bytes"
ACCOUNT = {"api_key": "key", "secret": SECRET}
ACK = '{"type": "stream_ended", "data": {"playback_position": 0.1, "interrupted": false}}'
END = '{"type": "segment_end"}'


class FakeMeeting:
    """A meeting as the vendor's is seen from outside."""

    def __init__(self, room_id="abcd"):
        self.id = room_id
        self.listeners = []
        self.sent = []
        self.fails = None

    def add_event_listener(self, listener):
        self.listeners.append(listener)

    def remove_event_listener(self, listener):
        self.listeners.remove(listener)

    async def send(self, payload, options=None):
        if self.fails is not None:
            raise self.fails
        self.sent.append((payload, (options or {}).get("reliability")))

    def emit(self, action, data=None):
        for listener in tuple(self.listeners):
            listener.handle_event(action, data)

    def says(self, payload, sender="avatar_1"):
        self.emit("data", {"payload": payload, "from": sender, "timestamp": 1})

    def payloads(self):
        return [payload for payload, _ in self.sent]


class Heard:
    """Keeps every callback as (name, arguments)."""

    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if not name.startswith("on_"):
            return super().__getattribute__(name)
        return lambda *arguments: self.calls.append((name, arguments))

    def of(self, name):
        return [arguments for called, arguments in self.calls if called == name]


class AgentEar(Heard, AgentListener):
    pass


class WorkerEar(Heard, WorkerListener):
    pass
