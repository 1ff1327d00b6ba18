"""The vocabulary of plans: what a platform can be told to do.

Each action is one entry of a table: its name, the type of its value, and the points of a session
where it makes sense. Loading a plan checks all three, so that a mistake is reported with its place
in the plan before anything starts.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from mock_servers.documents import is_object
from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "ANYWHERE",
    "COMMON",
    "EVERY_POINT",
    "HTTP_POINTS",
    "SESSION_POINTS",
    "Action",
    "ActionSpec",
    "Close",
    "Leap",
    "Reply",
    "Send",
    "Vocabulary",
]

HTTP_POINTS: Final = frozenset({"http", "upgrade"})
SESSION_POINTS: Final = frozenset({"open", "message"})
EVERY_POINT: Final = HTTP_POINTS | SESSION_POINTS
#: Also possible without a session.
ANYWHERE: Final = EVERY_POINT | {"platform"}

Seconds = Annotated[float, msgspec.Meta(ge=0)]
#: What a clock can be moved by at a time: some thirty years.
Leap = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Line = Annotated[str, msgspec.Meta(pattern=r"^[^\r\n]*\Z")]
FieldName = Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]
FieldValue = Annotated[str, msgspec.Meta(pattern=r"^[^\0\r\n]*\Z")]


class Reply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP answer. At most one of ``json``, ``text`` and ``body`` is given.

    Attributes:
        status: HTTP status code.
        json: body as a JSON document.
        text: body as text.
        body: body as bytes in base64.
        headers: header fields; they win over those that follow from the body.
    """

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 200
    json: Any = msgspec.UNSET
    text: str | None = None
    body: str | None = None
    headers: dict[FieldName, FieldValue] = {}

    def __post_init__(self) -> None:
        given = [self.json is not msgspec.UNSET, self.text is not None, self.body is not None]
        if sum(given) > 1:
            raise ValueError("give one of json, text and body")
        base64.b64decode(self.body or "", validate=True)


class Send(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message by its wire name; ``data`` is encoded as it stands, legal or not."""

    message: str
    data: dict[str, Any] = {}


class Repeated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that consists of the same piece over and over."""

    text: str
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Close(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The end of a channel. ``code`` None sends a close frame without a code.

    An event stream has neither code nor reason; it just ends.
    """

    code: Annotated[int, msgspec.Meta(ge=1000, le=4999)] | None = 1000
    reason: Annotated[str, msgspec.Meta(max_length=123)] = ""


class ActionSpec(msgspec.Struct, frozen=True):
    """One row of an action table.

    Attributes:
        value: type of the action's value.
        points: where it may stand: a rule's ``on``, or "platform" for one without a session.
    """

    value: Any
    points: frozenset[str]


class Action(msgspec.Struct, frozen=True):
    """One step of a rule, checked."""

    name: str
    value: Any = True


#: The actions that every platform knows.
COMMON: Final[Mapping[str, ActionSpec]] = {
    "respond": ActionSpec(Reply, HTTP_POINTS),
    "reject": ActionSpec(Reply, frozenset({"upgrade"})),
    "error": ActionSpec(str, EVERY_POINT),
    "send": ActionSpec(Send, SESSION_POINTS),
    "send_text": ActionSpec(str | Repeated, SESSION_POINTS),
    "send_binary": ActionSpec(str, SESSION_POINTS),
    "close": ActionSpec(Close, SESSION_POINTS),
    "ping": ActionSpec(bool | str, SESSION_POINTS),
    "withhold_pong": ActionSpec(Literal[True], SESSION_POINTS),
    "comment": ActionSpec(Line, SESSION_POINTS),
    "reset": ActionSpec(Literal[True], EVERY_POINT),
    "delay": ActionSpec(Seconds, EVERY_POINT),
    "advance": ActionSpec(Leap, ANYWHERE),
    "freeze": ActionSpec(Literal[True], ANYWHERE),
    "resume": ActionSpec(Literal[True], ANYWHERE),
}


class Vocabulary:
    """The actions of one platform, and the names that they may refer to.

    Args:
        actions: the platform's own actions, besides the common ones.
        errors: names of its error catalogue, with the points where each one can happen.
        messages: wire names of its messages.
        endpoints: names of its HTTP endpoints.
    """

    def __init__(
        self,
        *,
        actions: Mapping[str, ActionSpec] | None = None,
        errors: Mapping[str, frozenset[str]] | None = None,
        messages: Collection[str] = (),
        endpoints: Collection[str] = (),
    ) -> None:
        self.actions = {**COMMON, **(actions or {})}
        self.errors = dict(errors or {})
        self.messages = frozenset(messages)
        self.endpoints = frozenset(endpoints)

    def action(self, item: object, place: str, point: str | None) -> Action:
        """Check one action.

        Args:
            item: a mapping with one key, the action's name.
            place: where it stands, for error messages.
            point: where it is going to happen; None if anywhere.

        Raises:
            ConfigurationError: it is not an action, or makes no sense at this point.
        """
        if not is_object(item) or len(item) != 1:
            fail(place, "an action is a mapping with exactly one key", item)
        ((name, value),) = item.items()
        here = f"{place}.{name}"
        spec = self.actions.get(name)
        if spec is None:
            fail(here, "no such action", name, self.actions)
        if point is not None and point not in spec.points:
            fail(
                here, f"cannot happen on: {point} (only on {', '.join(sorted(spec.points))})", name
            )
        given: Any = {} if value is None and _is_struct(spec.value) else value
        try:
            checked = msgspec.convert(given, spec.value)
        except (msgspec.ValidationError, ValueError) as error:
            fail(here, str(error), given)
        self._check_reference(name, checked, here, point)
        return Action(name, checked)

    def _check_reference(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - differs by action
        place: str,
        point: str | None,
    ) -> None:
        if name == "error":
            if value not in self.errors:
                fail(place, "no such row in the error catalogue", value, self.errors)
            if point is not None and point not in self.errors[value]:
                fail(place, f"this error cannot happen on: {point}", value)
        elif name == "send" and self.messages and value.message not in self.messages:
            fail(f"{place}.message", "no such message", value.message, self.messages)
        elif name == "send_binary":
            try:
                bytes.fromhex(value)
            except ValueError:
                fail(place, "not hexadecimal", value)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
