"""Silent devices in place of PyAudio, which needs PortAudio and a sound card."""

import time

paInt16 = 8  # noqa: N816 - PyAudio's name
DEVICE = {
    "index": 0,
    "name": "silence",
    "maxInputChannels": 1,
    "maxOutputChannels": 1,
    "defaultSampleRate": 16000.0,
}


class Stream:
    def __init__(self, rate=16000, **_):
        self.rate = rate

    def read(self, frames, **_):
        time.sleep(frames / self.rate)
        return bytes(2 * frames)

    def write(self, data):
        """Played at once."""

    def stop_stream(self):
        """Nothing runs."""

    def close(self):
        """Nothing is open."""


class PyAudio:
    def open(self, **options):
        return Stream(**options)

    def get_format_from_width(self, width):
        return width

    def get_default_input_device_info(self):
        return dict(DEVICE)

    get_default_output_device_info = get_default_input_device_info

    def terminate(self):
        """Nothing to end."""
