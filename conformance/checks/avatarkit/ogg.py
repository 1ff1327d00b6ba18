"""Ogg Opus streams: those that a client encodes, page by page, and those it passes on."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from avatar_protocols.avatarkit.v0_1_7.constants import Ogg, Opus, Pcm
from conformance.checks import Findings, check, failed, passed
from conformance.checks.avatarkit._streams import (
    HEADER_PAGES,
    Stream,
    encoded_streams,
    given_encoded,
    pages_of,
)
from protocol_core.opus import OpusError, OpusHead

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.checks import Finding
    from conformance.trace import Trace

_HEAD: Final = Opus.HEAD_MAGIC.encode()
_TAGS: Final = Opus.TAGS_MAGIC.encode()


def _each(trace: Trace, judge: Callable[[Stream], str]) -> Findings:
    """Judge every stream that has pages; the judge says what is wrong, or nothing."""
    for stream in encoded_streams(trace):
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
    for _, request, given in given_encoded(trace):
        pages, problem = pages_of(request.audio)
        whole, _ = pages_of(given)
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
    for stream in encoded_streams(trace):
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
    for stream in encoded_streams(trace):
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
    for stream in encoded_streams(trace):
        multiples, wrong = 0, ""
        for number, page in enumerate(stream.pages):
            packets = page.packets()
            for (data, _), (following, _) in itertools.pairwise([*packets, (b"x", True)]):
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


@check("AVK-OGG-012", role="client")
def passed_on_unchanged(trace: Trace) -> Findings:
    """Encoded audio is passed on byte for byte."""
    for _, request, given in given_encoded(trace):
        if request.audio == given:
            yield passed(*request.records)
        else:
            yield failed(
                request.records[0],
                f"{len(request.audio)} bytes were passed on, which are not the {len(given)} given",
            )
