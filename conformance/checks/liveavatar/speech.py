"""Developer ASR: who says what was said, and in which order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.commands import option
from conformance.checks.liveavatar._common import (
    data_of,
    texts,
    top,
)
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace

#: The events of an utterance and the order of their kinds.
_RANK = {
    MessageName.INPUT_VOICE_START: 0,
    MessageName.INPUT_ASR_PARTIAL: 1,
    MessageName.INPUT_VOICE_FINISH: 2,
    MessageName.INPUT_ASR_FINAL: 3,
}
_NEEDED = (
    MessageName.INPUT_VOICE_START,
    MessageName.INPUT_VOICE_FINISH,
    MessageName.INPUT_ASR_FINAL,
)
_ANSWERS = (
    MessageName.RESPONSE_START,
    MessageName.RESPONSE_CHUNK,
    MessageName.RESPONSE_AUDIO_START,
)


def _utterances(trace: Trace) -> dict[str, list[Record]]:
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in texts(trace.records, "client", *_RANK):
        found[str(top(record, "requestId"))].append(record)
    return dict(found)


@check("LAC-ASR-001", role="client")
def the_owner_recognises(trace: Trace) -> Findings:
    """Speech events come from the agent if, and only if, it owns speech recognition."""
    owner = option(trace, "developer_asr")
    spoken = texts(trace.records, "client", *_RANK)
    if owner is False:
        if spoken:
            yield failed(
                spoken[0],
                f"the platform recognises the speech, yet the agent sent {spoken[0].name}",
            )
        elif trace.events("text"):
            yield passed(trace.events("text")[0])
    elif owner is True:
        results = [r for r in spoken if r.name == MessageName.INPUT_ASR_FINAL]
        if results:
            yield passed(results[0])
        elif trace.commands("send_event"):
            yield failed(None, "the agent owns speech recognition and sent no input.asr.final")


@check("LAC-ASR-004", role="client")
def utterances_are_in_order(trace: Trace) -> Findings:
    """voice.start, partials, voice.finish, asr.final, for each utterance."""
    for turn, sent in _utterances(trace).items():
        ranks = [_RANK[MessageName(r.name)] for r in sent]
        names = [r.name for r in sent]
        absent = [name for name in _NEEDED if names.count(name) != 1]
        if ranks != sorted(ranks):
            index = next(i for i in range(1, len(ranks)) if ranks[i] < ranks[i - 1])
            yield failed(
                sent[index], f"utterance {turn}: {names[index]} follows {names[index - 1]}"
            )
        elif absent:
            yield failed(
                sent[-1], f"utterance {turn} has {names.count(absent[0])} {absent[0]}, not one"
            )
        else:
            yield passed(*sent)


@check("LAC-ASR-006", role="client")
def partials_and_finals_differ(trace: Trace) -> Findings:
    """Partials have ``final`` false and a rising seq; finals have neither member."""
    for turn, sent in _utterances(trace).items():
        last: int | None = None
        for record in sent:
            if record.name == MessageName.INPUT_ASR_PARTIAL:
                number = top(record, "seq")
                if data_of(record, "final") is not False:
                    yield failed(record, f"final of a partial is {data_of(record, 'final')!r}")
                elif not isinstance(number, int) or (last is not None and number <= last):
                    yield failed(
                        record,
                        f"utterance {turn}: partial {last!r} is followed by {number!r}; "
                        "seq must rise",
                    )
                else:
                    last = number
                    yield passed(record)
            elif record.name == MessageName.INPUT_ASR_FINAL:
                inner = members_of(top(record, "data"))
                extra = [m for m in ("seq",) if m in (record.data or {})]
                extra += [m for m in ("final",) if m in inner]
                if extra:
                    yield failed(record, f"input.asr.final has member {extra[0]}; it has none")
                else:
                    yield passed(record)


@check("LAC-INPUT-007", role="client")
def one_turn_per_utterance(trace: Trace) -> Findings:
    """An utterance has one requestId, and the response to it has the same."""
    utterances = _utterances(trace)
    if option(trace, "developer_asr") is not True:
        return
    wanted = trace.expect.get("utterances")
    if wanted is not None and len(utterances) != wanted:
        records = [r for sent in utterances.values() for r in sent]
        yield failed(
            records[-1] if records else None,
            f"{wanted} utterances were reported under {len(utterances)} requestId",
        )
        return
    for record in texts(trace.records, "client", *_ANSWERS):
        turn = str(top(record, "requestId"))
        if turn in utterances:
            yield passed(record, utterances[turn][0])
        else:
            yield failed(
                record, f"{record.name} answers turn {turn!r}, which is no utterance reported here"
            )
