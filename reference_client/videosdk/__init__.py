"""The VideoSDK reference peers: an agent and an avatar worker.

See `reference_client.videosdk.agent` and `reference_client.videosdk.worker`.
"""

from __future__ import annotations

from protocol_core.videosdk.config import AgentConfig
from protocol_core.videosdk.credentials import Credentials, mint
from protocol_core.videosdk.worker import WorkerConfig
from reference_client.videosdk.agent import AvatarAgent, Utterance, connect
from reference_client.videosdk.listener import AgentListener, WorkerListener
from reference_client.videosdk.meeting import Meeting, MeetingListener
from reference_client.videosdk.renderer import PassThrough, Picture, Renderer
from reference_client.videosdk.room_socket import RoomSocket
from reference_client.videosdk.worker import AvatarWorker

__all__ = [
    "AgentConfig",
    "AgentListener",
    "AvatarAgent",
    "AvatarWorker",
    "Credentials",
    "Meeting",
    "MeetingListener",
    "PassThrough",
    "Picture",
    "Renderer",
    "RoomSocket",
    "Utterance",
    "WorkerConfig",
    "WorkerListener",
    "connect",
    "mint",
]
