"""Stands in for a module of the vendor's package."""

import json
from types import SimpleNamespace

MEMBERS = (
    *("session_id", "user_id", "context_id", "text", "voice_text", "language", "audio_data"),
    *("metadata", "face", "animation"),
)


class AIAvatarRequest(SimpleNamespace):
    def __init__(self, text=None, **members):
        super().__init__(text=text, **members)


class AIAvatarResponse(SimpleNamespace):
    def __init__(self, **members):
        super().__init__(**{**dict.fromkeys(MEMBERS), **members})

    def model_dump_json(self):
        return json.dumps({"type": self.type, "metadata": self.metadata})


class AIAvatarException(Exception):  # noqa: N818 - their name
    def __init__(self, message, response=None):
        super().__init__(message)
        self.response = response
