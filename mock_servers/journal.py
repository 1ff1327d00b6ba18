"""The journal: everything that crossed the wire, in order, with the clock's time.

Writing is on the hot path of every message, so an entry keeps the bytes as they came and a way to
explain them; decoding, schema validation and redaction happen when somebody looks. What comes out
is always an ``avatar_protocols.trace.Record``: the same shape that a trace file has.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from itertools import takewhile
from typing import IO, TYPE_CHECKING, Any

import msgspec

from avatar_protocols.trace import Record
from mock_servers.codec import Decoded
from mock_servers.matching import agreement, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mock_servers.limits import Limits
    from mock_servers.redaction import Redactor

    Match = Mapping[str, Any] | Callable[[Record], bool]

__all__ = ["Entry", "Journal", "NotSeenError"]

_NEAR_MISSES = 3


class NotSeenError(AssertionError):
    """Something that was waited for did not happen in time.

    Attributes:
        wanted: the pattern, or None if a function was used.
        expected: how often it had to be seen.
        seen: the records that did match.
        near_misses: the records that came closest, best first.
    """

    def __init__(
        self,
        wanted: Mapping[str, Any] | None,
        expected: int,
        seen: list[Record],
        near_misses: list[tuple[Record, list[str]]],
        deadline: float,
    ) -> None:
        self.wanted = dict(wanted) if wanted is not None else None
        self.expected = expected
        self.seen = seen
        self.near_misses = near_misses
        what = "a record that satisfies the function" if wanted is None else f"{self.wanted}"
        lines = [f"waited {deadline:g} s for {expected} x {what}; saw {len(seen)}"]
        lines += [
            f"  near miss #{record.seq} {record.sender} {record.kind} {record.name}: "
            f"{'; '.join(differences)}"
            for record, differences in near_misses
        ]
        super().__init__("\n".join(lines))


class Entry:
    """One line of the journal. ``record`` explains it, once, when it is first asked for."""

    __slots__ = ("_record", "_redactor", "explain", "fields", "payload", "size")

    def __init__(
        self,
        fields: dict[str, Any],
        payload: bytes | str,
        explain: Callable[[], Decoded] | None,
        redactor: Redactor,
    ) -> None:
        self.fields = fields
        self.payload = payload
        self.explain = explain
        self.size = len(payload)
        self._redactor = redactor
        self._record: Record | None = None

    @property
    def record(self) -> Record:
        """The entry as a trace record: decoded, validated, without secrets."""
        if self._record is None:
            self._record = self._build()
            self.payload, self.explain = "", None
        return self._record

    def _build(self) -> Record:
        fields, redactor = self.fields, self._redactor
        decoded = self.explain() if self.explain is not None else Decoded()
        hidden: set[str] = set()
        data = fields.pop("data", None) if decoded.data is None else decoded.data
        shown = redactor.document(data, hidden) if data is not None else None
        headers = redactor.headers(fields.get("headers") or {})
        members: dict[str, Any] = {
            **fields,
            "name": redactor.text(fields.get("name") or decoded.name),
            "participant": redactor.text(fields.get("participant") or ""),
            "data": shown,
            "raw": _raw(self.payload, redactor, hidden),
            "headers": {name.lower(): value for name, value in headers.items()},
            "target": redactor.target(fields.get("target") or ""),
            "reason": redactor.text(fields.get("reason") or ""),
            "problems": [
                *(_without(hidden, redactor.text(problem)) for problem in decoded.problems),
                *(fields.get("problems") or ()),
            ],
        }
        return Record(**members)


class Journal:
    """Bounded memory of everything that crossed the wire.

    Args:
        now: the clock, in seconds since the platform's start.
        redactor: hides secrets.
        limits: how much is kept.
    """

    def __init__(self, now: Callable[[], float], redactor: Redactor, limits: Limits) -> None:
        self._now = now
        self._redactor = redactor
        self._limits = limits
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._seq = 0
        self._waiters: list[_Waiter] = []
        self.dropped = 0
        """Records that were dropped because the journal was full."""

    def __len__(self) -> int:
        return len(self._entries)

    def add(
        self,
        kind: str,
        *,
        source: str = "wire",
        payload: bytes | str = "",
        explain: Callable[[], Decoded] | None = None,
        **fields: Any,  # noqa: ANN401 - the remaining members of Record, which checks them
    ) -> Entry:
        """Write one entry.

        Args:
            kind: kind of record.
            source: who reports it.
            payload: the message or body as it crossed the wire.
            explain: decodes the payload when somebody looks.
            **fields: further members of the record: sender, connection, status, headers, …
        """
        self._seq += 1
        members = {"seq": self._seq, "time": self._now(), "source": source, "kind": kind, **fields}
        entry = Entry(members, payload, explain, self._redactor)
        self._entries.append(entry)
        self._bytes += entry.size
        while self._entries and (
            len(self._entries) > self._limits.journal_records
            or self._bytes > self._limits.journal_bytes
        ):
            self._bytes -= self._entries.popleft().size
            self.dropped += 1
        if self._waiters:
            self._wake(entry)
        return entry

    def note(self, text: str, *, connection: int | None = None, problem: bool = False) -> None:
        """Write a remark of the platform itself."""
        self.add(
            "note",
            source="platform",
            connection=connection,
            reason=text,
            problems=[text] if problem else [],
        )

    @property
    def records(self) -> list[Record]:
        """Every record kept, oldest first."""
        return [entry.record for entry in self._entries]

    def since(self, seq: int) -> list[Record]:
        """The records kept that came after this sequence number, oldest first."""
        news = takewhile(lambda entry: entry.fields["seq"] > seq, reversed(self._entries))
        return [entry.record for entry in news][::-1]

    def where(self, match: Match | None = None, /, **members: Any) -> list[Record]:  # noqa: ANN401 - members of Record
        """The records that match a pattern, a function, or the members given by name."""
        test = _test(match if match is not None else members)
        return [record for record in self.records if test(record)]

    def messages(self, name: str = "", *, sender: str = "") -> list[Record]:
        """The WebSocket messages, all or only those with this wire name or sender."""
        return [
            record
            for record in self.records
            if record.kind == "message"
            and (not name or record.name == name)
            and (not sender or record.sender == sender)
        ]

    async def wait_for(
        self, match: Match, count: int = 1, deadline: float = 5.0, *, after: int = 0
    ) -> list[Record]:
        """Wait until a match was seen often enough, in the past or from now on.

        Args:
            match: a piece of a record, such as ``{"name": "session.ready"}``, or a function of one.
            count: how often it must be seen.
            deadline: real time to wait, in seconds.
            after: ignore records up to this sequence number.

        Returns:
            The matching records, at least ``count``.

        Raises:
            NotSeenError: it did not happen in time; names the near misses.
        """
        test = _test(match)
        seen = [record for record in self.records if record.seq > after and test(record)]
        if len(seen) >= count:
            return seen
        waiter = _Waiter(test, count, seen, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(deadline):
                await waiter.done
        except TimeoutError:
            wanted = None if callable(match) else match
            raise NotSeenError(
                wanted, count, seen, self.near_misses(wanted, after=after), deadline
            ) from None
        finally:
            self._waiters.remove(waiter)
        return seen

    def near_misses(
        self, wanted: Mapping[str, Any] | None, *, after: int = 0
    ) -> list[tuple[Record, list[str]]]:
        """The records that match a pattern best without matching it, with what differs."""
        if wanted is None:
            return []
        scored: list[tuple[int, Record, list[str]]] = []
        for record in self.records:
            agreed, differences = agreement(wanted, msgspec.to_builtins(record))
            if record.seq > after and agreed and differences:
                scored.append((agreed, record, differences))
        scored.sort(key=lambda item: (-item[0], -item[1].seq))
        return [(record, differences) for _, record, differences in scored[:_NEAR_MISSES]]

    def export(self, file: IO[str], header: Mapping[str, Any] | None = None) -> None:
        """Write a trace file: one header line, then one record a line, as JSON."""
        encoder = msgspec.json.Encoder()
        file.write(encoder.encode({"trace": 1, **(header or {})}).decode() + "\n")
        for record in self.records:
            file.write(encoder.encode(record).decode() + "\n")

    def clear(self) -> None:
        """Forget every record. Sequence numbers go on."""
        self._entries.clear()
        self._bytes = 0

    def _wake(self, entry: Entry) -> None:
        for waiter in self._waiters:
            if not waiter.done.done() and waiter.test(entry.record):
                waiter.seen.append(entry.record)
                if len(waiter.seen) >= waiter.count:
                    waiter.done.set_result(None)


class _Waiter:
    __slots__ = ("count", "done", "seen", "test")

    def __init__(
        self,
        test: Callable[[Record], bool],
        count: int,
        seen: list[Record],
        done: asyncio.Future[None],
    ) -> None:
        self.test = test
        self.count = count
        self.seen = seen
        self.done = done


def _test(match: Match) -> Callable[[Record], bool]:
    if callable(match):
        return match
    pattern = dict(match)

    def test(record: Record) -> bool:
        return all(
            hasattr(record, key) and matches(part, getattr(record, key))
            for key, part in pattern.items()
        )

    return test


def _raw(payload: bytes | str, redactor: Redactor, hidden: set[str]) -> str:
    if isinstance(payload, bytes):
        safe = redactor.bytes(payload)
        for value in hidden:
            safe = safe.replace(value.encode(), b"*" * len(value.encode()))
        return base64.b64encode(safe).decode()
    return _without(hidden, redactor.raw(payload))


def _without(hidden: set[str], text: str) -> str:
    for value in hidden:
        text = text.replace(value, "‹redacted›")
    return text
