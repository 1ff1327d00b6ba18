"""Ogg Opus streams: those that a client encodes, page by page, and those it passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from avatar_protocols.avatarkit.v0_1_7.constants import Ogg, Opus, Pcm
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._client import (
    AUDIO,
    Call,
    Request,
    audio_of,
    calls,
    configuration,
    envelope,
    openings,
    requests,
)
from conformance.checks.avatarkit._states import sent_after
from protocol_core.ogg import OggError, Page, PageReader
from protocol_core.opus import OpusError, OpusHead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.checks import Finding
    from conformance.checks.avatarkit._client import Opening
    from conformance.trace import Trace

_HEAD: Final = Opus.HEAD_MAGIC.encode()
_TAGS: Final = Opus.TAGS_MAGIC.encode()
HEADER_PAGES: Final = 2


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


def _pages(data: bytes) -> tuple[list[Page], str]:
    reader = PageReader(verify=False)
    pages: list[Page] = []
    try:
        pages += reader.feed(data)
        reader.close()
    except OggError as error:
        return pages, str(error)
    return pages, ""


def _encoding(trace: Trace) -> Iterator[tuple[Opening, list[Call], list[Request], int]]:
    """The sessions that encode: their calls, their requests, the announced rate."""
    found = list(openings(trace))
    ends = [*[opening.call.command.seq for opening in found[1:]], float("inf")]
    for opening, end in zip(found, ends, strict=True):
        sent = configuration(opening.socket) if opening.socket is not None else None
        if opening.setting("encoder") is None or opening.socket is None or sent is None:
            continue
        start = opening.call.command.seq
        given = [c for c in calls(trace, "send_audio") if start < c.command.seq < end]
        yield opening, given, requests(opening.socket), sent[1].sample_rate


def _streams(trace: Trace) -> Iterator[Stream]:
    """The encoded requests that the application has ended or that carry pages."""
    for _, given, found, rate in _encoding(trace):
        by_id: dict[str, int] = {}
        for call in given:
            if call.done:
                name = str(call.result.get("req_id") or "")
                by_id[name] = by_id.get(name, 0) + len(audio_of(call))
        for request in found:
            pages, problem = _pages(request.audio)
            yield Stream(
                request=request,
                rate=rate,
                given=by_id.get(request.req_id, 0),
                pages=pages,
                problem=problem,
            )


def _each(trace: Trace, judge: Callable[[Stream], str]) -> Findings:
    """Judge every stream that has pages; the judge says what is wrong, or nothing."""
    for stream in _streams(trace):
        if not stream.request.audio:
            continue
        wrong = judge(stream) if stream.pages else f"no Ogg pages: {stream.problem}"
        first = stream.request.records[0]
        yield failed(first, wrong) if wrong else passed(first)


@check("AVK-OGG-001", role="client")
def one_stream_a_request(trace: Trace) -> Findings:
    """Each req_id carries one stream: one beginning, one serial, whole pages, end=true."""

    def judge(stream: Stream) -> str:
        if stream.problem and stream.request.ended:
            return f"the stream is not continuous: {stream.problem}"
        starts = [number for number, page in enumerate(stream.pages) if page.bos]
        serials = {page.serial for page in stream.pages}
        if starts != [0] or len(serials) != 1:
            return f"{len(starts)} beginnings and {len(serials)} serials in one request, not one"
        return ""

    yield from _each(trace, judge)
    yield from _passed_on(trace)


def _passed_on(trace: Trace) -> Findings:
    """Requests of sessions that pass on encoded audio: one stream each, if it was given so."""
    for _, request, given in _given_encoded(trace):
        pages, problem = _pages(request.audio)
        whole, _ = _pages(given)
        if not whole or not request.ended:
            continue
        if problem or sum(page.bos for page in pages) != sum(page.bos for page in whole):
            yield failed(
                request.records[0],
                f"the stream given as one does not arrive as one: {problem or 'other pages'}",
            )
        else:
            yield passed(request.records[0])


@check("AVK-OGG-002", role="client")
def first_page(trace: Trace) -> Findings:
    """BOS page with OpusHead alone, granule 0, sequence 0."""

    def judge(stream: Stream) -> str:
        page = stream.pages[0]
        packets = page.packets()
        if not page.bos or page.continued or page.eos:
            return f"the first page has the flags {page.flags}, not {Ogg.FLAG_BOS} (BOS) alone"
        if len(packets) != 1 or not packets[0][0].startswith(_HEAD):
            return f"the first page does not hold {Opus.HEAD_MAGIC} alone"
        if (page.granule, page.sequence) != (0, 0):
            return f"the first page has granule {page.granule}, sequence {page.sequence}, not 0, 0"
        return ""

    return _each(trace, judge)


@check("AVK-OGG-003", role="client")
def opus_head(trace: Trace) -> Findings:
    """Version 1, one channel, family 0, the announced rate."""

    def judge(stream: Stream) -> str:
        try:
            head = OpusHead.unpack(stream.pages[0].body)
        except OpusError as error:
            return f"{Opus.HEAD_MAGIC} cannot be read: {error}"
        found = (head.version, head.channels, head.family, head.input_rate)
        wanted = (Opus.HEAD_VERSION, Opus.CHANNELS, Opus.MAPPING_FAMILY, stream.rate)
        if found != wanted:
            return (
                f"version, channels, family and rate of {Opus.HEAD_MAGIC} are {found}, not {wanted}"
            )
        return ""

    return _each(trace, judge)


@check("AVK-OGG-004", role="client")
def second_page(trace: Trace) -> Findings:
    """OpusTags alone, granule 0."""

    def judge(stream: Stream) -> str:
        if len(stream.pages) < HEADER_PAGES:
            return "there is no second page"
        page = stream.pages[1]
        packets = page.packets()
        if len(packets) != 1 or not packets[0][0].startswith(_TAGS):
            return f"the second page does not hold {Opus.TAGS_MAGIC} alone"
        return f"the second page has granule {page.granule}, not 0" if page.granule else ""

    return _each(trace, judge)


@check("AVK-OGG-005", role="client")
def one_packet_a_page(trace: Trace) -> Findings:
    """One packet on each audio page, none continued."""

    def judge(stream: Stream) -> str:
        for number, page in enumerate(stream.audio_pages, HEADER_PAGES):
            # An empty packet is a fault of the lacing, which AVK-OGG-010 judges.
            packets = [data for data, _ in page.packets() if data]
            whole = all(complete for _, complete in page.packets())
            if page.continued or not whole:
                return f"page {number} continues a packet"
            if len(packets) != 1:
                return f"page {number} holds {len(packets)} packets, not one"
        return ""

    return _each(trace, judge)


@check("AVK-OGG-006", role="client")
def numbers_and_serials(trace: Trace) -> Findings:
    """Sequence numbers rise by one from 0, the serial stays, and each request has its own."""

    def judge(stream: Stream) -> str:
        numbers = [page.sequence for page in stream.pages]
        if numbers != list(range(len(numbers))):
            return f"page sequence numbers are {numbers[:12]}, not 0, 1, 2, …"
        if len({page.serial for page in stream.pages}) != 1:
            return "the serial number changes within the stream"
        return ""

    yield from _each(trace, judge)
    owner: dict[int, str] = {}
    for stream in _streams(trace):
        if stream.pages:
            serial, req_id = stream.pages[0].serial, stream.request.req_id
            if owner.setdefault(serial, req_id) != req_id:
                yield failed(
                    stream.request.records[0], f"the serial {serial} is that of an earlier request"
                )


@check("AVK-OGG-007", role="client")
def crc_is_right(trace: Trace) -> Findings:
    """Every page has a correct CRC."""

    def judge(stream: Stream) -> str:
        wrong = [number for number, page in enumerate(stream.pages) if not page.crc_valid]
        return f"the CRC of page {wrong[0]} is wrong" if wrong else ""

    return _each(trace, judge)


@check("AVK-OGG-008", role="client")
def end_of_stream(trace: Trace) -> Findings:
    """EOS on the last audio page and only there; its granule counts real samples only."""
    for stream in _streams(trace):
        if stream.request.ended and stream.audio_pages and not stream.problem:
            yield _ending(stream)


def _ending(stream: Stream) -> Finding:
    record = stream.request.records[-1]
    marked = [number for number, page in enumerate(stream.pages) if page.eos]
    last = len(stream.pages) - 1
    if marked != [last]:
        return failed(record, f"EOS is on the pages {marked}, not on the last one, {last}")
    samples = stream.given // Pcm.SAMPLE_BYTES * Opus.GRANULE_RATE // stream.rate
    try:
        pre_skip = OpusHead.unpack(stream.pages[0].body).pre_skip
    except OpusError:
        pre_skip = Opus.PRE_SKIP
    granule = stream.pages[-1].granule
    # Both readings of OP-19: with the pre-skip, as RFC 7845 and the shipped encoder, or without.
    forms = {samples + pre_skip: "with pre-skip", samples: "without pre-skip"}
    if granule not in forms:
        return failed(
            record,
            f"the last granule position is {granule}; {samples} samples at 48 kHz were given, "
            f"which makes {samples + pre_skip} (or {samples}); padding does not count",
        )
    return passed(record, observed=forms[granule])


@check("AVK-OGG-010", role="client")
def lacing(trace: Trace) -> Findings:
    """A packet is laced as its size says: no empty packet behind one of a multiple of 255."""
    for stream in _streams(trace):
        multiples, wrong = 0, ""
        for number, page in enumerate(stream.pages):
            packets = page.packets()
            for (data, _), (following, _) in zip(
                packets, [*packets[1:], (b"x", True)], strict=True
            ):
                full = bool(data) and len(data) % Ogg.LACING == 0
                multiples += full
                if full and not following:
                    wrong = wrong or (
                        f"page {number}: a packet of {len(data)} bytes is laced "
                        f"{list(page.segments)}, which adds an empty packet; "
                        "RFC 3533 ends it with a single 0"
                    )
        if wrong:
            yield failed(stream.request.records[0], wrong)
        elif stream.pages:
            yield passed(
                stream.request.records[0],
                observed=f"{multiples} packets of a multiple of 255 bytes",
            )


# -- audio that comes encoded ----------------------------------------------------------------------


def _given_encoded(trace: Trace) -> Iterator[tuple[list[Call], Request, bytes]]:
    """The requests of sessions that pass on encoded audio: calls, request, bytes given."""
    for opening in openings(trace):
        ogg = opening.setting("audio_format") == "ogg_opus"
        if not ogg or opening.setting("encoder") is not None or opening.socket is None:
            continue
        for request in requests(opening.socket):
            mine = [
                call
                for call in calls(trace, "send_audio")
                if call.done and call.result.get("req_id") == request.req_id
            ]
            yield mine, request, b"".join(map(audio_of, mine))


@check("AVK-OGG-012", role="client")
def passed_on_unchanged(trace: Trace) -> Findings:
    """Encoded audio is passed on byte for byte."""
    for _, request, given in _given_encoded(trace):
        if request.audio == given:
            yield passed(*request.records)
        else:
            yield failed(
                request.records[0],
                f"{len(request.audio)} bytes were passed on, which are not the {len(given)} given",
            )


# -- calls of an encoder ---------------------------------------------------------------------------


@check("AVK-OGG-015", role="client")
def even_number_of_bytes(trace: Trace) -> Findings:
    """An odd number of PCM bytes is refused locally."""
    for _, given, _, _ in _encoding(trace):
        for call in given:
            if call.answer is None or len(audio_of(call)) % Pcm.SAMPLE_BYTES == 0:
                continue
            if call.error is not None and call.error.local:
                yield passed(call.answer)
            else:
                yield failed(
                    call.answer,
                    f"{len(audio_of(call))} bytes of PCM were answered by "
                    f"{call.error or call.kind}, not refused locally",
                )


@check("AVK-OGG-016", role="client")
def nothing_without_a_page(trace: Trace) -> Findings:
    """A call that completes no page sends no message."""
    for _, given, _, _ in _encoding(trace):
        for call in given:
            if not call.done or call.params.get("end"):
                continue
            if not sent_after(trace, call, AUDIO):
                yield passed(call.answer)
    for record in trace.messages("client", AUDIO):
        message = envelope(record)
        if message is None:
            continue
        chunk = message.client_audio_input
        if not chunk.audio and not chunk.end:
            yield failed(record, "an audio message without audio and without end=true")


@check("AVK-OGG-017", role="client")
def empty_request(trace: Trace) -> Findings:
    """A request without PCM ends by empty audio, without a page."""
    for _, given, found, _ in _encoding(trace):
        for request in found:
            mine = [c for c in given if c.done and c.result.get("req_id") == request.req_id]
            if not mine or any(map(audio_of, mine)) or not request.ended:
                continue
            if request.audio:
                yield failed(
                    request.records[0],
                    f"a request without PCM carries {len(request.audio)} bytes, not empty audio",
                )
            else:
                yield passed(request.records[-1])


@check("AVK-OGG-019", role="client")
def encoder_settings(trace: Trace) -> Findings:
    """Frame durations and applications beyond the listed ones are refused locally."""
    for opening in openings(trace):
        settings: dict[str, Any] = opening.setting("encoder") or {}
        duration = settings.get("frame_duration_ms", Opus.FRAME_DURATION_DEFAULT)
        application = settings.get("application", Opus.APPLICATION_DEFAULT)
        if duration in Opus.FRAME_DURATIONS and application in Opus.APPLICATIONS:
            continue
        what = f"an encoder of {duration} ms for {application!r}"
        sent = trace.first(kind="message", sender="client", name=AUDIO)
        refusals = [
            call.error
            for name in ("open", "send_audio")
            for call in calls(trace, name)
            if call.error is not None
        ]
        if sent is not None:
            yield failed(sent, f"{what} was accepted and audio was sent")
        elif any(error.local for error in refusals):
            yield passed(refusals[0].record)
        elif refusals:
            yield failed(refusals[0].record, f"{what} led to {refusals[0]}, not a local refusal")
        elif calls(trace, "send_audio"):
            yield failed(opening.call.answer, f"{what} was accepted, not refused locally")
