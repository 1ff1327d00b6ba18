"""Stands in for a module of the vendor's package."""


class AIAvatarWebSocketServer:
    def __init__(self, *, sts, response_audio_chunk_size):
        self.sts, self.chunk_size = sts, response_audio_chunk_size

    def get_websocket_router(self):
        async def talk(send, **request):
            await self.sts.invoke(send, **request)

        async def settings(send):
            send({"chunk_size": self.chunk_size, **self.sts.told()})

        return {"/ws": talk, "/ws/settings": settings}
