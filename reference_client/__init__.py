"""Reference clients: one typed asyncio client per protocol.

Each is what a user would copy from: ``async with``, every documented feature, errors as classes,
nothing left running. The I/O stands in two thin shells (`reference_client.websocket`,
`reference_client.http`); what the protocols mean stands in `protocol_core`.
"""

from __future__ import annotations
