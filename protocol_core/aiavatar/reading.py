"""From an event of a turn to what it means, on either transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from protocol_core.aiavatar import events as e
from protocol_core.aiavatar.errors import AIAvatarError, classify, make_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol_core.aiavatar.revision import Revision

__all__ = ["Reader", "turn_error"]


class Reader:
    """Reads the events of the turns of one session.

    Args:
        revision: the generated modules.
    """

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        self._keys = revision.constants.MetadataKey
        self._calls: set[tuple[str | None, str]] = set()
        names = revision.constants.EventType
        self._readers: dict[str, Callable[[e.Response], e.Event]] = {
            names.START: self._start,
            names.CHUNK: self._chunk,
            names.TOOL_CALL: self._tool_call,
            names.FINAL: _final,
            names.VISION: self._vision,
        }

    @property
    def types(self) -> frozenset[str]:
        """Types of the events that `read` reads."""
        return frozenset(self._readers)

    def read(self, response: e.Response) -> e.Event:
        """What an event of a turn means; not for error, see `failure`."""
        return self._readers[response.type](response)

    def error_text(self, response: e.Response) -> str | None:
        """metadata.error; None if there is none."""
        text = response.metadata.get(self._keys.ERROR)
        return text if isinstance(text, str) else None

    def failure(self, response: e.Response, *, phase: str) -> e.TurnFailed:
        """The failure in an error event, or in a final with metadata.error (AIA-ERR-002)."""
        detail = self.error_text(response) or ""
        code = classify(self._revision, phase=phase, text=detail)
        assert code is not None, f"the table covers every error event, also in {phase}"  # noqa: S101
        return e.TurnFailed(
            code=code,
            phase=phase,
            message=detail or self._revision.constants.Text.CLIENT_PIPELINE_ERROR,
            detail=detail,
            response=response,
        )

    def _start(self, response: e.Response) -> e.Event:
        self._calls.clear()
        asked = response.metadata.get(self._keys.REQUEST_TEXT)
        return e.TurnStarted(
            context_id=response.context_id or None,
            request_text=asked if isinstance(asked, str) else None,
            response=response,
        )

    def _chunk(self, response: e.Response) -> e.Event:
        first = response.metadata.get(self._keys.IS_FIRST_CHUNK)
        return e.ChunkReceived(response=response, first=first if isinstance(first, bool) else None)

    def _tool_call(self, response: e.Response) -> e.Event:
        call = _mapping(response.metadata.get(self._keys.TOOL_CALL))
        result = _mapping(call.get("result"))
        call_id, name = call.get("id"), call.get("name")
        key = (_text(call_id) or None, _text(name))
        started = key not in self._calls
        self._calls.add(key)
        return e.ToolCalled(
            call_id=key[0],
            name=key[1],
            arguments=_text(call.get("arguments")),
            data=_object(result.get("data")),
            is_final=result.get("is_final") is True,
            started=started,
            response=response,
        )

    def _vision(self, response: e.Response) -> e.Event:
        source = _text(response.metadata.get(self._keys.SOURCE))
        return e.VisionRequested(source=source, response=response)


def turn_error(revision: Revision, event: e.TurnFailed) -> AIAvatarError:
    """The exception that a failed turn means, with the whole response as text (AIA-ERR-002)."""
    return make_error(
        revision,
        event.message,
        code=event.code,
        phase=event.phase,
        raw_body=event.response.raw,
        detail=event.detail,
        requirement="AIA-ERR-002",
    )


def _final(response: e.Response) -> e.Event:
    return e.TurnFinished(
        text=response.text or "", voice_text=response.voice_text or "", response=response
    )


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _mapping(value: object) -> dict[str, Any]:
    return _object(value) or {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
