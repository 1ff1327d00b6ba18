"""Audio to send, and callbacks that remember."""

import asyncio

PCM = bytes(640)


class Listening:
    def __init__(self):
        self.frames, self.errors, self.closes, self.encoded = [], [], 0, []
        self.closed = asyncio.Event()

    def on_close(self):
        self.closes += 1
        self.closed.set()

    @property
    def options(self):
        return {
            "on_frame": lambda data, end: self.frames.append((data, end)),
            "on_error": self.errors.append,
            "on_close": self.on_close,
            "on_encoded_audio": lambda req_id, data: self.encoded.append((req_id, data)),
        }
