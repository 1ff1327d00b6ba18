"""Dialogues: what a character hears and says, as data.

A dialogue is a list of turns (schemas/meta/dialogue.schema.json). The first turn that fits what was
said answers it. Each conversation goes through the dialogue by itself: it counts its turns, and how
often each turn of the dialogue has answered. Everything is checked when the dialogue is loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from mock_servers.documents import is_list, is_object
from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Dialogue",
    "Fail",
    "Progress",
    "Say",
    "ScriptedTool",
    "Step",
    "UseTool",
    "Wait",
    "load_dialogue",
    "sentences",
]

_DEFAULT: Final = Path(__file__).with_name("default-dialogue.yaml")
#: A sentence ends behind these; what follows is the next chunk.
_MARKS: Final = "\u3002\uff01\uff1f!?"
_SENTENCE_END: Final = re.compile(rf"(?<=[{_MARKS}\n])(?![{_MARKS}\s]|$)|(?<=[.{_MARKS}]\s)(?=\S)")

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Say(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chunk of an answer.

    Attributes:
        say: its text, control tags included.
        speech: seconds of audio, 0 for none; None for what the words need.
        language: language of the speech.
    """

    say: str
    speech: Annotated[float, msgspec.Meta(ge=0, le=600)] | None = None
    language: Annotated[str, msgspec.Meta(min_length=1)] | None = None


class ScriptedTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call of a tool.

    Attributes:
        name: the tool.
        id: id of the call; None for a new one.
        arguments: what it is called with.
        progress: what it reports before it is done.
        result: what it returns.
        seconds: how long it takes; progress is spread evenly over it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    id: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    arguments: dict[str, Any] = {}
    progress: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    seconds: Seconds = 0.0


class UseTool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model calls a tool."""

    tool: ScriptedTool


class Wait(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing is said for ``wait`` seconds."""

    wait: Seconds


class Fail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The turn fails here."""

    fail: Literal[True]


Step = Say | UseTool | Wait | Fail


class _When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str | None = None
    pattern: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    turn: Annotated[int, msgspec.Meta(ge=1)] | None = None
    files: bool | None = None


class _TurnData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    note: str = ""
    when: _When | None = None
    transcript: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    answer: str | list[Any] = ""


class Progress:
    """How far one conversation is.

    Attributes:
        turns: the turns it has had.
        utterances: the utterances that were heard in it.
        used: how often each turn of the dialogue has answered, by its index.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.utterances = 0
        self.used: Counter[int] = Counter()


class _Turn:
    """One turn of a dialogue, checked."""

    def __init__(self, index: int, data: _TurnData, steps: tuple[Step, ...]) -> None:
        self.index = index
        self.steps = steps
        bare = data.when is None and data.transcript is None
        self._times = data.times if data.times is not None else (1 if bare else None)
        when = data.when or _When(text=data.transcript)
        self._text = None if when.text is None else _plain(when.text)
        self._pattern = re.compile(when.pattern, re.IGNORECASE) if when.pattern else None
        self._turn = when.turn
        self._files = when.files

    def fits(self, text: str, *, files: bool, progress: Progress) -> bool:
        return (
            (self._times is None or progress.used[self.index] < self._times)
            and (self._text is None or self._text == _plain(text))
            and (self._pattern is None or self._pattern.search(text) is not None)
            and (self._turn is None or self._turn == progress.turns + 1)
            and (self._files is None or self._files == files)
        )


class Dialogue:
    """What a character hears and says.

    Args:
        turns: turns as plain data.
        place: what they are called in error messages.

    Raises:
        ConfigurationError: a turn is not valid; names its place in the dialogue.
    """

    def __init__(self, turns: Sequence[object], place: str = "dialogue") -> None:
        self._turns: list[_Turn] = []
        self._transcripts: list[str] = []
        for index, item in enumerate(turns):
            data = _turn_data(item, f"{place}[{index}]")
            steps = _steps(data.answer, f"{place}[{index}].answer")
            self._turns.append(_Turn(index, data, steps))
            if data.transcript is not None:
                self._transcripts.append(data.transcript)

    def hear(self, progress: Progress) -> str:
        """What the next utterance of a conversation is recognised as; "" for nothing."""
        heard = self.transcript(progress.utterances)
        progress.utterances += 1
        return heard

    def transcript(self, index: int) -> str:
        """What an utterance is recognised as, counted from 0."""
        if not self._transcripts:
            return ""
        return self._transcripts[min(index, len(self._transcripts) - 1)]

    def answer(self, progress: Progress, text: str, *, files: bool = False) -> tuple[Step, ...]:
        """What the character answers in a conversation, step by step; nothing if no turn fits.

        Args:
            progress: the conversation; it has had one turn more afterwards.
            text: what was said or heard.
            files: whether pictures came with it.
        """
        fitting = (turn for turn in self._turns if turn.fits(text, files=files, progress=progress))
        turn = next(fitting, None)
        progress.turns += 1
        if turn is None:
            return ()
        progress.used[turn.index] += 1
        return turn.steps


def load_dialogue(source: str | Path | Sequence[object] | None = None) -> Dialogue:
    """A dialogue from a file, from plain data, or the default one.

    Args:
        source: path of a YAML or JSON file, a list of turns, or None.

    Raises:
        ConfigurationError: it is no dialogue, or the file cannot be read.
    """
    if source is not None and not isinstance(source, str | Path):
        return Dialogue(source)
    path = _DEFAULT if source is None else Path(source)
    return Dialogue(_read(path), path.name)


def sentences(text: str) -> list[str]:
    """Cut a text into chunks after its sentences; together they are the text."""
    return [part for part in _SENTENCE_END.split(text) if part]


def _read(path: Path) -> list[Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail("dialogue", f"cannot be read: {error.strerror or error}", str(path))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        fail(path.name, f"not YAML: {error}", None)
    if not is_list(document):
        fail(path.name, "a dialogue is a list of turns", document)
    return document


def _turn_data(item: object, place: str) -> _TurnData:
    if not is_object(item):
        fail(place, "a turn is a mapping", item)
    if not item:
        fail(place, "an empty turn", item)
    _check_names(item, _TurnData, place)
    when: object = item.get("when")
    if is_object(when):
        _check_names(when, _When, f"{place}.when")
    try:
        data = msgspec.convert(item, _TurnData)
    except msgspec.ValidationError as error:
        fail(place, str(error), item)
    try:
        re.compile((data.when and data.when.pattern) or "")
    except re.error as error:
        fail(f"{place}.when.pattern", f"not a regular expression: {error}", when)
    return data


def _steps(answer: str | list[Any], place: str) -> tuple[Step, ...]:
    if isinstance(answer, str):
        return tuple(Say(say=part) for part in sentences(answer))
    return tuple(_step(item, f"{place}[{index}]") for index, item in enumerate(answer))


def _step(item: object, place: str) -> Step:
    if isinstance(item, str):
        return Say(say=item)
    if not is_object(item):
        fail(place, "a step is a text or a mapping", item)
    kind = next((kind for name, kind in _STEPS.items() if name in item), None)
    if kind is None:
        fail(place, "no such step", next(iter(item), item), _STEPS)
    _check_names(item, kind, place)
    tool: object = item.get("tool")
    if is_object(tool):
        _check_names(tool, ScriptedTool, f"{place}.tool")
    try:
        step: Step = msgspec.convert(item, kind)
    except msgspec.ValidationError as error:
        fail(place, str(error), item)
    return step


def _check_names(item: dict[str, Any], kind: type[msgspec.Struct], place: str) -> None:
    known = kind.__struct_fields__
    for name in item:
        if name not in known:
            fail(place, "no such member", name, known)


def _plain(text: str) -> str:
    return text.strip().casefold()


_STEPS: Final[dict[str, type[Say | UseTool | Wait | Fail]]] = {
    "say": Say,
    "tool": UseTool,
    "wait": Wait,
    "fail": Fail,
}
