"""Plans: behaviour as data.

A plan is an ordered list of rules. Each rule names a moment (a request, an upgrade, an opened
channel, a message) and what to do then instead of the default behaviour. The first rule that
matches wins; a rule that is used up (``nth``, ``times``) steps aside for the next one. Everything
is checked when the plan is loaded; nothing of a plan can fail for its spelling later on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from mock_servers.documents import is_list, is_object
from mock_servers.matching import matches
from mock_servers.mistakes import fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from mock_servers.actions import Action, Vocabulary

__all__ = ["Plan", "Rule", "RuleData", "load_plan"]

Point = Literal["http", "upgrade", "open", "message"]


class RuleData(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule as it is written.

    Attributes:
        on: the moment: ``http`` (a REST call), ``upgrade`` (a WebSocket upgrade), ``open`` (a
            WebSocket or an event stream is open, nothing was received yet) or ``message``.
        endpoint: only this endpoint.
        message: only messages with this wire name.
        where: only if the decoded message, its payload, or the request body contains this.
        nth: only the nth match, counted from 1 over the platform's life.
        times: only the first so many matches.
        do: what to do; an empty list is silence.
        then_default: also behave as usual afterwards.
    """

    on: Point
    do: list[dict[str, Any]]
    endpoint: str = ""
    message: str = ""
    where: dict[str, Any] = {}
    nth: Annotated[int, msgspec.Meta(ge=1)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    then_default: bool = False


class Rule:
    """One rule at work.

    Attributes:
        data: the rule as it was written.
        actions: its actions, checked.
        matched: how often its conditions were met.
        fired: how often it acted.
    """

    __slots__ = ("actions", "data", "fired", "index", "matched")

    def __init__(self, index: int, data: RuleData, actions: tuple[Action, ...]) -> None:
        self.index = index
        self.data = data
        self.actions = actions
        self.matched = 0
        self.fired = 0

    def claim(self) -> bool:
        """Count a match; whether the rule acts on it."""
        self.matched += 1
        if self.data.nth is not None and self.matched != self.data.nth:
            return False
        if self.data.times is not None and self.fired >= self.data.times:
            return False
        self.fired += 1
        return True


class Plan:
    """The rules of one platform.

    Args:
        vocabulary: what rules of this platform may say.
        rules: rules as plain data.

    Raises:
        ConfigurationError: a rule is not valid; names its place in the plan.
    """

    def __init__(self, vocabulary: Vocabulary, rules: Iterable[object] = ()) -> None:
        self._vocabulary = vocabulary
        self._rules: dict[str, list[Rule]] = {}
        self.rules: list[Rule] = []
        self.replace(rules)

    def replace(self, rules: Iterable[object]) -> None:
        """Take these rules instead; every count starts anew. On error the old ones stay.

        Raises:
            ConfigurationError: a rule is not valid.
        """
        fresh = [self._rule(index, item) for index, item in enumerate(rules)]
        self.rules = fresh
        self._index()

    def append(self, rule: object) -> Rule:
        """Add one rule behind the others.

        Raises:
            ConfigurationError: the rule is not valid.
        """
        added = self._rule(len(self.rules), rule)
        self.rules.append(added)
        self._index()
        return added

    def dump(self) -> list[dict[str, Any]]:
        """The rules as plain data, with their counts: what the control API shows."""
        return [
            {**msgspec.to_builtins(rule.data), "matched": rule.matched, "fired": rule.fired}
            for rule in self.rules
        ]

    def listens(self, point: Point) -> bool:
        """Whether any rule concerns this moment at all."""
        return point in self._rules

    def find(
        self,
        point: Point,
        *,
        endpoint: str = "",
        message: str = "",
        views: Callable[[], Sequence[dict[str, Any]]] = tuple,
    ) -> Rule | None:
        """The rule that acts now, if there is one.

        Args:
            point: the moment.
            endpoint: name of the endpoint.
            message: wire name of the message.
            views: gives the documents of which one must contain the rule's ``where``.
        """
        for rule in self._rules.get(point, ()):
            data = rule.data
            if data.endpoint and data.endpoint != endpoint:
                continue
            if data.message and data.message != message:
                continue
            if data.where and not any(matches(data.where, view) for view in views()):
                continue
            if rule.claim():
                return rule
        return None

    def action(self, item: object, place: str = "action") -> Action:
        """Check a single action that is to be run at once.

        Raises:
            ConfigurationError: it is not valid.
        """
        return self._vocabulary.action(item, place, None)

    def _index(self) -> None:
        self._rules = {}
        for rule in self.rules:
            self._rules.setdefault(rule.data.on, []).append(rule)

    def _rule(self, index: int, item: object) -> Rule:
        place = f"plan[{index}]"
        if is_object(item):
            # The control API shows the counts; what it shows may be sent back. And to YAML 1.1,
            # the word on is a truth value.
            item = {
                "on" if key == _YAML_ON else key: part
                for key, part in item.items()
                if key not in {"matched", "fired"}
            }
        try:
            data = item if isinstance(item, RuleData) else msgspec.convert(item, RuleData)
        except msgspec.ValidationError as error:
            fail(place, str(error), item)
        vocabulary = self._vocabulary
        if data.endpoint and data.endpoint not in vocabulary.endpoints:
            fail(f"{place}.endpoint", "no such endpoint", data.endpoint, vocabulary.endpoints)
        if data.message and vocabulary.messages and data.message not in vocabulary.messages:
            fail(f"{place}.message", "no such message", data.message, vocabulary.messages)
        if data.message and data.on != "message":
            fail(f"{place}.message", f"a rule on: {data.on} has no message", data.message)
        actions = tuple(
            vocabulary.action(action, f"{place}.do[{position}]", data.on)
            for position, action in enumerate(data.do)
        )
        return Rule(index, data, actions)


#: What YAML 1.1 makes of the word on.
_YAML_ON: object = True


def load_plan(path: Path) -> list[Any]:
    """Read the rules of a YAML or JSON file: a list, or a mapping with the list under ``plan``.

    Raises:
        ConfigurationError: the file is not a plan.
        OSError: the file cannot be read.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        fail(path.name, f"not YAML: {error}", None)
    rules = document.get("plan") if is_object(document) else document
    if not is_list(rules):
        fail(path.name, "a plan is a list of rules", rules)
    return rules
