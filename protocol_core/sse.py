"""Server-Sent Events without I/O: events to bytes, and bytes to events by the WHATWG rules.

The format is that of the HTML standard, "Server-sent events", section "Parsing an event stream":
UTF-8 with an optional byte order mark, lines that end in CRLF, LF or CR, a blank line behind each
event. Chunks may be cut anywhere, within a character or between CR and LF.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import msgspec

__all__ = ["MEDIA_TYPE", "Comment", "EventDecoder", "SseEvent", "encode", "encode_comment"]

MEDIA_TYPE: Final = "text/event-stream"
#: Characters that one event may have before its reader gives up.
DEFAULT_LIMIT: Final = 64 * 1024 * 1024

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK: Final = "\ufeff"


class SseEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    Attributes:
        data: its text; lines are separated by LF.
        event: its type; ``message`` unless the stream names one.
        id: the last event id that the stream has set; "" for none.
    """

    data: str
    event: str = "message"
    id: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A line that readers ignore; it keeps a connection alive.

    Attributes:
        text: what follows the colon, without the one space that may stand there.
    """

    text: str


def encode(
    data: str,
    *,
    event: str = "",
    event_id: str = "",
    retry: int | None = None,
    line_end: str = "\n",
) -> bytes:
    """One event as bytes, with the blank line that ends it.

    Args:
        data: its text; each of its lines becomes a ``data`` line.
        event: its type; "" writes none.
        event_id: the event id; "" writes none.
        retry: reconnection time in milliseconds; None writes none.
        line_end: LF, CR or CRLF.

    Raises:
        ValueError: the type or the id cannot be written in one line, or the id has a NUL.
    """
    fields = [("event", event), ("id", event_id), ("retry", "" if retry is None else str(retry))]
    for name, value in fields:
        if _LINE_END.search(value) or (name == "id" and "\0" in value):
            raise ValueError(f"cannot be the {name} of an event: {value!r}")
    lines = [f"{name}: {value}" for name, value in fields if value]
    lines += [f"data: {line}" for line in _LINE_END.split(data)]
    return (line_end.join(lines) + 2 * line_end).encode()


def encode_comment(text: str, *, line_end: str = "\n") -> bytes:
    """A comment as bytes, with a blank line behind it.

    Raises:
        ValueError: it has more than one line.
    """
    if _LINE_END.search(text):
        raise ValueError(f"a comment is one line: {text!r}")
    return f": {text}{2 * line_end}".encode()


class EventDecoder:
    """Reads one event stream.

    Args:
        limit: characters that an event, or a line, may have.

    Attributes:
        retry: reconnection time in milliseconds that the stream has set last; None if it has not.
    """

    def __init__(self, *, limit: int = DEFAULT_LIMIT) -> None:
        self.retry: int | None = None
        self._limit = limit
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line: list[str] = []
        self._line_size = 0
        self._data: list[str] = []
        self._size = 0
        self._event = ""
        self._id = ""
        self._started = False
        self._after_cr = False

    @property
    def pending(self) -> bool:
        """Whether an event has begun that has not ended. At the end of a stream it is lost."""
        return bool(self._line or self._data or self._event)

    def feed(self, chunk: bytes) -> list[SseEvent | Comment]:
        """What is complete by these bytes, in order.

        Raises:
            ValueError: an event is longer than the limit.
        """
        text = self._utf8.decode(chunk)
        if text and not self._started:
            self._started = True
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if text and self._after_cr:
            self._after_cr = False
            text = text.removeprefix("\n")
        if text.endswith("\r"):
            # The line ends here, whether or not an LF follows in the next chunk.
            self._after_cr = True
        *lines, rest = _LINE_END.split(text)
        found: list[SseEvent | Comment] = []
        for line in lines:
            item = self._take("".join([*self._line, line]))
            self._line, self._line_size = [], 0
            if item is not None:
                found.append(item)
        if rest:
            self._line.append(rest)
            self._line_size += len(rest)
        if self._line_size + self._size > self._limit:
            raise ValueError(f"an event has more than {self._limit} characters")
        return found

    def _take(self, line: str) -> SseEvent | Comment | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            return Comment(text=value)
        if name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value)
        return None

    def _dispatch(self) -> SseEvent | None:
        data, event = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        if not data:
            return None
        return SseEvent(data="\n".join(data), event=event or "message", id=self._id)
