"""The Live Avatar reference client; see `reference_client.liveavatar.client`."""

from __future__ import annotations

from protocol_core.liveavatar.config import ClientConfig
from reference_client.liveavatar.client import LiveAvatarClient, connect
from reference_client.liveavatar.listener import Listener
from reference_client.liveavatar.speaking import new_id
from reference_client.liveavatar.writers import (
    AudioWriter,
    Outcome,
    ResponseOver,
    TextWriter,
    Utterance,
)
from reference_client.streams import EventStream

__all__ = [
    "AudioWriter",
    "ClientConfig",
    "EventStream",
    "Listener",
    "LiveAvatarClient",
    "Outcome",
    "ResponseOver",
    "TextWriter",
    "Utterance",
    "connect",
    "new_id",
]
