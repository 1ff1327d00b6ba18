from __future__ import annotations

import pytest

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar import performance as p
from protocol_core.aiavatar.config import settle
from tests.protocol_core.aiavatar.support import REVISION, config, response

FORMAT = {"sample_rate": 24000, "channels": 1, "sample_width": 2}


@pytest.fixture
def performance():
    return p.Performance(REVISION, settle(config(faces=("shy",))))


def sound(text="Hello.", audio="AAAA", **members):
    return response("chunk", text=text, voice_text=text, audio_data=audio, **members)


def control(**members):
    return response("chunk", text="", avatar_control_request=members)


def test_sounds_come_one_at_a_time_in_order(performance):
    performance.add(sound("One."))
    performance.add(sound("Two."))
    _, first = performance.advance(0.0)
    assert (first.voice_text, first.audio) == ("One.", b"\0\0\0")
    assert performance.playing
    assert performance.advance(0.0) == ([], None)
    performance.finish()
    assert performance.waiting
    assert performance.advance(0.0)[1].voice_text == "Two."
    performance.finish()
    assert performance.advance(0.0) == ([], None)
    assert not performance.waiting


def test_a_chunk_without_audio_is_no_sound(performance):
    performance.add(sound("…", audio=""))
    assert performance.advance(0.0) == ([], None)
    assert not performance.playing


def test_pcm_keeps_the_words_of_its_descriptor(performance):
    performance.add(sound("Hello.", None, language="en-US", metadata={"pcm_format": FORMAT}))
    performance.add(sound(None, "AAAA", metadata={"pcm_format": FORMAT}))
    performance.advance(0.0)
    _, speech = performance.advance(0.0)
    assert (speech.voice_text, speech.language) == ("Hello.", "en-US")
    assert speech.pcm_format.sample_rate == 24000


def test_flush_drops_what_waits_and_what_plays(performance):
    for chunk in (sound("One."), sound("…", audio=""), sound("Two."), sound("Three.")):
        performance.add(chunk)
    performance.advance(0.0)
    assert performance.flush() == p.Flushed(dropped=2, playing=True)
    assert performance.flush() == p.Flushed(dropped=0, playing=False)
    assert performance.advance(0.0) == ([], None)


# --- faces and animations ------------------------------------------------------------------------


def test_a_face_goes_back_after_its_duration(performance):
    performance.add(control(face_name="joy", face_duration=4.0))
    assert performance.advance(10.0)[0] == [p.FaceChanged(name="joy", duration=4.0)]
    assert performance.deadline() == 14.0
    assert performance.timeout(13.9) == []
    assert performance.timeout(14.0) == [p.FaceChanged(name="neutral")]
    assert performance.deadline() is None
    assert performance.timeout(20.0) == []


def test_an_animation_likewise_and_beside_it(performance):
    performance.add(
        control(
            face_name="fun", face_duration=4.0, animation_name="nodding_once", animation_duration=1
        )
    )
    shown = performance.advance(0.0)[0]
    assert [it.name for it in shown] == ["fun", "nodding_once"]
    assert performance.deadline() == 1.0
    assert performance.timeout(5.0) == [
        p.FaceChanged(name="neutral"),
        p.AnimationChanged(name="idling"),
    ]


def test_a_newer_face_takes_over_the_timer(performance):
    performance.add(control(face_name="joy", face_duration=4.0))
    performance.add(control(face_name="sorrow", face_duration=4.0))
    performance.advance(0.0)
    performance.advance(3.0)
    assert performance.timeout(4.0) == []
    assert performance.deadline() == 7.0


def test_the_neutral_face_needs_no_way_back(performance):
    performance.add(control(face_name="neutral", face_duration=4.0))
    performance.advance(0.0)
    assert performance.deadline() is None


@pytest.mark.parametrize("duration", [None, -1])
def test_without_a_duration_the_documents_hold(performance, duration):
    performance.add(control(face_name="shy", face_duration=duration))
    assert performance.advance(0.0)[0] == [p.FaceChanged(name="shy", duration=4.0)]


@pytest.mark.parametrize("member", ["face_name", "animation_name"])
def test_an_unknown_key_is_ignored_by_name(performance, member):
    performance.add(control(**{member: "levitating"}))
    ((ignored,), _) = performance.advance(0.0)
    assert (ignored.reason, ignored.name) == (e.Reason.UNKNOWN_KEY, "levitating")
    assert ignored.requirement == "AIA-FACE-004"
    assert performance.deadline() is None
