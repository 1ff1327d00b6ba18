from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol_core.liveavatar.conversation import Conversation
from tests.protocol_core.liveavatar.support import REVISION

MACHINE = REVISION.states.SESSION


def talk(*triggers):
    conversation = Conversation(REVISION, 0.0)
    for now, trigger in enumerate(triggers, start=1):
        conversation.fire(trigger, float(now))
    return conversation


def test_says_what_changed():
    conversation = talk()
    assert conversation.idle
    assert conversation.fire("text_delivered", 1.0) == ("IDLE", "THINKING")
    assert conversation.fire("text_delivered", 2.0) is None  # again, and nothing changes
    assert conversation.fire("prompt", 3.0) is None  # no effect here
    assert conversation.allows("chunk")
    assert not conversation.idle


def test_a_whole_answer_is_activity():
    conversation = talk("text_delivered", "chunk", "rendered", "playout_finished")
    assert (conversation.state, conversation.active_at) == ("IDLE", 4.0)


def test_prompts_are_no_activity():
    conversation = talk("prompt", "prompt_prepared", "rendered")
    assert conversation.prompting
    assert conversation.active_at == 0.0
    conversation.fire("playout_finished", 9.0)
    assert (conversation.state, conversation.active_at) == ("IDLE", 0.0)


def test_speaking_into_a_prompt_is_activity():
    assert talk("prompt", "voice_start").active_at == 2.0


@given(st.lists(st.sampled_from(sorted(MACHINE.events))))
def test_follows_the_table(triggers):
    conversation, state = talk(), MACHINE.initial
    for trigger in triggers:
        after = MACHINE.transitions.get((state, trigger), state)
        change = conversation.fire(trigger, 1.0)
        assert change == (None if after == state else (state, after))
        state = after
        assert conversation.state == state
