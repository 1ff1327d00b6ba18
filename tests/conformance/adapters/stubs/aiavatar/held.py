"""What faces and animations share: a thread that ends them, by the time of day."""

import threading
from time import sleep, time


class Held:
    def __init__(self):
        self.reset_at = None
        threading.Thread(target=self._watch, daemon=True, name=f"held {id(self)}").start()

    def _watch(self):
        while True:
            if self.reset_at and time() >= self.reset_at:
                self.reset()
                self.reset_at = None
            sleep(0.001)

    def hold(self, duration):
        if duration > 0:
            self.reset_at = time() + duration
