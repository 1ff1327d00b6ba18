"""Stands in for a module of the vendor's package."""

from .held import Held


class FaceControllerBase(Held):
    def __init__(self):
        super().__init__()
        self.faces = {"neutral": "", "joy": ""}
        self.current_face = "neutral"

    async def set_face(self, name, duration):
        self.current_face = name if name in self.faces else {}[name]
        self.hold(duration)

    def reset(self):
        self.current_face = "neutral"
