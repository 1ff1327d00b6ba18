"""What a client plays, in which order, and what stop does to it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from conformance.checks import Findings, check, failed, passed
from conformance.checks.aiavatar._client import Sent, audio_of, pcm_of
from conformance.trace import members_of

if TYPE_CHECKING:
    from avatar_protocols.trace import Record
    from conformance.trace import Trace


def _played(record: Record) -> bytes:
    return pcm_of(base64.b64decode(members_of(record.data).get("audio") or ""))


def _spoken(trace: Trace) -> list[Record]:
    return [r for r in trace.messages("server", Sent.CHUNK) if audio_of(r)]


@check("AIA-AUDIO-007", role="client")
def played_in_order(trace: Trace) -> Findings:
    """What is played is what has arrived, in that order."""
    if trace.messages("server", Sent.STOP) and len(trace.messages("server", Sent.START)) > 1:
        return  # something was cut off; AIA-INT-002 judges that
    plays = trace.events("play")
    arrived = b"".join(pcm_of(audio_of(r) or b"") for r in _spoken(trace))
    heard = b""
    for play in plays:
        audio = _played(play)
        if audio and arrived[len(heard) :].startswith(audio):
            heard += audio
            yield passed(play)
        else:
            yield failed(play, "what is played here is not what arrived next")
            return


@check("AIA-INT-002", role="client")
def stop_silences(trace: Trace) -> Findings:
    """On stop the sound that plays is cut off, and nothing of what was queued is played."""
    for stop in trace.messages("server", Sent.STOP):
        spoken = [r for r in _spoken(trace) if r.seq < stop.seq]
        playing = _playing(trace, stop)
        if not spoken or playing is None:
            continue
        cut = _cut(trace, playing)
        stale = _stale(trace, stop, spoken, cut)
        if stale is not None:
            yield failed(stale, "what was queued before stop is played all the same", stop)
        elif cut is None:
            yield failed(playing, "the sound was not cut off by stop", stop)
        else:
            yield passed(stop, cut)


def _playing(trace: Trace, stop: Record) -> Record | None:
    """The sound that is heard when stop is sent; None if it is silent then."""
    begun = [r for r in trace.events("play") if r.seq < stop.seq]
    over = [r for r in trace.events("played") if r.seq < stop.seq]
    return begun[-1] if len(begun) > len(over) else None


def _cut(trace: Trace, playing: Record) -> Record | None:
    """The event that says that a sound was cut off."""
    end = next((r for r in trace.events("played") if r.seq > playing.seq), None)
    if end is not None and members_of(end.data).get("completed") is False:
        return end
    flush = next((r for r in trace.events("flush") if r.seq > playing.seq), None)
    cut = flush is not None and members_of(flush.data).get("playing") is True
    return flush if cut and (end is None or (flush is not None and flush.seq < end.seq)) else None


def _stale(trace: Trace, stop: Record, spoken: list[Record], cut: Record | None) -> Record | None:
    """A sound of before that begins after stop has taken effect."""
    old = b"".join(pcm_of(audio_of(r) or b"") for r in spoken)
    new = b"".join(pcm_of(audio_of(r) or b"") for r in _spoken(trace) if r.seq > stop.seq)
    since = stop if cut is None else cut
    for play in trace.events("play"):
        audio = _played(play)
        if play.seq > since.seq and audio and audio in old and audio not in new:
            return play
    return None
