"""A client's requests: which one takes the next audio, which one an interrupt stops.

Every step can be taken back, because a send can fail after the fact: the request is then again what
it was before (AVK-AUDIO-012, AVK-INT-008).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import PROTOCOL, Limit, Pcm
from protocol_core.avatarkit import codec
from protocol_core.avatarkit.config import AudioFormat
from protocol_core.avatarkit.encoding import PcmEncoding
from protocol_core.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.avatarkit.config import SessionConfig
    from protocol_core.avatarkit.encoding import OpusEncoder

__all__ = ["Outgoing", "OutgoingRequests"]

#: Most audio bytes of one message; what is left of the limit is for the rest of the message.
CHUNK_BYTES: Final = Limit.MESSAGE_BYTES - 1024


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What a call wants sent.

    Attributes:
        req_id: the request concerned.
        messages: the messages, in order; perhaps none (AVK-OGG-016).
        encoded: the whole Ogg Opus stream, when encoding of the request has just been completed.
    """

    req_id: str
    messages: list[bytes]
    encoded: bytes | None = None


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    """The request that takes the next audio."""

    req_id: str
    pcm_bytes: int = 0
    encoding: PcmEncoding | None = None


class OutgoingRequests:
    """The requests of one connection, on the client's side.

    Args:
        config: the session's settings.
        mint: makes a fresh request id.
        make_encoder: makes an Opus encoder.
        make_serial: makes the serial number of an Ogg stream.

    Attributes:
        latest: the most recent request, or "".
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        mint: Callable[[], str],
        make_encoder: Callable[[int, int, str], OpusEncoder] | None,
        make_serial: Callable[[], int],
    ) -> None:
        self._config = config
        self._mint = mint
        self._make_encoder = make_encoder
        self._make_serial = make_serial
        self._open: _Open | None = None
        self._before: tuple[str, _Open | None] = ("", None)
        self.latest = ""

    @property
    def open_id(self) -> str:
        """The request that takes the next audio; "" if that will start a new one."""
        return "" if self._open is None else self._open.req_id

    def audio(self, audio: bytes, *, end: bool) -> Outgoing:
        """Audio for the open request, or for a new one (AVK-REQ-001).

        Raises:
            LocalProtocolError: the bytes are not whole samples; nothing has changed.
        """
        current = self._open
        pcm_bytes, encoding = (
            (0, None) if current is None else (current.pcm_bytes, current.encoding)
        )
        payload, encoded = audio, None
        if self._config.encoder is not None:
            encoding = encoding or self._new_encoding()
            payload = encoding.encode(audio, end=end)
            encoded = bytes(encoding.stream) if end and encoding.stream else None
        elif self._config.audio_format is AudioFormat.PCM_S16LE:
            pcm_bytes = _count(pcm_bytes + len(audio), end=end)
        self._before = (self.latest, current)
        req_id = self._mint() if current is None else current.req_id
        self.latest = req_id
        self._open = None if end else _Open(req_id=req_id, pcm_bytes=pcm_bytes, encoding=encoding)
        silent = encoding is not None and not payload and not end
        messages = [] if silent else _messages(req_id, payload, end=end)
        return Outgoing(req_id=req_id, messages=messages, encoded=encoded)

    def interrupt(self) -> Outgoing:
        """Stop the most recent request; the next audio starts a new one (AVK-INT-004).

        Raises:
            LocalProtocolError: there was no request yet.
        """
        if not self.latest:
            raise LocalProtocolError(
                "there is no request to interrupt", protocol=PROTOCOL, requirement="AVK-INT-003"
            )
        self._before = (self.latest, self._open)
        self._open = None
        return Outgoing(req_id=self.latest, messages=[codec.interrupt(self.latest)])

    def undo(self) -> None:
        """The latest step did not go out."""
        self.latest, self._open = self._before

    def clear(self) -> None:
        """Forget everything; ids end with the connection (AVK-REQ-008)."""
        self.latest, self._open = self._before = ("", None)

    def _new_encoding(self) -> PcmEncoding:
        if self._make_encoder is None:
            raise LocalProtocolError("there is no Opus encoder", protocol=PROTOCOL)
        return PcmEncoding(self._config, self._make_encoder, self._make_serial())


def _messages(req_id: str, audio: bytes, *, end: bool) -> list[bytes]:
    """One message, or several where one would exceed what a peer need accept (OP-22).

    Chunk borders mean nothing (AVK-AUDIO-007), so that is the same audio.
    """
    starts = range(0, len(audio), CHUNK_BYTES) or (0,)
    return [
        codec.audio(req_id, audio[start : start + CHUNK_BYTES], end=end and start == starts[-1])
        for start in starts
    ]


def _count(total: int, *, end: bool) -> int:
    """Chunks may be cut anywhere (OP-28), but a request is made of whole samples."""
    if end and total % Pcm.SAMPLE_BYTES:
        raise LocalProtocolError(
            "16-bit PCM has an even number of bytes",
            protocol=PROTOCOL,
            requirement="AVK-AUDIO-004",
            value=total,
            hint="a request ends with a whole sample",
        )
    return total
