"""What holds connections to services, and has to be closed."""

OPEN = set()


class Part:
    def __init__(self):
        OPEN.add(self)

    async def close(self):
        OPEN.remove(self)
