"""What carries messages, whatever it is, and how a step chooses one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from conformance.stage.base import StepUnmetError
from mock_servers.documents import is_object

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ProbeChannel", "chosen"]

ChannelT = TypeVar("ChannelT", bound="ProbeChannel")


class ProbeChannel(Protocol):
    """What carries messages: a WebSocket, an event stream, or what a protocol adds to them."""

    @property
    def number(self) -> int:
        """Its number in the trace, from `Probe.next_channel`."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it came about and has not ended."""
        ...

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """End it as a client does."""

    def reset(self) -> None:
        """End it by a reset of its TCP connection."""

    def drop(self) -> None:
        """Let go of it when the scenario is over; nothing is written down."""


def chosen(channels: Sequence[ChannelT], args: object) -> ChannelT:
    """The channel that ``connection`` of a step names, else the newest open one, else the newest.

    Raises:
        StepUnmetError: there is none.
    """
    number = args.get("connection") if is_object(args) else None
    if number is not None:
        found = [channel for channel in channels if channel.number == number]
    else:
        found = [channel for channel in channels if channel.is_open] or list(channels[-1:])
    if not found:
        raise StepUnmetError("there is no connection to send on")
    return found[-1]
