"""Text responses, their turns, and what interrupts them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from avatar_protocols.liveavatar.v0_2.messages import MessageName
from conformance.checks import Findings, check, failed, passed
from conformance.checks.liveavatar._common import commanded, has_adapter, texts, top

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_protocols.trace import Record
    from conformance.trace import Socket, Trace

_TEXT = (MessageName.RESPONSE_START, MessageName.RESPONSE_CHUNK, MessageName.RESPONSE_DONE)
_AUDIO = (MessageName.RESPONSE_AUDIO_START, MessageName.RESPONSE_AUDIO_FINISH)
_CANCEL = MessageName.RESPONSE_CANCEL
_OVER = (MessageName.RESPONSE_DONE, MessageName.RESPONSE_AUDIO_FINISH, _CANCEL)
_VOICE = (MessageName.INPUT_VOICE_START, MessageName.INPUT_ASR_FINAL)


def _by_response(records: Iterable[Record]) -> dict[str, list[Record]]:
    """What was sent for each response, by its id, in order."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in texts(records, "client", *_TEXT, *_AUDIO, _CANCEL):
        found[str(top(record, "responseId"))].append(record)
    return dict(found)


def _turns(trace: Trace) -> dict[str, Record]:
    """The message that brought each turn about, by requestId."""
    turns: dict[str, Record] = {}
    for record in trace.messages():
        if (record.sender, record.name) == ("server", MessageName.INPUT_TEXT) or (
            record.sender == "client" and record.name in _VOICE
        ):
            turns.setdefault(str(top(record, "requestId")), record)
    return turns


@check("LAC-INPUT-002", role="client")
def responses_carry_the_turn(trace: Trace) -> Findings:
    """The requestId of an input.text stands in every response to it."""
    turns = _turns(trace)
    if not turns:
        return
    for record in texts(trace.records, "client", *_TEXT, *_AUDIO):
        turn = top(record, "requestId")
        source = turns.get(str(turn))
        if source is not None and source.seq < record.seq:
            yield passed(record, source)
        else:
            yield failed(
                record,
                f"{record.name} answers turn {turn!r}, which no input has begun; known turns: "
                f"{', '.join(turns)}",
            )


@check("LAC-INPUT-004", role="client")
def new_input_ends_the_response(trace: Trace) -> Findings:
    """A response in progress goes on no more when new input.text has arrived."""
    for socket in trace.sockets():
        for record in texts(socket.records, "server", MessageName.INPUT_TEXT):
            turn = top(record, "requestId")
            for open_id in _in_progress(socket, record, turn):
                later = [
                    r
                    for r in _by_response(socket.after(record)).get(open_id, ())
                    if r.name not in _AUDIO
                ]
                chunk = next((r for r in later if r.name == MessageName.RESPONSE_CHUNK), None)
                if chunk is not None:
                    yield failed(
                        chunk,
                        f"response {open_id} went on after input.text {turn} had arrived; "
                        "it must be abandoned",
                        record,
                    )
                elif later:
                    yield passed(later[0], record)


def _in_progress(socket: Socket, record: Record, turn: object) -> list[str]:
    """The responses to other turns that had begun and were not over at a record."""
    return [
        response_id
        for response_id, sent in _by_response(socket.before(record)).items()
        if not any(r.name in _OVER for r in sent) and top(sent[0], "requestId") != turn
    ]


@check("LAC-INPUT-005", role="client")
def one_turn_several_responses(trace: Trace) -> Findings:
    """Several responses to one turn, each under an id of its own."""
    by_turn: defaultdict[str, dict[str, Record]] = defaultdict(dict)
    for response_id, sent in _by_response(trace.records).items():
        begun = next((r for r in sent if r.name != _CANCEL), None)
        if begun is not None:
            by_turn[str(top(begun, "requestId"))].setdefault(response_id, begun)
    wanted = trace.expect.get("responses")
    for turn, responses in by_turn.items():
        if wanted is not None and len(responses) != wanted:
            yield failed(
                next(iter(responses.values())),
                f"turn {turn} was answered {wanted} times, under {len(responses)} responseId",
            )
        elif len(responses) > 1:
            yield passed(*responses.values())


@check("LAC-INPUT-006", role="client")
def response_ids_are_unique(trace: Trace) -> Findings:
    """No responseId is used for two responses."""
    for response_id, sent in _by_response(trace.records).items():
        turns = {top(r, "requestId") for r in sent if r.name != _CANCEL}
        starts = [r for r in sent if r.name in (MessageName.RESPONSE_START, _AUDIO[0])]
        over = next((r for r in sent if r.name in _OVER and r.name != _CANCEL), None)
        again = [r for r in starts if over is not None and r.seq > over.seq]
        if not response_id or response_id == "None":
            yield failed(sent[0], f"{sent[0].name} has no responseId")
        elif len(turns) > 1 or len(starts) > 1 or again:
            yield failed(
                sent[-1], f"responseId {response_id} stands for more than one response", sent[0]
            )
        else:
            yield passed(sent[0])


@check("LAC-RESP-003", role="client")
def self_made_speech_has_no_text(trace: Trace) -> Findings:
    """What the agent voices itself is sent without response.start, chunk and done."""
    for response_id, sent in _by_response(trace.records).items():
        audio = next((r for r in sent if r.name in _AUDIO), None)
        if audio is None:
            continue
        text = next((r for r in sent if r.name in _TEXT), None)
        if text is not None:
            yield failed(
                text,
                f"response {response_id} is voiced by the agent, yet {text.name} was sent",
                audio,
            )
        else:
            yield passed(audio)


@check("LAC-RESP-004", role="client")
def one_id_through_a_response(trace: Trace) -> Findings:
    """Start, chunks, done and cancel of a response have one responseId."""
    wanted = trace.expect.get("responses")
    responses = _by_response(texts(trace.records, "client", *_TEXT, _CANCEL))
    if wanted is not None and len(responses) > wanted:
        extra = list(responses.values())[-1]
        yield failed(
            extra[0],
            f"{wanted} responses were given, under {len(responses)} responseId: "
            f"{', '.join(responses)}",
        )
        return
    for sent in responses.values():
        if len(sent) > 1:
            yield passed(*sent)


@check("LAC-RESP-005", role="client")
def chunks_count_up_by_one(trace: Trace) -> Findings:
    """``seq`` rises by one per chunk of a response; where it begins is open."""
    for response_id, sent in _by_response(trace.records).items():
        chunks = [r for r in sent if r.name == MessageName.RESPONSE_CHUNK]
        for before, after in pairwise(chunks):
            last, number = top(before, "seq"), top(after, "seq")
            if isinstance(last, int) and number == last + 1:
                yield passed(after)
            else:
                yield failed(
                    after,
                    f"in response {response_id} chunk {last!r} is followed by {number!r}; "
                    "seq rises by one",
                    before,
                )
        if len(chunks) == 1:
            number = top(chunks[0], "seq")
            if isinstance(number, int) and not isinstance(number, bool):
                yield passed(chunks[0], observed=f"first seq {number}")
            else:
                yield failed(chunks[0], f"seq of the chunk is {number!r}, not an integer")


@check("LAC-RESP-006", role="client")
def chunks_have_a_timestamp(trace: Trace) -> Findings:
    """``timestamp`` of every chunk is an integer."""
    for record in texts(trace.records, "client", MessageName.RESPONSE_CHUNK):
        value = top(record, "timestamp")
        if isinstance(value, int) and not isinstance(value, bool):
            yield passed(record)
        else:
            yield failed(record, f"timestamp of the chunk is {value!r}, not an integer")


@check("LAC-RESP-007", role="client")
def responses_are_ended(trace: Trace) -> Findings:
    """Every text response ends by done, or by cancel."""
    for socket in trace.sockets():
        for response_id, sent in _by_response(socket.records).items():
            if not any(r.name in _TEXT for r in sent):
                continue
            if any(r.name in _OVER for r in sent):
                yield passed(sent[-1])
            elif socket.end is None and _ordered_to_end(trace):
                yield failed(
                    sent[-1],
                    f"response {response_id} ends with {sent[-1].name}, neither done nor cancelled",
                )


def _ordered_to_end(trace: Trace) -> bool:
    """Whether the application has said all it wanted, so that an end is due."""
    return bool(
        commanded(trace, MessageName.RESPONSE_DONE, _CANCEL)
        or [a for a in trace.answers("send_text") if (a.data or {}).get("answer") == "done"]
    )


@check("LAC-RESP-008", role="client")
def nothing_after_the_end(trace: Trace) -> Findings:
    """No chunk of a response follows its done or cancel."""
    for response_id, sent in _by_response(trace.records).items():
        over = next((r for r in sent if r.name in _OVER), None)
        if over is None:
            continue
        late = next(
            (r for r in sent if r.seq > over.seq and r.name == MessageName.RESPONSE_CHUNK), None
        )
        if late is not None:
            yield failed(late, f"a chunk of response {response_id} follows its {over.name}", over)
        else:
            yield passed(over)


@check("LAC-INT-002", role="client")
def input_needs_no_interrupt(trace: Trace) -> Findings:
    """Where input stops the speech by itself, control.interrupt is not sent."""
    if not has_adapter(trace):
        return  # nobody knows which interrupts the application wanted
    orders = len(commanded(trace, MessageName.CONTROL_INTERRUPT))
    interrupts = texts(trace.records, "client", MessageName.CONTROL_INTERRUPT)
    for socket in trace.sockets():
        for record in socket.messages():
            text = (record.sender, record.name) == ("server", MessageName.INPUT_TEXT)
            voice = (record.sender, record.name) == ("client", MessageName.INPUT_VOICE_START)
            if not text and not voice:
                continue
            extra = [r for r in interrupts if r.seq > record.seq][orders:]
            if extra:
                yield failed(
                    extra[0],
                    f"control.interrupt was sent although {record.name} stops the speech by itself",
                    record,
                )
            elif _by_response(socket.before(record)):
                yield passed(record)


@check("LAC-INT-007", role="client")
def interrupts_are_heeded(trace: Trace) -> Findings:
    """On control.interrupt the response is abandoned, or the application told so that it can."""
    for socket in trace.sockets():
        for record in texts(socket.records, "server", MessageName.CONTROL_INTERRUPT):
            told = next((e for e in trace.events("interrupted") if e.seq > record.seq), None)
            cancel = next(iter(texts(socket.after(record), "client", _CANCEL)), None)
            by_order = cancel is not None and any(
                record.seq < c.seq < cancel.seq for c in commanded(trace, _CANCEL)
            )
            if told is not None:
                yield passed(told, record, observed="told the application")
            elif cancel is not None and not by_order:
                yield passed(cancel, record, observed="abandoned the response")
            elif has_adapter(trace) and _in_progress(socket, record, None):
                yield failed(
                    record,
                    "the platform's control.interrupt was ignored: neither was the response "
                    "abandoned nor the application told",
                )


@check("LAC-INT-008", role="client")
def interrupts_are_not_acknowledged(trace: Trace) -> Findings:
    """control.interrupt has no answer of its own; abandoning the response is none."""
    for socket in trace.sockets():
        for record in texts(socket.records, "server", MessageName.CONTROL_INTERRUPT):
            orders = [c.seq for c in trace.commands() if c.seq > record.seq and _sends(c)]
            until = min(orders, default=trace.records[-1].seq + 1)
            answer = next(
                (
                    r
                    for r in socket.messages("client")
                    if record.seq < r.seq < until
                    and r.opcode == "text"
                    and r.name not in {_CANCEL, _AUDIO[1]}
                ),
                None,
            )
            if answer is not None:
                yield failed(
                    answer,
                    f"control.interrupt was answered by {answer.name or 'a message'}; no "
                    "acknowledgement exists",
                    record,
                )
            else:
                yield passed(record)


def _sends(command: Record) -> bool:
    return command.name.startswith("send_") or command.name == "interrupt"


@check("LAC-RECON-006", role="client")
def unfinished_responses_are_lost(trace: Trace) -> Findings:
    """What was unfinished when the connection was lost is not continued on the next one."""
    sockets = [s for s in trace.sockets() if s.is_open]
    for before, after in pairwise(sockets):
        unfinished = {
            response_id: sent[-1]
            for response_id, sent in _by_response(before.records).items()
            if not any(r.name in _OVER for r in sent)
        }
        resumed = _by_response(after.records)
        for response_id, last in unfinished.items():
            if response_id in resumed and resumed[response_id][0].name != _CANCEL:
                yield failed(
                    resumed[response_id][0],
                    f"response {response_id} was unfinished when the connection was lost and goes "
                    "on over the next one",
                    last,
                )
            elif after.messages("client"):
                yield passed(last)
