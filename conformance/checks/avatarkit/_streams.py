"""What the checks of Ogg Opus share: the encoded requests of a trace, cut into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import AudioFormatName
from conformance.checks.avatarkit._client import (
    Call,
    Opening,
    Request,
    audio_of,
    calls,
    configuration,
    openings,
    requests,
)
from protocol_core.ogg import OggError, Page, PageReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.trace import Trace

__all__ = ["HEADER_PAGES", "Stream", "encoded_streams", "encoding", "given_encoded", "pages_of"]

HEADER_PAGES = 2
"""Pages of a stream before its audio: OpusHead and OpusTags."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a session that encodes.

    Attributes:
        request: its messages.
        rate: the announced rate in Hz.
        given: bytes of PCM that the application gave for it.
        pages: its pages, as far as they can be read.
        problem: why the rest cannot be read; "" if all could.
    """

    request: Request
    rate: int
    given: int
    pages: list[Page]
    problem: str

    @property
    def audio_pages(self) -> list[Page]:
        return self.pages[HEADER_PAGES:]


def pages_of(data: bytes) -> tuple[list[Page], str]:
    """The pages in these bytes, and why the rest cannot be read; CRCs are not looked at."""
    reader = PageReader(verify=False)
    pages: list[Page] = []
    try:
        pages += reader.feed(data)
        reader.close()
    except OggError as error:
        return pages, str(error)
    return pages, ""


def encoding(trace: Trace) -> Iterator[tuple[Opening, list[Call], list[Request], int]]:
    """The sessions that encode: their calls, their requests, the announced rate."""
    for opening in openings(trace):
        sent = configuration(opening.socket) if opening.socket is not None else None
        if opening.setting("encoder") is None or opening.socket is None or sent is None:
            continue
        start, until = opening.call.command.seq, opening.until
        given = [c for c in calls(trace, "send_audio") if start < c.command.seq < until]
        yield opening, given, requests(opening.socket), sent[1].sample_rate


def encoded_streams(trace: Trace) -> Iterator[Stream]:
    """The encoded requests that the application has ended or that carry pages."""
    for _, given, found, rate in encoding(trace):
        by_id: dict[str, int] = {}
        for call in given:
            if call.done:
                name = str(call.result.get("req_id") or "")
                by_id[name] = by_id.get(name, 0) + len(audio_of(call))
        for request in found:
            pages, problem = pages_of(request.audio)
            yield Stream(
                request=request,
                rate=rate,
                given=by_id.get(request.req_id, 0),
                pages=pages,
                problem=problem,
            )


def given_encoded(trace: Trace) -> Iterator[tuple[list[Call], Request, bytes]]:
    """The requests of sessions that pass on encoded audio: calls, request, bytes given."""
    for opening in openings(trace):
        ogg = opening.setting("audio_format") == AudioFormatName.OGG_OPUS
        if not ogg or opening.setting("encoder") is not None or opening.socket is None:
            continue
        for request in requests(opening.socket):
            mine = [
                call
                for call in calls(trace, "send_audio")
                if call.done and call.result.get("req_id") == request.req_id
            ]
            yield mine, request, b"".join(map(audio_of, mine))
