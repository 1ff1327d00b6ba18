"""Stands in for a module of the vendor's package."""

import asyncio
from types import SimpleNamespace

from aiavatar.adapter.client import FAILURES, ClientBase, fail


class AIAvatarWebSocketClient(ClientBase):
    websocket_connection = None

    async def start_listening(self, session_id="ws_session", user_id="ws_user", context_id=None):
        if self.behaviour == "hang":
            await asyncio.wait_for(asyncio.Event().wait(), 10)
        if self.behaviour in FAILURES:
            fail(self.behaviour)
        link = self.websocket_connection = SimpleNamespace(close_code=None, close_reason=None)
        await self.respond(
            type="connected", session_id=session_id, user_id=user_id, context_id=context_id
        )
        await self.begin(session_id=session_id)
        link.close_code, link.close_reason = 1000, "bye"

    async def stop_listening(self, session_id):
        if session_id == self.begun.get("session_id"):
            self.over.set()
