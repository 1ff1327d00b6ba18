"""From a request to a turn: recognition, merging, the wakeword, the conversation, the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mock_servers.aiavatar.generation import Generation, Outlet
from protocol_core.aiavatar.answer import Answer
from protocol_core.aiavatar.codec import decode_audio

if TYPE_CHECKING:
    from mock_servers.aiavatar.dialogue import Step
    from mock_servers.aiavatar.platform import AIAvatarPlatform
    from protocol_core.aiavatar.codec import Request

__all__ = ["Pipeline", "TurnRequest"]


class TurnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn begins with.

    Attributes:
        session_id: whose turn it is.
        user_id: who speaks.
        context_id: the conversation that it wants to go on in.
        text: what was said; None for audio.
        audio: whether there is audio, which is looked at where there is no text.
        broken: whether that audio cannot be read.
        files: whether pictures came with it.
    """

    session_id: str
    user_id: str | None = None
    context_id: str | None = None
    text: str | None = None
    audio: bool = False
    broken: bool = False
    files: bool = False

    @classmethod
    def from_request(cls, request: Request) -> TurnRequest:
        """The turn that a request asks for; text wins over audio (AIA-REQ-005)."""
        try:
            audio = bool(decode_audio(request.audio_data or ""))
            broken = False
        except ValueError:
            audio, broken = True, True
        return cls(
            session_id=request.session_id or "",
            user_id=request.user_id,
            context_id=request.context_id,
            text=request.text or None,
            audio=audio,
            broken=broken,
            files=bool(request.files),
        )


class _Previous(msgspec.Struct, frozen=True):
    """The last request of a session, for merging."""

    at: float
    text: str
    files: bool


class Pipeline:
    """The speech-to-speech pipeline of one server.

    Args:
        platform: the platform.
    """

    def __init__(self, platform: AIAvatarPlatform) -> None:
        self._platform = platform
        self._previous: dict[str, _Previous] = {}

    def clear(self) -> None:
        """Forget the last requests."""
        self._previous.clear()

    def run(self, outlet: Outlet, turn: TurnRequest) -> Generation | None:
        """Begin a turn; None if there is none.

        Args:
            outlet: where its events go.
            turn: what it begins with.
        """
        platform = self._platform
        if turn.text is None and turn.broken:
            # A failure behind the first byte is an event (AIA-SSE-006).
            outlet.newest = None
            outlet.say(self._answer(turn, turn.context_id).error())
            outlet.done()
            return None
        text = self._recognise(turn)
        if text is None:
            outlet.nothing_heard()
            outlet.done()
            return None
        text, files = self._merge(turn, text)
        awake = self._awake(turn, text)
        now = platform.now()
        conversation = None
        if awake:
            conversation = platform.conversations.begin(turn.context_id, turn.session_id, now)
        context_id = turn.context_id if conversation is None else conversation.id
        answer = self._answer(turn, context_id)
        steps: tuple[Step, ...] = ()
        if conversation is not None and (text or files):
            steps = platform.dialogue.answer(conversation.progress, text, files=files)
        generation = Generation(
            platform,
            outlet,
            answer,
            session_id=turn.session_id,
            conversation=conversation,
            steps=steps,
        )
        outlet.newest = generation
        if conversation is not None:
            platform.active[turn.session_id] = generation
            outlet.announced(conversation.id)
        if outlet.flushes:
            outlet.say(answer.stop())
        outlet.say(answer.start(text if awake else None))
        generation.run()
        return generation

    def improvise(self, turn: TurnRequest) -> str:
        """The context id of a turn that a plan answers."""
        platform = self._platform
        now = platform.now()
        conversation = platform.conversations.begin(turn.context_id, turn.session_id, now)
        return platform.conversations.adopt(conversation.id, now).id

    def _answer(self, turn: TurnRequest, context_id: str | None) -> Answer:
        return Answer(
            self._platform.modules,
            session_id=turn.session_id,
            user_id=turn.user_id,
            context_id=context_id,
        )

    def _recognise(self, turn: TurnRequest) -> str | None:
        """What was said; None where nothing was recognised."""
        if turn.text is not None:
            return turn.text
        if not turn.audio:
            return ""
        platform = self._platform
        progress = platform.conversations.progress(turn.context_id, turn.session_id)
        return platform.dialogue.hear(progress) or None

    def _merge(self, turn: TurnRequest, text: str) -> tuple[str, bool]:
        """Join a request with the one shortly before it, where that is configured."""
        window = self._platform.options.merge_within
        if not window:
            return text, turn.files
        now, files = self._platform.now(), turn.files
        before = self._previous.get(turn.session_id)
        if before is not None and now - before.at < window:
            text, files = f"{before.text}\n{text}", files or before.files
        self._previous[turn.session_id] = _Previous(now, text, files)
        return text, files

    def _awake(self, turn: TurnRequest, text: str) -> bool:
        """Whether the character listens: it is answering, or has heard the wakeword lately."""
        options = self._platform.options
        if not options.wakewords or any(word in text for word in options.wakewords):
            return True
        if turn.session_id in self._platform.active:
            return True
        conversation = self._platform.conversations.find(turn.context_id)
        if conversation is None or conversation.last_turn_at is None:
            return False
        return self._platform.now() - conversation.last_turn_at < self._platform.wakeword_timeout
