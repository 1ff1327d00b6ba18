"""Rows of the error catalogue, as a channel sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_servers.documents import substitute

if TYPE_CHECKING:
    from mock_servers.aiavatar.chat import ChatLiveSession
    from mock_servers.aiavatar.session import SocketLiveSession

__all__ = ["send_catalogued"]


def send_catalogued(session: SocketLiveSession | ChatLiveSession, name: str) -> bool:
    """Send an error of the catalogue, and end the channel if it does.

    A row that sends nothing is silence.

    Returns:
        Whether the turn that was under way is over.
    """
    row = session.platform.modules.errors.CATALOGUE[name]
    types = session.platform.event_types
    over = False
    if row.message is not None:
        data = substitute(row.message, session.variables)
        kind = data.pop("type")
        # Who and where are null where nothing is known of them.
        filled = {
            name: None if part == "" and name.endswith("_id") else part
            for name, part in data.items()
        }
        session.send(session.connection.codec.encode(kind, filled))
        over = kind == types.ERROR
    if row.abort:
        session.connection.abort(name)
    elif row.close is not None:
        session.connection.close(row.close.code, row.close.reason)
        over = True
    return over
