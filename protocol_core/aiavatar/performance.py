"""What is said and shown: in the order of arrival (AIA-AUDIO-007), dropped on stop (AIA-INT-002).

Chunks go in; out come sounds to play, one at a time, and changes of face and animation, each at the
beginning of the chunk it belongs to and back after its duration (AIA-FACE-005). Who plays and shows
is the caller:

    performance.add(response)
    events, speech = performance.advance(now)    show the events; play the speech, then `finish`
    performance.flush()                          stop playing now
    performance.deadline(), performance.timeout(now)
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from protocol_core.aiavatar import events as e

if TYPE_CHECKING:
    from protocol_core.aiavatar.config import ClientSettings
    from protocol_core.aiavatar.revision import Revision

__all__ = ["AnimationChanged", "FaceChanged", "Flushed", "Performance", "Speech"]


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """One sound to play.

    Attributes:
        audio: a whole WAV file, or PCM.
        pcm_format: form of the PCM; None for a WAV file.
        text: what the model wrote; of PCM, what the descriptor said.
        voice_text: what is spoken.
        language: language of the speech.
    """

    audio: bytes
    pcm_format: e.PcmFormat | None = None
    text: str = ""
    voice_text: str = ""
    language: str | None = None


class FaceChanged(e.Event, frozen=True, kw_only=True):
    """The avatar shows another face.

    Attributes:
        name: its key.
        duration: seconds until the neutral one comes back; None for good.
    """

    name: str
    duration: float | None = None


class AnimationChanged(e.Event, frozen=True, kw_only=True):
    """The avatar moves differently.

    Attributes:
        name: its key.
        duration: seconds until it idles again; None for good.
    """

    name: str
    duration: float | None = None


class Flushed(e.Event, frozen=True, kw_only=True):
    """Playback was stopped.

    Attributes:
        dropped: how many sounds waited and will not be played.
        playing: whether one was cut off.
    """

    dropped: int
    playing: bool


class _Channel:
    """One of face and animation: what is shown, and until when."""

    def __init__(self, rest: str, known: frozenset[str], default: float) -> None:
        self.rest = rest
        self._known = known
        self._default = default
        self.until: float | None = None

    def show(self, name: str | None, duration: float | None, now: float) -> float | None:
        """The duration of a key that is shown now; None if there is nothing to show."""
        if name is None or name not in self._known:
            return None
        seconds = duration if duration is not None and duration >= 0 else self._default
        self.until = None if name == self.rest else now + seconds
        return seconds

    def due(self, now: float) -> bool:
        """Whether it goes back to rest now."""
        if self.until is None or now < self.until:
            return False
        self.until = None
        return True


class Performance:
    """The queue of one client's avatar.

    Args:
        revision: the generated modules.
        settings: which keys are known.
    """

    def __init__(self, revision: Revision, settings: ClientSettings) -> None:
        constants = revision.constants
        face, animation = constants.Face, constants.Animation
        self._face = _Channel(face.NEUTRAL, settings.faces, face.DURATION)
        self._animation = _Channel(animation.IDLING, settings.animations, animation.DURATION)
        self._queue: deque[e.Response] = deque()
        self._words = Speech(audio=b"")
        self._playing = False

    @property
    def playing(self) -> bool:
        """Whether a sound is being played."""
        return self._playing

    @property
    def waiting(self) -> bool:
        """Whether chunks wait to be performed."""
        return bool(self._queue)

    def add(self, response: e.Response) -> None:
        """Queue a chunk."""
        self._queue.append(response)

    def advance(self, now: float) -> tuple[list[e.Event], Speech | None]:
        """Begin the next chunk, unless a sound is being played.

        Returns:
            What is shown now, and what to play; `finish` says when that is over.
        """
        if self._playing or not self._queue:
            return [], None
        response = self._queue.popleft()
        if response.text is not None or response.voice_text is not None:
            self._words = Speech(
                audio=b"",
                text=response.text or "",
                voice_text=response.voice_text or "",
                language=response.language,
            )
        events = self._show(response.control, now)
        if not response.audio:
            return events, None
        self._playing = True
        return events, msgspec.structs.replace(
            self._words, audio=response.audio, pcm_format=response.pcm_format
        )

    def finish(self) -> None:
        """The sound that was being played is over."""
        self._playing = False

    def flush(self) -> Flushed:
        """Drop what waits, and the sound that is being played."""
        dropped = sum(bool(response.audio) for response in self._queue)
        self._queue.clear()
        playing, self._playing = self._playing, False
        return Flushed(dropped=dropped, playing=playing)

    def deadline(self) -> float | None:
        """When `timeout` is due, seconds; None for never."""
        times = (self._face.until, self._animation.until)
        return min((time for time in times if time is not None), default=None)

    def timeout(self, now: float) -> list[e.Event]:
        """Time has passed: what returns to rest."""
        events: list[e.Event] = []
        if self._face.due(now):
            events.append(FaceChanged(name=self._face.rest))
        if self._animation.due(now):
            events.append(AnimationChanged(name=self._animation.rest))
        return events

    def _show(self, control: e.AvatarControl | None, now: float) -> list[e.Event]:
        if control is None:
            return []
        events: list[e.Event] = []
        face = self._face.show(control.face_name, control.face_duration, now)
        if face is not None and control.face_name is not None:
            events.append(FaceChanged(name=control.face_name, duration=face))
        elif control.face_name is not None:
            events.append(_unknown(control.face_name))
        move = self._animation.show(control.animation_name, control.animation_duration, now)
        if move is not None and control.animation_name is not None:
            events.append(AnimationChanged(name=control.animation_name, duration=move))
        elif control.animation_name is not None:
            events.append(_unknown(control.animation_name))
        return events


def _unknown(name: str) -> e.Ignored:
    return e.Ignored(
        reason=e.Reason.UNKNOWN_KEY,
        name=name,
        detail="this avatar has no such face or animation",
        requirement="AIA-FACE-004",
    )
