"""Stands in for a module of the vendor's package."""

from .held import Held


class AnimationControllerBase(Held):
    def __init__(self):
        super().__init__()
        self.animations = {"idling": 0, "waving_arm": 1}
        self.current_animation = "idling"

    async def animate(self, name, duration):
        self.current_animation = name if name in self.animations else {}[name]
        self.hold(duration)

    def reset(self):
        self.current_animation = "idling"
