"""What a platform's wire codec looks like to the framework.

The framework moves bytes and knows no protocol. One codec a protocol tells it what a message is
called, what it says, what is wrong with it, and how to build one from its description in a plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec

from mock_servers.documents import NoObjectError, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Codec", "Decoded", "decode_body"]


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """One message, understood.

    Attributes:
        name: its name on the wire: protobuf enum name, JSON event name or frame class name; "" if
            it cannot be told.
        data: the decoded message as it stands in the journal, or None if it cannot be decoded.
        views: what a plan's ``where`` may match: the whole message and its payload.
        problems: violations of the schema, or why it cannot be decoded; empty if it is valid.
    """

    name: str = ""
    data: dict[str, Any] | None = None
    views: tuple[dict[str, Any], ...] = ()
    problems: list[str] = []


def decode_body(
    endpoint: str, body: bytes, problems: Callable[[dict[str, Any]], list[str]]
) -> Decoded:
    """Explain an HTTP body that should be a JSON object; ``problems`` judges the object."""
    try:
        document = parse_object(body)
    except NoObjectError as fault:
        return Decoded(problems=[str(fault)])
    return Decoded(name=endpoint, data=document, views=(document,), problems=problems(document))


class Codec(ABC):
    """Names, explains and builds the messages of one protocol revision."""

    def for_endpoint(self, endpoint: str) -> Codec:  # noqa: ARG002 - for protocols that differ
        """The codec of one endpoint's channels, where a platform has several that differ."""
        return self

    @abstractmethod
    def decode(self, message: bytes | str, sender: str) -> Decoded:
        """Explain a message of the ``client`` or the ``server``.

        Never raises: problems are part of the answer.
        """

    @abstractmethod
    def encode(self, name: str, data: dict[str, Any]) -> bytes | str:
        """Build a message from its wire name and its described content, valid or not.

        Raises:
            ConfigurationError: no such message, or the content does not fit it.
        """

    @abstractmethod
    def document(self, endpoint: str, body: bytes, *, response: bool) -> Decoded:
        """Explain an HTTP body of an endpoint."""
