"""The AIAvatarKit reference clients: `ChatClient` over HTTP, `SocketClient` on the WebSocket."""

from __future__ import annotations

from protocol_core.aiavatar.config import ClientConfig
from protocol_core.aiavatar.performance import Speech
from reference_client.aiavatar.chat import Answer, ChatClient
from reference_client.aiavatar.listener import Listener
from reference_client.aiavatar.socket import SocketClient

__all__ = ["Answer", "ChatClient", "ClientConfig", "Listener", "SocketClient", "Speech"]
