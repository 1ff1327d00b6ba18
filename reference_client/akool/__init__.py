"""The Akool reference client; see `reference_client.akool.client`."""

from __future__ import annotations

from protocol_core.akool.config import ClientConfig
from protocol_core.akool.parameters import Parameters
from reference_client.akool.client import AkoolClient, ConnectionInfo, connect
from reference_client.akool.listener import Listener

__all__ = [
    "AkoolClient",
    "ClientConfig",
    "ConnectionInfo",
    "Listener",
    "Parameters",
    "connect",
]
