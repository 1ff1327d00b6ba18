from __future__ import annotations

from mock_servers.aiavatar.speech import Synthesizer


def synthesizer(**changes):
    return Synthesizer(**{"sample_rate": 8000, "characters_per_second": 10.0, "seed": 0} | changes)


def seconds(speech):
    return len(speech.pcm) / speech.sample_width / speech.sample_rate


def test_speech_takes_as_long_as_the_words_need():
    assert seconds(synthesizer().speak("x" * 30)) == 3.0
    assert seconds(synthesizer().speak("x")) == 0.2
    assert seconds(synthesizer().speak("x", 1.5)) == 1.5
    assert synthesizer().speak("") is None
    assert synthesizer().speak("Hello", 0.0) is None
    assert seconds(synthesizer().read("")) == 0.2
    assert seconds(synthesizer().read("x" * 20_000)) == 600, "and no longer than memory lasts"


def test_the_same_text_sounds_the_same():
    first = synthesizer().speak("Hello there")
    assert first == synthesizer().speak("Hello there")
    assert first.pcm != synthesizer().speak("Hello where").pcm
    assert first.pcm != synthesizer(seed=1).speak("Hello there").pcm
    assert max(first.pcm) > 0
