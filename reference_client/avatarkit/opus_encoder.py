"""The Opus encoder: `opuslib` over the system's libopus, loaded only when it is asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import Pcm
from protocol_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.avatarkit.encoding import OpusEncoder

__all__ = ["HINT", "load_encoder"]

logger = logging.getLogger(__name__)

HINT: Final = (
    "pip install 'understudy[opus]', and libopus itself: apt-get install libopus0, "
    "dnf install opus, or brew install opus"
)


def load_encoder() -> Callable[[int, int, str], OpusEncoder]:
    """What makes encoders, from sample rate (Hz), bitrate (bit/s, 0 for its own) and application.

    Raises:
        ConfigurationError: opuslib or libopus is not installed; says what to install.
    """
    try:
        import opuslib
    except ImportError as error:
        raise _missing("opuslib is not installed") from error
    except Exception as error:  # opuslib raises a plain Exception without libopus
        raise _missing(f"opuslib cannot be used: {error}") from error

    def make(sample_rate: int, bitrate: int, application: str) -> OpusEncoder:
        encoder: OpusEncoder = opuslib.Encoder(sample_rate, Pcm.CHANNELS, application)
        if bitrate:
            try:
                encoder.bitrate = bitrate  # type: ignore[attr-defined]  # opuslib makes it when it runs
            except opuslib.OpusError:  # AVK-AUDIO-013
                logger.warning("libopus refuses a bitrate of %d bit/s; using its own", bitrate)
        return encoder

    return make


def _missing(problem: str) -> ConfigurationError:
    return ConfigurationError(problem, setting="encoder", hint=HINT)
