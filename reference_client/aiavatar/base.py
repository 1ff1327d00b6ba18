"""What both clients share: configuration, session id, clock, stage, the picture for vision."""

from __future__ import annotations

import inspect
import uuid
from functools import cached_property
from typing import TYPE_CHECKING, Self

import msgspec

from protocol_core.aiavatar.config import settle
from protocol_core.aiavatar.reading import turn_error
from protocol_core.aiavatar.revision import load
from reference_client.aiavatar.listener import Listener
from reference_client.aiavatar.stage import Stage
from reference_client.timers import clock_or_loop

if TYPE_CHECKING:
    import ssl as ssl_module

    from protocol_core.aiavatar import events as e
    from protocol_core.aiavatar.config import ClientConfig
    from protocol_core.aiavatar.revision import Revision
    from protocol_core.clock import Clock

__all__ = ["AIAvatarClient"]


class AIAvatarClient:
    """Base of both clients; an asynchronous context manager that closes it.

    Args:
        config: identity, URLs and settings; without a session_id one is minted (AIA-REQ-001).
        listener: callbacks; None for none.
        revision: protocol revision or its modules; None for the default.
        clock: the clock of all time limits and faces; real time by default.
        ssl: TLS settings; None for the default trust store.

    Raises:
        ConfigurationError: the settings cannot work.
    """

    def __init__(
        self,
        config: ClientConfig,
        listener: Listener | None = None,
        *,
        revision: str | Revision | None = None,
        clock: Clock | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self.revision = load(revision)
        if config.session_id is None:
            config = msgspec.structs.replace(config, session_id=uuid.uuid4().hex)
        self.config = config
        self.settings = settle(config, self.revision)
        self.listener = Listener() if listener is None else listener
        self._given_clock = clock
        self._ssl = ssl
        self._stage: Stage | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End everything that runs."""
        raise NotImplementedError

    @property
    def session_id(self) -> str:
        """Id of the connection or dialogue."""
        return self.config.session_id or ""

    async def settle(self) -> None:
        """Wait until every callback that is due has returned."""
        if self._stage is not None:
            await self._stage.callbacks.settle()

    @cached_property
    def _clock(self) -> Clock:
        return clock_or_loop(self._given_clock)

    def _set_stage(self) -> Stage:
        if self._stage is None:
            self._stage = Stage(self.revision, self.settings, self.listener, self._clock)
        return self._stage

    async def _strike(self) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            await stage.close()

    async def _picture(self, event: e.VisionRequested) -> str | None:
        """What the application has for vision."""
        found = self.listener.on_vision(event.source)
        url = await found if inspect.isawaitable(found) else found
        return url or None

    def _fail_turn(self, event: e.TurnFailed) -> None:
        self._set_stage().fail(turn_error(self.revision, event))
