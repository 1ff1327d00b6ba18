"""Stands in for a module of the vendor's package."""

from aiavatar.sts.parts import OPEN


class AIAvatarHttpServer:
    def __init__(self, *, sts, api_key):
        self.sts, self.api_key = sts, api_key

    def get_api_router(self, *, stt):
        async def chat(send, **request):
            await self.sts.invoke(send, **request)

        async def transcribe(send):
            send({"text": await stt.transcribe(b"")})

        async def settings(send):
            send({"api_key": self.api_key, "open": len(OPEN), **self.sts.told()})

        return {"/chat": chat, "/transcribe": transcribe, "/settings": settings}
