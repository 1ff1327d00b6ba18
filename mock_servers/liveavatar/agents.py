"""Sessions as REST knows them: started and stopped there, served by one socket after the other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_servers.accounts import Account
    from mock_servers.liveavatar.session import LiveAvatarSession
    from protocol_core.clock import Timer
    from protocol_core.liveavatar.server import ServerSession

__all__ = ["AgentSession"]


@dataclass(eq=False)
class AgentSession:
    """A session as REST knows it.

    Attributes:
        id: public id.
        secret: what the agent's WebSocket URL is authorised by.
        account: who pays.
        avatar_id: the avatar.
        sandbox: whether it runs in the sandbox.
        core: the protocol's session.
        socket: the connection that serves it now.
        ended: whether it is over; its URL is refused from then on.
        expiry: ends the session when no agent comes, or comes back.
    """

    id: str
    secret: str
    account: Account
    avatar_id: str
    sandbox: bool
    core: ServerSession
    socket: LiveAvatarSession | None = None
    ended: bool = False
    expiry: Timer | None = None
    requests: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
