"""One protocol as a platform plays it: what each protocol adds to what all platforms have.

Which endpoints there are, how requests are answered, what a session does, what plans may say, and
where secrets stand. `mock_servers.platform` has the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection

    from mock_servers.actions import Vocabulary
    from mock_servers.codec import Codec
    from mock_servers.connection import Connection
    from mock_servers.exchange import Exchange
    from mock_servers.redaction import SecretPositions
    from mock_servers.session import LiveSession
    from mock_servers.stream import Stream
    from protocol_core.http import HttpResponse

__all__ = ["PlayedProtocol"]


class PlayedProtocol(ABC):
    """What the platforms of one protocol add.

    Attributes:
        protocol: protocol id.
        root_paths: paths that the platform answers at the root of the shared address, with
            everything below them, besides those below its mount point: for clients that keep only
            host and port of what they are configured with.
        extra_ports: how many addresses of its own the platform wants besides the shared one.
        streams: endpoints that answer by an event stream. Their requests and answers, whatever they
            are, have a channel's number in the journal.
        carriers: endpoints whose WebSockets only transport what the platform journals by itself.
            Neither their upgrades nor their frames are journaled, except for refused upgrades.
    """

    protocol: ClassVar[str]
    root_paths: Collection[str] = ()
    extra_ports: int = 0
    streams: Collection[str] = frozenset()
    carriers: Collection[str] = frozenset()

    @abstractmethod
    def make_codec(self) -> Codec:
        """The codec of this revision."""

    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """What plans of this platform may say."""

    @abstractmethod
    def secret_positions(self) -> SecretPositions:
        """Where this protocol carries secrets."""

    @abstractmethod
    def route(self, method: str, path: str) -> tuple[str, bool] | None:
        """The endpoint of a path below the mount point, and whether it is a WebSocket."""

    @abstractmethod
    def answer(self, exchange: Exchange) -> HttpResponse | Stream | None:
        """Answer a REST call as usual, at once or by an event stream; None resets the connection.

        Only endpoints among `streams` may answer by a stream.
        """

    @abstractmethod
    def admit(self, exchange: Exchange) -> HttpResponse | None:
        """Judge an upgrade as usual: the rejection, or None to accept it."""

    @abstractmethod
    def start_session(self, exchange: Exchange, connection: Connection) -> LiveSession:
        """Make the session of an accepted upgrade."""

    @abstractmethod
    def error_response(self, name: str) -> HttpResponse | None:
        """The HTTP form of an error of the catalogue; None for a reset connection."""

    @property
    @abstractmethod
    def message_bytes(self) -> int:
        """Largest WebSocket message that the protocol takes."""

    @property
    @abstractmethod
    def urls(self) -> dict[str, str]:
        """The base URLs that a client is configured with."""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Demo credentials that work."""

    @abstractmethod
    def reset_accounts(self) -> None:
        """Bring the accounts back to what the options said."""
