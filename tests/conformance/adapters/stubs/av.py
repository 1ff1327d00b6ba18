"""As much of PyAV's audio as the adapter uses: 16 bits, one channel; arrays are bytes."""

from types import SimpleNamespace


class Samples:
    """Stands in for an array of one row."""

    def __init__(self, pcm):
        self._pcm = pcm
        self.shape = (1, len(pcm) // 2)

    def __getitem__(self, key):
        _, cut = key
        return Samples(self._pcm[2 * cut.start : 2 * cut.stop])

    def tobytes(self):
        return self._pcm


class AudioFrame:
    layout = SimpleNamespace(name="mono")

    def __init__(self, samples):
        self._array = samples
        self.samples = samples.shape[1]
        self.sample_rate = 0

    @classmethod
    def from_ndarray(cls, samples, format, layout):  # noqa: A002 - theirs
        assert (format, layout) == ("s16", "mono")
        return cls(samples)

    def to_ndarray(self):
        return self._array
