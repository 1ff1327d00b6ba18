from __future__ import annotations

from mock_servers.avatarkit.animation import Answer, Responder, frame_content
from protocol_core.clock import ManualClock


class Meter:
    seconds = 0.0


def make(clock, sent, *, pace=True):
    return Responder(
        send=lambda req_id, end, _: sent.append((round(clock.now(), 3), req_id, end)),
        later=clock.call_at,
        now=clock.now,
        seed="1",
        pace=pace,
    )


def answer(name, seconds, *, ended=True):
    meter = Meter()
    meter.seconds = seconds
    return Answer(req_id=name, meter=meter, number=0, ended=ended)


def test_the_last_chunk_waits_until_it_is_known_to_be_the_last():
    clock, sent = ManualClock(), []
    responder = make(clock, sent, pace=False)
    request = answer("a", 0.4, ended=False)
    responder.add(request)
    responder.run()
    assert sent == [(0, "a", False)]
    request.ended = True
    responder.run()
    assert sent == [(0, "a", False), (0, "a", True)]
    assert not responder.queue


def test_a_gap_in_the_audio_delays_what_follows_and_no_more():
    clock, sent = ManualClock(), []
    responder = make(clock, sent)
    request = answer("a", 0.4, ended=False)
    responder.add(request)
    responder.run()
    clock.advance(3)
    request.meter.seconds = 1.0
    responder.run()
    clock.advance(1)
    assert [moment for moment, _, _ in sent] == [0, 3.0, 3.2, 3.4]


def test_dropping_what_waits_leaves_the_rest_in_time():
    clock, sent = ManualClock(), []
    responder = make(clock, sent)
    for name in ("a", "b", "c"):
        responder.add(answer(name, 0.4))
    responder.run()
    responder.drop("b")
    clock.advance(0.3)
    responder.drop("a")
    clock.advance(5)
    assert sent == [(0, "a", False), (0.2, "a", True), (0.4, "c", False), (0.6, "c", True)]


def test_clear_stops_everything():
    clock, sent = ManualClock(), []
    responder = make(clock, sent)
    responder.add(answer("a", 1))
    responder.run()
    responder.clear()
    clock.advance(5)
    assert len(sent) == 1


def test_content_depends_on_seed_and_place():
    assert frame_content("1", 0) == frame_content("1", 0)
    assert frame_content("1", 0) != frame_content("1", 1) != frame_content("2", 1)
    assert len(frame_content("1", 0)) == 5 * (4 + 52)
