"""What a step waits for: from the YAML of ``await:`` to a pattern over records.

Each form is one row of `FORMS`: its key, and how its value becomes a pattern. A record satisfies
one await only, so two equal awaits in a row wait for two records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mock_servers.documents import is_object
from mock_servers.matching import agreement, matches

if TYPE_CHECKING:
    from avatar_protocols.trace import Record

__all__ = ["FORMS", "Expectation", "expectation"]

Pattern = dict[str, Any]


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is waited for.

    Attributes:
        pattern: members of the record and what they must contain.
        unless: members by which a record is not meant, although the pattern fits.
        where: what its data, or a member of its data, must contain.
        count: how many such records.
        consumes: whether the records are used up.
        within: seconds to wait, or None for the default.
        text: how to name it in messages.
    """

    pattern: Pattern
    where: Mapping[str, Any]
    count: int
    consumes: bool
    within: float | None
    text: str
    unless: Pattern = {}

    def accepts(self, record: Record) -> bool:
        """Whether the record is one of those waited for."""
        for key, part in self.pattern.items():
            value = getattr(record, key)
            if value not in part if isinstance(part, tuple) else not matches(part, value):
                return False
        if self.unless and matches(self.unless, msgspec.structs.asdict(record)):
            return False
        return not self.where or any(matches(self.where, each) for each in _views(record.data))

    def difference(self, record: Record) -> str:
        """What of ``where`` the record lacks, where it comes closest; "" if it lacks nothing."""
        told = [agreement(self.where, view) for view in _views(record.data)]
        present = [sum(key in view for key in self.where) for view in _views(record.data)]
        if not told:
            return ""
        _, best = max(zip(present, told, strict=True), key=lambda each: (each[0], each[1][0]))
        return next(iter(best[1]), "")

    def document(self) -> Pattern:
        """The pattern for the search of near misses."""
        plain = {k: v for k, v in self.pattern.items() if not isinstance(v, tuple)}
        return {**plain, **({"data": dict(self.where)} if self.where else {})}


def _views(data: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The data, and those of its members that may be meant: the payload of a message, say."""
    if data is None:
        return []
    return [data, *(part for part in data.values() if is_object(part))]


def _named(kind: str, name: str) -> Pattern:
    return {"kind": kind} if name == "*" else {"kind": kind, "name": name}


def _upgrade(value: bool | int) -> Pattern:  # noqa: FBT001 - what stands in the YAML
    if isinstance(value, bool):
        return {"kind": "upgrade_request"}
    return {"kind": "upgrade_response", "status": value}


def _close(value: str) -> Pattern:
    return {"kind": "close"} if value == "any" else {"kind": "close", "sender": value}


def _of_participant(kind: str, value: str) -> Pattern:
    return {"kind": kind} if value == "*" else {"kind": kind, "participant": value}


FORMS: dict[str, Callable[[Any], Pattern]] = {
    "event": lambda value: _named("event", value),
    "answer": lambda value: _named("answer", value),
    "message": lambda value: _named("message", value),
    "http": lambda value: _named("http_request", value),
    "upgrade": _upgrade,
    "connection": lambda value: {"kind": "open", "connection": value},
    "close": _close,
    "ended": lambda _: {"kind": ("close", "reset")},
    "ping": lambda value: {"kind": "ping", "sender": value},
    "pong": lambda value: {"kind": "pong", "sender": value},
    "join": lambda value: _of_participant("join", value),
    "leave": lambda value: _of_participant("leave", value),
    "track": lambda value: _named("track", value),
}

_OUR_CLOSE: Pattern = {"kind": "close", "sender": "client"}
_MEMBERS = {
    # option of an await: member of the record
    "from": "sender",
    "channel": "connection",
    "participant": "participant",
    "reliability": "reliability",
}


def expectation(args: Mapping[str, Any], *, under_test: str) -> Expectation:
    """Read the arguments of an ``await`` step; the schema has checked them.

    Args:
        args: the arguments.
        under_test: role of the implementation under test: with a server, ``http`` means its reply,
            and a close frame of ours has ended nothing yet.
    """
    form = next(key for key in FORMS if key in args)
    pattern = FORMS[form](args[form])
    if form == "http" and under_test == "server":
        pattern["kind"] = "http_response"
    # A probe's own close frame is no end yet; its own reset is.
    unless = _OUR_CLOSE if form == "ended" and under_test == "server" else {}
    pattern |= {member: args[option] for option, member in _MEMBERS.items() if option in args}
    where: dict[str, Any] = dict(args.get("where", {}))
    if "kind" in args:
        where["answer"] = args["kind"]
    shown = {key: value for key, value in args.items() if key != "within"}
    return Expectation(
        pattern=pattern,
        unless=unless,
        where=where,
        count=args.get("count", 1),
        consumes=form != "connection",
        within=args.get("within"),
        text=_show(shown),
    )


def _show(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in args.items())
