"""As much of FastAPI as the adapter uses: coroutines by path."""


class FastAPI:
    def __init__(self):
        self.routes = {}

    def include_router(self, router):
        self.routes |= router

    async def __call__(self, scope, _, send):
        path = scope.pop("path")
        await self.routes[path](send, **scope)
        send({"end": path})
