"""Stands in for a module of the vendor's package."""

import json

from aiavatar.adapter.client import ClientBase


class HttpClient:
    open = True

    async def aclose(self):
        self.open = False


class AIAvatarHttpClient(ClientBase):
    def __init__(self, **options):
        super().__init__(**options)
        self.http_client = HttpClient()

    async def send_request(self, request):
        if request.text == "options":
            told = {"url": self.url, **self.options, "begun": self.begun}
            await self.respond(type="final", text=json.dumps(told))
            return
        await super().send_request(request)

    async def start_listening(
        self, session_id="http_session", user_id="http_user", context_id=None
    ):
        await self.begin(session_id=session_id, user_id=user_id, context_id=context_id)

    async def stop_listening(self, session_id):
        if session_id == self.begun["session_id"]:
            self.over.set()
